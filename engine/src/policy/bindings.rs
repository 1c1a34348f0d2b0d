//! The host's side of the contract, generated for each version of it.

use wasmtime::component::{HasSelf, Linker};

use super::state::State;

/// `tbengine:policy@2`, as generated.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    reason = "generated"
)]
pub(super) mod v2 {
    // Borrowing: a call lowers a million strings, and none of them needs a copy first.
    wasmtime::component::bindgen!({
        path: "../sdk/policy/wit/2.0",
        world: "policy",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// `tbengine:policy@3`, as generated: both of its worlds in one, so that they have the same types. No component is of
/// that world; its interfaces are used one by one.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    reason = "generated"
)]
pub(super) mod v3 {
    wasmtime::component::bindgen!({
        inline: "
            package tbengine:host;

            world both {
                include tbengine:policy/policy@3.0.0;
                include tbengine:policy/veto@3.0.0;
            }
        ",
        path: "../sdk/policy/wit/3.0",
        world: "tbengine:host/both",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The log, as each version names it.
pub(super) use v2::tbengine::policy::log as log_2;
pub(super) use v3::tbengine::policy::log as log_3;

/// Grants every version its imports: the log, and types of which there is nothing to implement.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    v2::Policy::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    v3::Both::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
