//! A thread that renews the lease, so that a slow reader of the output does not lose it.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use super::JournalError;
use super::leases::BEATS_PER_TTL;
use super::shared::{Shared, lost};

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start(shared: Arc<Shared>) -> Result<Self, JournalError> {
        let (end, ended) = mpsc::channel();
        let pause = shared.host.lease / BEATS_PER_TTL;
        let beat = move || {
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                match shared.try_renew() {
                    Ok(true) => {}
                    Ok(false) => {
                        shared.halt(lost());
                        return;
                    }
                    // There is time for some more tries before the lease runs out.
                    Err(error) => tracing::warn!(%error, "the lease was not renewed"),
                }
            }
        };
        let thread = thread::Builder::new()
            .name("lease".into())
            .spawn(beat)
            .map_err(|source| JournalError::Thread { source })?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }

    pub(super) fn end(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end();
    }
}
