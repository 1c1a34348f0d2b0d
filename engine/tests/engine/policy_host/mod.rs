//! The WASM host, driven with real components: the built-in policies, guests that misbehave, and
//! modules of odd shapes.

mod builtins;
mod calls;
mod faults;
mod packed;
mod presets;
mod shapes;
mod support;
mod versions;
mod vetoes;
mod wishes;
mod world;
