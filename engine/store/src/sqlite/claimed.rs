//! The record of a run that this process has to itself, to continue it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::Plan;
use tbengine_sdk::Timestamp;

use super::link::Link;
use super::locks::Locks;
use super::run::SqliteRun;
use super::writer::Writer;
use super::{StateDir, database, reader};
use crate::{ClaimedRun, Entry, Host, Record, RunLog, StoreError};

/// The record of a run that this process has locked, to continue it.
#[derive(Debug)]
pub(super) struct SqliteClaimedRun {
    pub(super) state: StateDir,
    pub(super) host: Host,
    pub(super) file: File,
    pub(super) record: Record,
    /// The number of its last row, and what binds it to those before.
    pub(super) head: (u64, Link),
}

impl SqliteClaimedRun {
    /// Locks and reads the record of a run.
    pub(super) fn lock(state: &StateDir, host: &Host, run: &str) -> Result<Self, StoreError> {
        let path = state.run(run);
        let file =
            database::open_file(&path).map_err(|source| StoreError::io("open", &path, source))?;
        // Another process may hold it for an instant, to see whether this run lives.
        let locked = (0..5).find_map(|_| match lock(&file) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::park_timeout(Duration::from_millis(5));
                None
            }
            ended => Some(ended),
        });
        match locked.unwrap_or_else(|| lock(&file)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let holders = Locks::open(state, host)?.holders()?;
                let holder = holders.into_iter().find(|holder| holder.id == run);
                return Err(StoreError::Running {
                    run: run.into(),
                    holder: holder.map(Box::new),
                });
            }
            Err(source) => return Err(StoreError::io("lock", &path, source)),
        }
        let read = reader::record(state, host, run)?;
        Ok(Self {
            state: state.clone(),
            host: host.clone(),
            file,
            head: read.head(),
            record: read.record,
        })
    }
}

#[async_trait]
impl ClaimedRun for SqliteClaimedRun {
    fn record(&self) -> &Record {
        &self.record
    }

    async fn resume(
        self: Box<Self>,
        left: &Plan,
        clock: RunClock,
    ) -> Result<Box<dyn RunLog>, StoreError> {
        Ok(Box::new(SqliteRun::resume(*self, left, clock)?))
    }

    async fn replace_by(
        self: Box<Self>,
        plan: &Plan,
        clock: RunClock,
    ) -> Result<Box<dyn RunLog>, StoreError> {
        let before = Some(&*self.record.run);
        // Whenever this process is killed, one of the two is there to be resumed.
        let run = SqliteRun::begin(&self.state, &self.host, plan, clock, before)?;
        self.note_replaced(Some(plan.header.run.clone()), clock.now())?;
        Ok(Box::new(run))
    }

    async fn replace(self: Box<Self>, at: Timestamp) -> Result<(), StoreError> {
        self.note_replaced(None, at)
    }
}

impl SqliteClaimedRun {
    fn note_replaced(self, by: Option<Arc<str>>, at: Timestamp) -> Result<(), StoreError> {
        let Self {
            state,
            host,
            file,
            record,
            head: (number, link),
        } = self;
        let mut writer = Writer::go_on(state.run(&record.run), file, number, link)?;
        writer.add(at, [Entry::Replaced { by }], |_| Ok(None::<()>))?;
        writer.settle()?;
        Locks::open(&state, &host)?.seal(&record.run, (writer.number, writer.link))
    }
}

/// Locks a file, if nobody else has.
pub(super) fn lock(file: &File) -> io::Result<()> {
    Ok(flock(file, FlockOperation::NonBlockingLockExclusive)?)
}
