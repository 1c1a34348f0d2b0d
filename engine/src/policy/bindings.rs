//! The host's side of the WIT, generated.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]

// Borrowing: a call lowers a million strings, and none of them needs a copy first.
wasmtime::component::bindgen!({
    path: "../sdk/policy/wit",
    world: "policy",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});
