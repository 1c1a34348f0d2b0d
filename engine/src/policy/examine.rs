//! What went wrong in a guest, as the errors of the runtime say.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::bounded::bounded;
use super::fault::FaultKind;
use super::limits::OutOfMemory;

/// The longest frame of a backtrace, in bytes: names come from the component.
const MAX_FRAME: usize = 512;
/// The most frames of a backtrace.
const MAX_FRAMES: usize = 64;

/// What an error of the runtime says about the guest.
pub(super) struct Finding {
    pub(super) kind: FaultKind,
    pub(super) message: String,
    pub(super) backtrace: Vec<String>,
}

/// What a call was allowed, for the messages.
pub(super) struct Allowed {
    pub(super) timeout: std::time::Duration,
    pub(super) fuel: u64,
    pub(super) output: u64,
}

/// Reads the type of an error; texts change between versions of the runtime.
pub(super) fn examine(error: &wasmtime::Error, allowed: &Allowed) -> Finding {
    let (kind, message) = if let Some(memory) = error.downcast_ref::<OutOfMemory>() {
        (FaultKind::OutOfMemory, memory.to_string())
    } else if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        (FaultKind::Trap, format!("exited with code {code}"))
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        examine_trap(*trap, allowed)
    } else if is_output_exhausted(error) {
        let limit = allowed.output >> 20;
        (
            FaultKind::TooMuchOutput,
            format!("sent more than {limit} MiB to the host in one call"),
        )
    } else {
        (FaultKind::Trap, error.root_cause().to_string())
    };
    Finding {
        kind,
        message,
        backtrace: backtrace(error),
    }
}

fn examine_trap(trap: Trap, allowed: &Allowed) -> (FaultKind, String) {
    let text = match trap {
        Trap::Interrupt => {
            let timeout = humantime::format_duration(allowed.timeout);
            return (FaultKind::TimedOut, format!("ran longer than {timeout}"));
        }
        Trap::OutOfFuel => {
            return (
                FaultKind::OutOfFuel,
                format!("used up its {} units of fuel", allowed.fuel),
            );
        }
        Trap::StackOverflow => "overflowed its stack".to_owned(),
        Trap::UnreachableCodeReached => "aborted".to_owned(),
        // Rust and C keep a second stack in memory, below all else.
        Trap::MemoryOutOfBounds => {
            "out-of-bounds memory access; a stack overflow can be the cause".to_owned()
        }
        other => other.to_string(),
    };
    (FaultKind::Trap, text)
}

/// Whether the error is the runtime's for an exhausted `Store::set_hostcall_fuel`. Its type is
/// private, so its name is all there is to go by; a test with a flood notices if that changes.
fn is_output_exhausted(error: &wasmtime::Error) -> bool {
    format!("{:?}", error.root_cause()) == "HostcallFuelExhausted"
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let name = |frame: &wasmtime::FrameInfo| {
        let name = match frame.func_name() {
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
            None => format!("<function {}>", frame.func_index()),
        };
        // Where the guest was built with debug information.
        let location = frame.symbols().iter().find_map(|symbol| {
            let file = symbol.file()?;
            Some(format!("{file}:{}", symbol.line()?))
        });
        let frame = match location {
            Some(location) => format!("{name} at {location}"),
            None => name,
        };
        bounded(frame, MAX_FRAME)
    };
    backtrace
        .frames()
        .iter()
        .take(MAX_FRAMES)
        .map(name)
        .collect()
}
