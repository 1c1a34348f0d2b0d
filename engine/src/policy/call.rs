//! One call, in an instance of its own.
//!
//! A fresh instance costs some ten microseconds, and with it nothing that a policy did in one call
//! (leaks, caches, a half-finished panic) can reach the next one.

use std::time::Duration;

use tbengine_sdk::Timestamp;
use wasmtime::Store;

use super::bounded::{MAX_ERROR, bounded};
use super::examine::{Allowed, examine};
use super::fault::{Fault, FaultKind};
use super::guest::{Guest, GuestPre};
use super::limits::Limits;
use super::log_line::LogLine;
use super::spent::{Peak, Spent};
use super::state::State;
use super::wasi::{Seed, World, Written};

/// How often the deadlines of guests are looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// One call of a guest.
pub(super) struct Call<'a> {
    pub(super) pre: &'a GuestPre<State>,
    /// The name of the policy, for faults.
    pub(super) policy: &'a str,
    /// The function, for faults.
    pub(super) function: &'static str,
    pub(super) limits: &'a Limits,
    pub(super) timeout: Duration,
    pub(super) fuel: u64,
    pub(super) output: u64,
    pub(super) now: Timestamp,
    /// What random numbers follow from.
    pub(super) seed: Seed,
    /// Where what it takes is counted.
    pub(super) peak: Option<&'a Peak>,
}

/// The functions of an instance, and the store it lives in.
pub(super) struct Instance<'a> {
    pub(super) guest: &'a Guest,
    pub(super) store: &'a mut Store<State>,
}

impl Call<'_> {
    /// Makes an instance and calls it. What it logged comes with the answer or in the fault.
    ///
    /// The inner error of `body` is the guest's own: it could not do what it was asked.
    pub(super) fn run<T>(
        &self,
        body: impl FnOnce(Instance<'_>) -> wasmtime::Result<Result<T, String>>,
    ) -> Result<(T, Vec<LogLine>), Fault> {
        let limits = self.limits;
        let written = Written::new(usize::try_from(limits.stderr_bytes).unwrap_or(usize::MAX));
        let world = World::new(self.now, self.seed, written.clone());
        let state = State::new(world, limits);
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(State::meter);
        // One tick more, because the first one may come at once.
        let ticks = self.timeout.as_millis().div_ceil(TICK.as_millis());
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1);
        store.set_hostcall_fuel(usize::try_from(self.output).unwrap_or(usize::MAX));

        let answer = store.set_fuel(self.fuel).and_then(|()| {
            let guest = self.pre.instantiate(&mut store)?;
            body(Instance {
                guest: &guest,
                store: &mut store,
            })
        });
        if let Some(peak) = self.peak {
            let left = store.get_fuel().unwrap_or(self.fuel);
            peak.add(Spent {
                fuel: self.fuel.saturating_sub(left),
                memory: store.data().memory_used(),
            });
        }
        let log = store.into_data().into_log();
        match answer {
            Ok(Ok(answer)) => Ok((answer, log)),
            Ok(Err(refusal)) => {
                Err(self.fault(FaultKind::Refused, refusal, Vec::new(), written, log))
            }
            Err(error) => {
                let allowed = Allowed {
                    timeout: self.timeout,
                    fuel: self.fuel,
                    output: self.output,
                };
                let mut finding = examine(&error, &allowed);
                // A panic is a trap that says nothing; what it has to say was logged just before.
                if let (FaultKind::Trap, Some(last)) = (
                    finding.kind,
                    log.last().filter(|line| line.level == "error"),
                ) {
                    finding.message = format!("{}: {}", finding.message, last.message);
                }
                Err(self.fault(
                    finding.kind,
                    finding.message,
                    finding.backtrace,
                    written,
                    log,
                ))
            }
        }
    }

    fn fault(
        &self,
        kind: FaultKind,
        message: String,
        backtrace: Vec<String>,
        written: Written,
        log: Vec<LogLine>,
    ) -> Fault {
        Fault {
            policy: self.policy.to_owned(),
            function: self.function.to_owned(),
            kind,
            message: bounded(message, MAX_ERROR),
            backtrace,
            stderr: written.text(),
            log,
        }
    }
}
