//! The functions of a component, before anything compiles them.

use wasmparser::{Parser, Payload};

/// The largest body of a function, in bytes. What it costs to compile one grows faster than its size: one of 3 MiB took
/// 40 s and 4 GiB.
pub(super) const MAX_FUNCTION: usize = 1 << 20;

/// The size of the largest function of a component, in all its modules. What cannot be read ends the search: the
/// compiler says more about it.
pub(super) fn largest(bytes: &[u8]) -> usize {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let bodies = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(body.range().len()),
        _ => None,
    });
    bodies.max().unwrap_or(0)
}
