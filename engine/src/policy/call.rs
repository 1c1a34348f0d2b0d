//! One call, in an instance of its own.
//!
//! A fresh instance costs some ten microseconds, and with it nothing that a policy did in one call
//! (leaks, caches, a half-finished panic) can reach the next one.

use std::time::Duration;

use tbengine_sdk::Timestamp;
use wasmtime::Store;

use super::bindings::{
    Policy as Guest, PolicyPre, exports::tbengine::policy::hooks, tbengine::policy::log,
};
use super::fault::{Allowed, examine};
use super::limits::{Limits, Meter};
use super::wasi::{World, Written};
use super::{Fault, FaultKind, LogLine};

/// How often the deadlines of guests are looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The longest error that is kept when the log is full, in bytes.
const LAST_ERROR: u64 = 4 << 10;

/// What the host keeps for one instance.
pub(super) struct State {
    pub(super) world: World,
    meter: Meter,
    log: Log,
}

/// One call of a guest.
pub(super) struct Call<'a> {
    pub(super) pre: &'a PolicyPre<State>,
    /// The name of the policy, for faults.
    pub(super) policy: &'a str,
    /// The function, for faults.
    pub(super) function: &'static str,
    pub(super) limits: &'a Limits,
    pub(super) timeout: Duration,
    pub(super) fuel: u64,
    pub(super) output: u64,
    pub(super) now: Timestamp,
    pub(super) run_id: &'a str,
}

/// The functions of an instance, and the store it lives in.
pub(super) struct Instance<'a> {
    pub(super) hooks: &'a hooks::Guest,
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
        let state = State {
            world: World::new(self.now, self.run_id, written.clone()),
            meter: Meter::new(limits.memory),
            log: Log::new(limits),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.meter);
        // One tick more, because the first one may come at once.
        let ticks = self.timeout.as_millis().div_ceil(TICK.as_millis());
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1);
        store.set_hostcall_fuel(usize::try_from(self.output).unwrap_or(usize::MAX));

        let answer = store.set_fuel(self.fuel).and_then(|()| {
            let guest: Guest = self.pre.instantiate(&mut store)?;
            let hooks = guest.tbengine_policy_hooks();
            body(Instance {
                hooks,
                store: &mut store,
            })
        });
        let log = store.into_data().log.finish();
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
            message,
            backtrace,
            stderr: written.text(),
            log,
        }
    }
}

/// What a guest logged, up to a number of lines and bytes.
struct Log {
    lines: Vec<LogLine>,
    dropped: u64,
    /// The last error of those dropped: what a panic says comes last, and matters most.
    last_error: Option<LogLine>,
    lines_left: usize,
    bytes_left: u64,
}

impl Log {
    fn new(limits: &Limits) -> Self {
        Self {
            lines: Vec::new(),
            dropped: 0,
            last_error: None,
            lines_left: limits.log_lines,
            bytes_left: limits.log_bytes,
        }
    }

    fn push(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Trace => "trace",
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let bytes = message.len() as u64;
        let line = LogLine {
            level: level.to_owned(),
            message,
        };
        // Once full it stays full, so that there are no gaps in the middle.
        if self.dropped > 0 || self.lines_left == 0 || bytes > self.bytes_left {
            self.dropped += 1;
            if level == "error" && bytes <= LAST_ERROR {
                self.last_error = Some(line);
            }
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= bytes;
        self.lines.push(line);
    }

    fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let kept = u64::from(self.last_error.is_some());
            self.lines.push(LogLine::dropped(self.dropped - kept));
            self.lines.extend(self.last_error);
        }
        self.lines
    }
}

impl LogLine {
    /// Says that there was more.
    pub(super) fn dropped(lines: u64) -> Self {
        Self {
            level: "warn".to_owned(),
            message: format!("{lines} more lines were dropped"),
        }
    }
}

impl log::Host for State {
    fn emit(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log.push(level, message);
        Ok(())
    }
}

impl super::bindings::tbengine::policy::types::Host for State {}
