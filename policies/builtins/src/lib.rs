//! The built-in policies, compiled to WebAssembly and embedded.
//!
//! Their sources are in the folder above; the build script compiles them for the toolchain's
//! `wasm32-unknown-unknown` target.

/// A policy that comes with tbengine.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

/// Every built-in policy; the first is used unless another is named.
pub const ALL: &[Builtin] = &[
    Builtin {
        name: "default",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/default.wasm")),
    },
    Builtin {
        name: "aggressive",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/aggressive.wasm")),
    },
    Builtin {
        name: "harbor",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/harbor.wasm")),
    },
    Builtin {
        name: "terminal-bench",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/terminal-bench.wasm")),
    },
];

/// The built-in policy of a name.
pub fn get(name: &str) -> Option<Builtin> {
    ALL.iter().copied().find(|builtin| builtin.name == name)
}

/// A guest that misbehaves as its parameters say, for the tests of the host.
#[cfg(feature = "testing")]
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.wasm"));

/// The policies that users ask for, for the tests of the host.
#[cfg(feature = "testing")]
pub const WISHES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wishes.wasm"));

/// A veto that does what its parameter says, for the tests of the host.
#[cfg(feature = "testing")]
pub const VETOING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vetoing.wasm"));

/// A guest that looks at the world through WASI, for the tests of the host.
#[cfg(feature = "testing")]
pub const WORLDLY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/worldly.wasm"));
