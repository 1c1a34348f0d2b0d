//! The record of a run that this process has to itself, to continue it.

use std::fs::File;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tbengine_sdk::Timestamp;

use super::entry::Entry;
use super::leases::Leases;
use super::record::Record;
use super::writer::Writer;
use super::{Host, JournalError, StateDir, database};

/// The record of a run that this process has locked, to continue it.
#[derive(Debug)]
pub struct Locked {
    pub(super) state: StateDir,
    pub(super) file: File,
    /// What it says.
    pub record: Record,
}

impl Locked {
    /// Locks and reads the record of a run.
    ///
    /// # Errors
    /// [`JournalError::Running`] if a process holds it; otherwise as [`Record::read`].
    pub fn lock(state: &StateDir, host: &Host, run: &str) -> Result<Self, JournalError> {
        let path = state.run(run);
        let file =
            database::open_file(&path).map_err(|source| JournalError::io("open", &path, source))?;
        // Another process may hold it for an instant, to see whether this run lives.
        let locked = (0..5).find_map(|_| match lock(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                thread::park_timeout(Duration::from_millis(5));
                None
            }
            ended => Some(ended),
        });
        match locked.unwrap_or_else(|| lock(&file)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let holders = Leases::open(state, host)?.holders()?;
                let holder = holders.into_iter().find(|holder| holder.id == run);
                return Err(JournalError::Running {
                    run: run.into(),
                    holder: holder.map(Box::new),
                });
            }
            Err(source) => return Err(JournalError::io("lock", &path, source)),
        }
        let record = Record::read(state, host, run)?;
        Ok(Self {
            state: state.clone(),
            file,
            record,
        })
    }

    /// Notes that a new plan took the place of this one.
    ///
    /// # Errors
    /// [`JournalError`] if that cannot be recorded.
    pub fn replace(
        self,
        host: &Host,
        by: Option<Arc<str>>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let Record {
            run, number, link, ..
        } = self.record;
        let mut writer = Writer::go_on(self.state.run(&run), self.file, number, link)?;
        writer.add(at, [Entry::Replaced { by }], |_| Ok(None::<()>))?;
        writer.settle()?;
        Leases::open(&self.state, host)?.seal(&run, (writer.number, writer.link))
    }
}

/// Locks a file, if nobody else has.
pub(super) fn lock(file: &File) -> std::io::Result<()> {
    Ok(flock(file, FlockOperation::NonBlockingLockExclusive)?)
}
