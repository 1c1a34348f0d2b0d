//! Whether a reading shows another resource than the one that was asked for.

use tbengine_sdk::{Identity, Resource};

/// Whether a reading shows another resource than the one that was asked for: then that one is gone, and its id was taken.
/// What could be read only in part may show its time of creation less exactly, or not at all, and proves nothing.
pub(super) fn is_another(found: &Resource, target: &Identity) -> bool {
    let shown = &found.identity;
    let under_its_id = Identity {
        created: target.created,
        ..shown.clone()
    };
    shown != target && (found.damaged.is_none() || under_its_id != *target)
}
