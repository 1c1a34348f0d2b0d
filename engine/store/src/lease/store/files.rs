//! The files of a lease: written as a whole or not at all, and forgotten when it is long over.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tbengine_sdk::Timestamp;

use super::Store;
use super::error::{LeaseError, failed};
use crate::journal::open_options;

/// How long the record of a lease that has ended is kept, to know late resources by.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The part of a lease that says what was seen being created.
pub(super) const OBSERVED: &str = "observed";

impl Store {
    /// Forgets leases that ended long ago. What cannot be removed stays for the next time.
    pub(super) fn prune(&self, now: Timestamp) {
        for id in self.ids().unwrap_or_default() {
            let ended = self.read(&id).ok().and_then(|lease| lease.ended);
            if ended
                .and_then(|at| at.age(now))
                .is_some_and(|age| age > KEPT)
            {
                for part in ["json", "baseline", OBSERVED, "log", "lock"] {
                    fs::remove_file(self.path(&id, part)).ok();
                }
            }
        }
    }

    /// Where a part of a lease lies.
    pub(super) fn path(&self, id: &str, part: &str) -> PathBuf {
        self.directory.join(format!("{id}.{part}"))
    }

    /// Writes a part so that it is there as a whole or not at all, also after a loss of power.
    pub(super) fn write<T: Serialize>(
        &self,
        id: &str,
        part: &str,
        value: &T,
    ) -> Result<(), LeaseError> {
        let path = self.path(id, part);
        let new = self.path(id, &format!("{part}.new"));
        let write = || -> io::Result<()> {
            let mut file = open_options().create(true).truncate(true).open(&new)?;
            let mut buffered = BufWriter::new(&mut file);
            serde_json::to_writer(&mut buffered, value)?;
            buffered.flush()?;
            drop(buffered);
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| failed("write", &path, source))
    }

    pub(super) fn read_file<T: DeserializeOwned>(
        &self,
        id: &str,
        part: &str,
    ) -> Result<T, LeaseError> {
        let path = self.path(id, part);
        let read = || -> io::Result<T> {
            let file = open_options().open(&path)?;
            Ok(serde_json::from_reader(BufReader::new(file))?)
        };
        read().map_err(|source| failed("read", &path, source))
    }
}
