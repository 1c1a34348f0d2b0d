//! Messages to the operator: shown with `-v`, and in the report of a fault. Bounded per call.

pub use crate::bindings::tbengine::policy::log::Level;

/// Logs a message. Outside WebAssembly, as in unit tests, it goes nowhere.
pub fn emit(level: Level, message: &str) {
    if cfg!(target_arch = "wasm32") {
        crate::bindings::tbengine::policy::log::emit(level, message);
    }
}

/// Logs what the operator should know.
pub fn info(message: &str) {
    emit(Level::Info, message);
}

/// Logs what the operator should look into.
pub fn warn(message: &str) {
    emit(Level::Warn, message);
}
