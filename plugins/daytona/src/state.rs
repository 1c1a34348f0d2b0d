//! From the service's states to ours. The service adds states as it likes; those we do not know are
//! unknown, and unknown means keep.

use tbengine_sdk::State;

/// The desired state of what is being deleted.
pub(crate) const DESTROYED: &str = "destroyed";

/// Whether a sandbox in this state would only be hidden by a deletion.
pub(crate) fn is_errored(state: &str) -> bool {
    matches!(state, "error" | "build_failed")
}

/// Whether a sandbox is in cold storage, or on its way there.
pub(crate) fn is_in_storage(state: &str, desired: &str) -> bool {
    matches!(state, "archived" | "archiving") && desired != "started"
        || state == "stopped" && desired == "archived"
}

/// The state of a sandbox, from what it is and what it shall be.
pub(crate) fn of_sandbox(state: &str, desired: &str) -> State {
    match state {
        // Deleted while it is so, it is hidden, and nothing is on its way.
        _ if is_errored(state) => State::Failed,
        "destroying" | DESTROYED => State::Removing,
        _ if desired == DESTROYED => State::Removing,
        "stopped" | "archived" if !is_known(desired) => State::Unknown,
        "stopped" if desired == "started" => State::Pending,
        "stopped" | "archiving" => State::Stopped,
        "archived" if desired == "started" => State::Pending,
        "archived" => State::Archived,
        "paused" => State::Paused,
        // On its way to stopped or paused, or busy with itself, but not there yet.
        "started" | "stopping" | "pausing" | "resizing" | "snapshotting" | "forking" => {
            State::Running
        }
        "creating" | "restoring" | "starting" | "resuming" | "pulling_snapshot"
        | "building_snapshot" | "pending_build" => State::Pending,
        _ => State::Unknown,
    }
}

/// Whether what a sandbox shall be is a word that we know. What is at rest and shall be something else may start.
fn is_known(desired: &str) -> bool {
    matches!(
        desired,
        "" | "started" | "stopped" | "archived" | "paused" | "resized" | DESTROYED
    )
}

/// The state of a snapshot.
pub(crate) fn of_snapshot(state: &str) -> State {
    match state {
        "active" | "inactive" => State::Present,
        "building" | "pending" | "pulling" | "snapshotting" => State::Pending,
        "error" | "build_failed" => State::Failed,
        "removing" => State::Removing,
        _ => State::Unknown,
    }
}

/// The state of a volume.
pub(crate) fn of_volume(state: &str) -> State {
    match state {
        "ready" => State::Present,
        "creating" | "pending_create" => State::Pending,
        "error" => State::Failed,
        "pending_delete" | "deleting" | "deleted" => State::Removing,
        _ => State::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_sandbox() {
        for (state, want) in [
            ("creating", State::Pending),
            ("restoring", State::Pending),
            ("destroyed", State::Removing),
            ("destroying", State::Removing),
            ("started", State::Running),
            ("stopped", State::Stopped),
            ("starting", State::Pending),
            ("stopping", State::Running),
            ("error", State::Failed),
            ("build_failed", State::Failed),
            ("pending_build", State::Pending),
            ("building_snapshot", State::Pending),
            ("unknown", State::Unknown),
            ("pulling_snapshot", State::Pending),
            ("archived", State::Archived),
            ("archiving", State::Stopped),
            ("resizing", State::Running),
            ("snapshotting", State::Running),
            ("forking", State::Running),
            ("pausing", State::Running),
            ("paused", State::Paused),
            ("resuming", State::Pending),
            ("hibernating", State::Unknown),
            ("", State::Unknown),
        ] {
            assert_eq!(of_sandbox(state, ""), want, "{state}");
            let deleted = match want {
                State::Failed => State::Failed,
                _ => State::Removing,
            };
            assert_eq!(of_sandbox(state, DESTROYED), deleted, "{state}");
        }
        assert_eq!(of_sandbox("stopped", "started"), State::Pending);
        assert_eq!(of_sandbox("archived", "started"), State::Pending);
        assert_eq!(of_sandbox("started", "stopped"), State::Running);
        assert_eq!(of_sandbox("stopped", "archived"), State::Stopped);
        assert_eq!(of_sandbox("stopped", "thawed"), State::Unknown);
    }

    #[test]
    fn what_is_not_known_of_snapshots_and_volumes_is_unknown() {
        assert_eq!(of_snapshot("inactive"), State::Present);
        assert_eq!(of_snapshot("removing"), State::Removing);
        assert_eq!(of_snapshot("thawing"), State::Unknown);
        assert_eq!(of_volume("ready"), State::Present);
        assert_eq!(of_volume("pending_delete"), State::Removing);
        assert_eq!(of_volume("thawing"), State::Unknown);
    }
}
