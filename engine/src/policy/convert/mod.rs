//! Candidates to records, and answers back, for each version of the contract.
//!
//! What the versions have in common is put together once, in `asked` and `pairs`. The records borrow from it and
//! from the candidates: an allocation for each would take as long as sending it.
//!
//! - `asked`: what is asked, whatever the version
//! - `pairs`: the labels and attributes of a call
//! - `to_v2`, `to_v3`: records of a version
//! - `from_v2`, `from_v3`: answers of a version

mod asked;
pub(super) mod from_v2;
pub(super) mod from_v3;
mod pairs;
pub(super) mod to_v2;
pub(super) mod to_v3;

use std::time::Duration;

use tbengine_sdk::{Identity, Resource, Timestamp};

use crate::policy::context::PolicyContext;

pub(super) use asked::Asked;

/// Writes the id as [`tbengine_sdk::ResourceId`] displays it, without the machinery of formatting.
fn push_id(text: &mut String, identity: &Identity) {
    let Identity {
        backend,
        kind,
        native,
        ..
    } = identity;
    for part in [&**backend, "/", kind.word(), "/", native.as_str()] {
        text.push_str(part);
    }
}

/// Milliseconds for the guest; nothing was created at a time before 1970.
fn unix_ms(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_unix_ms()).ok()
}

/// A time that a provider says of a resource, for the guest: by this machine's clock, as `now` is.
fn seen_here(context: &PolicyContext, resource: &Resource, time: Option<Timestamp>) -> Option<u64> {
    let backend = &resource.identity.backend;
    time.and_then(|time| unix_ms(context.clocks.here(backend, time)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
