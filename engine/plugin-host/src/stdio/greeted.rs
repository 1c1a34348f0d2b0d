//! The process that has said what its plugin is.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::group::lock;
use super::process::Process;

/// The process that has said what its plugin is, until a backend is opened in it: interpreters and the libraries of
/// providers take seconds to start, so that no command starts a program twice for one backend. Where none is opened, it
/// ends with the last copy of this.
#[derive(Clone, Default)]
pub(crate) struct Greeted(Arc<Kept>);

#[derive(Default)]
struct Kept(Mutex<Option<Arc<Process>>>);

impl Greeted {
    /// Keeps a process.
    pub(super) fn keep(&self, process: Arc<Process>) {
        *lock(&self.0.0) = Some(process);
    }

    /// The process, if it is alive and was not taken before.
    pub(super) fn take(&self) -> Option<Arc<Process>> {
        let process = lock(&self.0.0).take();
        process.filter(|process| process.is_alive())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(process) = lock(&self.0).take() {
            process.kill();
        }
    }
}

impl fmt::Debug for Greeted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = lock(&self.0.0).is_some();
        f.debug_tuple("Greeted").field(&waits).finish()
    }
}
