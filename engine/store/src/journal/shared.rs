//! What the executors, the reporter and the heartbeat of one run share: the record, the lease, and what
//! stops the run once either is lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tbengine_sdk::{Identity, ResourceId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use tbengine_engine::facts::resource_key;

use super::leases::{Leases, still_claims};
use super::writer::Writer;
use super::{Host, JournalError, quarantine};
use tbengine_engine::apply::{Halt, Ledger as _};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::ActionKind;
use tbengine_engine::report::{Outcome, Report, StepResult};

/// What the executors, the reporter and the heartbeat share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) run: Arc<str>,
    pub(super) clock: RunClock,
    pub(super) host: Host,
    /// Closed before the connection to the shared file, so that its log is left alone.
    pub(super) recorder: Mutex<Recorder>,
    pub(super) leases: Mutex<Leases>,
    pub(super) lease: Lease,
    /// Whether the lease was given back.
    pub(super) ended: AtomicBool,
    pub(super) halt: OnceLock<Halt>,
    pub(super) stop: OnceLock<CancellationToken>,
    /// The steps of the approved plan.
    pub(super) places: HashMap<ResourceId, Place>,
    /// How steps ended before this process continued the run.
    pub(super) settled: Vec<Outcome>,
}

/// What this run holds of the shared file.
#[derive(Debug)]
pub(super) struct Lease {
    /// The fence of its claims.
    pub(super) fence: u64,
    /// How many resources it claims.
    pub(super) claims: usize,
    /// When it ends, by the host's uptime.
    pub(super) expires: AtomicU64,
}

/// The record, and outcomes that need not be written at once.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) writer: Writer,
    /// Steps that were never begun, or may be begun again: without these rows they count as that.
    pub(super) later: Vec<Entry>,
}

/// One step of the approved plan.
#[derive(Debug)]
pub(super) struct Place {
    /// Its number there.
    pub(super) step: usize,
    /// Of what it acts on, that which its id does not say.
    pub(super) account: Arc<str>,
    pub(super) created: Option<Timestamp>,
    /// Whether a request was about to be sent before this process continued the run.
    pub(super) intended: bool,
}

impl Place {
    pub(super) fn identity(&self, id: &ResourceId) -> Identity {
        Identity {
            backend: id.backend.clone(),
            account: self.account.clone(),
            kind: id.kind,
            native: id.native.clone(),
            created: self.created,
        }
    }
}

impl Shared {
    pub(super) fn halt(&self, why: Halt) -> &Halt {
        let why = self.halt.get_or_init(|| why);
        if let Some(stop) = self.stop.get() {
            stop.cancel();
        }
        why
    }

    /// Renews the lease, or stops the run: once its time is over, the shared file has the last word, since
    /// nobody may have taken the claims.
    pub(super) fn renew_or_halt(&self) -> Result<(), Halt> {
        match self.try_renew() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.halt(lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Renews the lease; `false` if it is lost.
    pub(super) fn try_renew(&self) -> Result<bool, JournalError> {
        let head = {
            let recorder = self.recorder();
            (recorder.writer.number, recorder.writer.link)
        };
        let mut leases = lock_of(&self.leases);
        if self.ended.load(Ordering::Acquire) {
            return Ok(true);
        }
        let renewed = leases.renew(&self.run, self.lease.fence, self.lease.claims, head)?;
        if let Some(expires) = renewed {
            self.lease.expires.store(expires, Ordering::Release);
        }
        Ok(renewed.is_some())
    }

    /// Notes that a request is about to be sent, if it still may be.
    pub(super) fn note_intent(
        &self,
        target: &Identity,
        act: ActionKind,
        force: bool,
    ) -> Result<(), Halt> {
        if let Some(halt) = self.halt.get() {
            return Err(halt.clone());
        }
        if !self.holds() {
            self.renew_or_halt()?;
        }
        let id = target.id();
        let Some(place) = self.places.get(&id) else {
            let why = format!("{id} is not part of the approved plan");
            return Err(self.halt(Halt::Journal(why)).clone());
        };
        let key = resource_key(&place.identity(&id));
        let intent = Entry::Intent {
            step: place.step,
            act,
            force,
            fence: self.lease.fence,
        };
        let added = self
            .recorder()
            .writer
            .add(self.clock.now(), [intent], |all| {
                Ok((!still_claims(all, &key, self.lease.fence)?).then_some(()))
            });
        match added {
            Ok(None) => Ok(()),
            Ok(Some(())) => Err(self.halt(lost()).clone()),
            Err(error) => Err(self.halt(Halt::Journal(error.to_string())).clone()),
        }
    }

    /// Adds a row. What cannot be written stops the run.
    pub(super) fn note(&self, at: Timestamp, entry: Entry) {
        let added = self.recorder().writer.add(at, [entry], |_| Ok(None::<()>));
        if let Err(error) = added {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// Adds the outcome of a step; of one that can be resumed, at the latest at the end.
    pub(super) fn note_outcome(&self, at: Timestamp, outcome: &Outcome) {
        let entry = Entry::Outcome(outcome.clone());
        if outcome.result == StepResult::Cancelled {
            self.recorder().later.push(entry);
        } else {
            self.note(at, entry);
        }
    }

    /// Ends the record durably and gives the claims back.
    pub(super) fn end(&self, at: Timestamp, report: &Report) {
        let ended = {
            let mut recorder = self.recorder();
            let mut last = std::mem::take(&mut recorder.later);
            last.push(Entry::Ended {
                interrupted: report.interrupted,
                halted: self.halt.get().map(ToString::to_string),
                took_ms: report.took_ms,
            });
            let writer = &mut recorder.writer;
            let written = writer.add(at, last, |_| Ok(None::<()>));
            written
                .and_then(|_| writer.settle())
                .map(|()| (writer.number, writer.link))
        };
        let (head, failed) = match ended {
            Ok(head) => (Some(head), None),
            Err(error) => (None, Some(error)),
        };
        let mut leases = lock_of(&self.leases);
        self.ended.store(true, Ordering::Release);
        let released = leases.release(&self.run, self.lease.fence, head, |all| {
            quarantine::note(all, &self.run, at, self.identities_of(report))
        });
        drop(leases);
        if let Some(error) = failed.or(released.err()) {
            self.halt(Halt::Journal(error.to_string()));
        }
    }

    /// The outcomes with the identities that they are about.
    fn identities_of<'a>(
        &self,
        report: &'a Report,
    ) -> impl Iterator<Item = (&'a Outcome, Identity)> {
        report.outcomes.iter().filter_map(|outcome| {
            let id = &outcome.id.0;
            Some((outcome, self.places.get(id)?.identity(id)))
        })
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock_of(&self.recorder)
    }
}

/// The halt of a run whose claims another one has taken.
pub(super) fn lost() -> Halt {
    Halt::Lease("its lease ran out, and another run has taken over some of its resources".into())
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done where a holder could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
