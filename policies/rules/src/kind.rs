//! What sorts of resources there are.

use tbengine_policy::types::Kind;

/// Whether a kind runs and ends by itself.
pub(crate) fn lives(kind: Kind) -> bool {
    matches!(kind, Kind::Container | Kind::Sandbox)
}
