//! The store in a directory: the suite, and what is only true of files.

mod before;
mod claims;
mod leases;
mod runs;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tbengine_store::Store;

use crate::suite::Subject;
use crate::support::{Home, host, pass};

impl Subject for Home {
    fn store_of(&self, pid: u32) -> Arc<dyn Store> {
        Arc::new(self.store_of(&host(pid)))
    }

    fn pass(&self, time: Duration) {
        pass(time);
    }

    fn damage(&self, lease: &str) {
        let path = self.file(&format!("{lease}.json"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
    }

    fn write_later(&self, lease: &str) {
        let path = self.file(&format!("{lease}.json"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen('{', "{\"regions\":[\"eu\"],", 1)).unwrap();
    }
}

/// Every trial of the suite.
mod suite {
    suite!(crate::support::Home::new());
}
