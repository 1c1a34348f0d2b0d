//! What the host keeps for one instance, and grants it.

use wasmtime::ResourceLimiter;
use wasmtime::component::Linker;
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::bindings::{self, log_1, log_2, types};
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

impl log_1::Host for State {
    fn emit(&mut self, level: log_1::Level, message: String) -> wasmtime::Result<()> {
        self.log.push(level, message);
        Ok(())
    }
}

impl log_2::Host for State {
    fn emit(&mut self, level: log_2::Level, message: String) -> wasmtime::Result<()> {
        log_1::Host::emit(self, level.into(), message)
    }
}

impl types::Host for State {}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.world.view()
    }
}
