//! What forbids a step that was planned, now that its resource is read again.

use tbengine_sdk::{Resource, State, Timestamp};

use crate::plan::saved::difference;
use crate::plan::{Step, safeguards};

/// What of a resource is not as the plan saw it, or protects it now. `now` is the earlier of the times here and at the
/// provider.
pub(super) fn changed(step: &Step, resource: &Resource, now: Timestamp) -> Option<String> {
    if let Some(detail) = difference(step, resource) {
        return Some(detail);
    }
    if resource.state == State::Unknown {
        return Some("its state is unknown now".into());
    }
    safeguards::protection(resource, now)
        .err()
        .map(|(_, detail)| format!("protected after the plan was made: {detail}"))
}
