//! What the host keeps for one instance, and grants it.

use wasmtime::ResourceLimiter;
use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::bindings::{self, log_2, log_3, v2, v3};
use super::limits::{Limits, Meter};
use super::log::Log;
use super::log_line::LogLine;
use super::wasi::{self, World};

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

    /// How many bytes of memory it has.
    pub(super) fn memory_used(&self) -> u64 {
        self.meter.used()
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

macro_rules! log_host {
    ($log:ident) => {
        impl $log::Host for State {
            fn emit(&mut self, level: $log::Level, message: String) -> wasmtime::Result<()> {
                let level = match level {
                    $log::Level::Trace => "trace",
                    $log::Level::Debug => "debug",
                    $log::Level::Info => "info",
                    $log::Level::Warn => "warn",
                    $log::Level::Error => "error",
                };
                self.log.push(level, message);
                Ok(())
            }
        }
    };
}

log_host!(log_2);
log_host!(log_3);

impl v2::tbengine::policy::types::Host for State {}
impl v2::tbengine::policy::verdicts::Host for State {}
impl v3::tbengine::policy::types::Host for State {}
impl v3::tbengine::policy::verdicts::Host for State {}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.world.view()
    }
}
