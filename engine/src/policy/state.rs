//! What the host keeps for one instance, and grants it.

use wasmtime::ResourceLimiter;
use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::bindings::{self, log_2, tbengine::policy::log, tbengine::policy::types};
use super::limits::{Limits, Meter};
use super::log_line::LogLine;
use super::wasi::{self, World};

/// The longest error that is kept when the log is full, in bytes.
const LAST_ERROR: u64 = 4 << 10;

/// What the host keeps for one instance.
pub(super) struct State {
    world: World,
    meter: Meter,
    log: Log,
}

impl State {
    /// The state of an instance in this world, which has used nothing yet.
    pub(super) fn new(world: World, limits: &Limits) -> Self {
        Self {
            world,
            meter: Meter::new(limits.memory),
            log: Log::new(limits),
        }
    }

    /// What counts its memory.
    pub(super) fn meter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.meter
    }

    /// What it logged.
    pub(super) fn into_log(self) -> Vec<LogLine> {
        self.log.finish()
    }
}

/// Grants guests all that they may import.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::add_to_linker(linker)?;
    wasi::add_to_linker(linker, |state| &mut state.world)
}

impl log::Host for State {
    fn emit(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log.push(level, message);
        Ok(())
    }
}

impl log_2::Host for State {
    fn emit(&mut self, level: log_2::Level, message: String) -> wasmtime::Result<()> {
        log::Host::emit(self, level.into(), message)
    }
}

impl types::Host for State {}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.world.view()
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
