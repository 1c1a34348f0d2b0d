//! Who holds a lease: whether it counts, taking it over, and letting it hold for longer.

use std::fs::File;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::error::{LeaseError, failed};
use super::{Held, Store};
use crate::journal::{Host, open_options};
use crate::lease::record::{Claim, Lease};

/// Looking at a lock takes it for a moment, so it is tried so often.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Whether a lease counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is held, or its time is not over.
    Live,
    /// Nobody holds it, and what was made under it has not been swept.
    Over,
    /// What was made under it was seen to be gone.
    Ended,
}

impl Store {
    /// Whether a lease counts.
    pub fn standing(&self, lease: &Lease, host: &Host) -> Standing {
        if lease.ended.is_some() {
            return Standing::Ended;
        }
        let live = match &lease.claim {
            Claim::Time {
                expires_ms, boot, ..
            } => *boot == host.process.boot && host.uptime_ms() < *expires_ms,
            Claim::Lock => self.is_locked(&lease.id),
        };
        if live { Standing::Live } else { Standing::Over }
    }

    pub(super) fn is_locked(&self, id: &str) -> bool {
        match open_options().open(self.path(id, "lock")) {
            Ok(lock) => flock(lock, FlockOperation::NonBlockingLockShared).is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Takes over a lease that is over, to sweep. `None` if it has ended meanwhile.
    ///
    /// # Errors
    /// [`LeaseError::Held`] if it is live, or someone else sweeps it; [`LeaseError::Later`] if a later
    /// version has to sweep it.
    pub fn adopt(&self, id: &str, host: &Host) -> Result<Option<Held>, LeaseError> {
        let held = self.lock(id)?;
        match self.standing_when_locked(&held.lease, host) {
            Standing::Live => Err(LeaseError::Held { id: id.to_owned() }),
            Standing::Over if !held.lease.is_understood() => {
                Err(LeaseError::Later { id: id.to_owned() })
            }
            Standing::Over => Ok(Some(held)),
            Standing::Ended => Ok(None),
        }
    }

    /// Ends the time of a lease now, and takes it over to sweep. `None` if it has ended before.
    ///
    /// # Errors
    /// [`LeaseError::Held`] if processes hold it by its lock, or someone sweeps it; [`LeaseError::Later`] if
    /// a later version has to sweep it.
    pub fn release(&self, id: &str) -> Result<Option<Held>, LeaseError> {
        let mut held = self.lock(id)?;
        if held.lease.ended.is_some() {
            return Ok(None);
        }
        if !held.lease.is_understood() {
            return Err(LeaseError::Later { id: id.to_owned() });
        }
        if let Claim::Time { expires_ms, .. } = &mut held.lease.claim {
            *expires_ms = 0;
        }
        self.write(id, "json", &held.lease)?;
        Ok(Some(held))
    }

    /// Renews a lease that is claimed by time.
    ///
    /// # Errors
    /// [`LeaseError::Over`] if it is too late, [`LeaseError::Held`] if it is claimed by its lock.
    pub fn renew(&self, id: &str, host: &Host) -> Result<Lease, LeaseError> {
        let mut held = self.lock(id)?;
        if self.standing_when_locked(&held.lease, host) != Standing::Live {
            return Err(LeaseError::Over { id: id.to_owned() });
        }
        if let Claim::Time {
            ttl_ms, expires_ms, ..
        } = &mut held.lease.claim
        {
            *expires_ms = host.uptime_ms().saturating_add(*ttl_ms);
        }
        self.write(id, "json", &held.lease)?;
        Ok(held.lease)
    }

    /// A lease whose lock another process handed to this one.
    ///
    /// # Errors
    /// If its record cannot be read.
    pub fn inherit(&self, id: &str, lock: File) -> Result<Held, LeaseError> {
        Ok(Held {
            store: self.clone(),
            lease: self.read(id)?,
            lock,
        })
    }

    fn standing_when_locked(&self, lease: &Lease, host: &Host) -> Standing {
        match (&lease.ended, &lease.claim) {
            (None, Claim::Lock) => Standing::Over,
            _ => self.standing(lease, host),
        }
    }

    fn lock(&self, id: &str) -> Result<Held, LeaseError> {
        // Reading first tells an unknown lease from one that is locked.
        self.read(id)?;
        let path = self.path(id, "lock");
        let lock = open_options()
            .open(&path)
            .map_err(|source| failed("open", &path, source))?;
        for _ in 0..LOCK_TRIES {
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return self.inherit(id, lock);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "another process looks at the lock for a moment; no backend is waited for"
            )]
            thread::sleep(LOCK_PAUSE);
        }
        Err(LeaseError::Held { id: id.to_owned() })
    }
}
