//! The states of a sandbox, and what the service shows of them.

use serde::{Deserialize, Serialize};

/// What a sandbox is, as the service's database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub enum State {
    Creating,
    Restoring,
    Destroyed,
    Destroying,
    Started,
    Stopped,
    Starting,
    Stopping,
    Error,
    BuildFailed,
    PendingBuild,
    BuildingSnapshot,
    Unknown,
    PullingSnapshot,
    Archived,
    Archiving,
    Resizing,
    Snapshotting,
    Forking,
    Pausing,
    Paused,
    Resuming,
}

impl State {
    /// Every state, in the order in which the service's own messages list them.
    pub const ALL: [Self; 22] = [
        Self::Creating,
        Self::Restoring,
        Self::Destroyed,
        Self::Destroying,
        Self::Started,
        Self::Stopped,
        Self::Starting,
        Self::Stopping,
        Self::Error,
        Self::BuildFailed,
        Self::PendingBuild,
        Self::BuildingSnapshot,
        Self::Unknown,
        Self::PullingSnapshot,
        Self::Archived,
        Self::Archiving,
        Self::Resizing,
        Self::Snapshotting,
        Self::Forking,
        Self::Pausing,
        Self::Paused,
        Self::Resuming,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Restoring => "restoring",
            Self::Destroyed => "destroyed",
            Self::Destroying => "destroying",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Error => "error",
            Self::BuildFailed => "build_failed",
            Self::PendingBuild => "pending_build",
            Self::BuildingSnapshot => "building_snapshot",
            Self::Unknown => "unknown",
            Self::PullingSnapshot => "pulling_snapshot",
            Self::Archived => "archived",
            Self::Archiving => "archiving",
            Self::Resizing => "resizing",
            Self::Snapshotting => "snapshotting",
            Self::Forking => "forking",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
        }
    }

    /// The state of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether something is under way that a delete must not disturb.
    pub fn is_transitional(self) -> bool {
        matches!(
            self,
            Self::Creating
                | Self::Unknown
                | Self::Restoring
                | Self::Starting
                | Self::Stopping
                | Self::PullingSnapshot
                | Self::BuildingSnapshot
                | Self::Resizing
                | Self::Snapshotting
                | Self::Forking
                | Self::Pausing
                | Self::Resuming
        )
    }

    /// Whether a deleted sandbox of this state is only hidden.
    pub fn is_errored(self) -> bool {
        matches!(self, Self::Error | Self::BuildFailed)
    }
}

/// What a sandbox shall become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub enum Desired {
    Destroyed,
    Started,
    Stopped,
    Resized,
    Archived,
    Paused,
}

impl Desired {
    /// The wish that goes with a state nobody has wished to change.
    pub fn of(state: State) -> Self {
        match state {
            State::Destroyed | State::Destroying => Self::Destroyed,
            State::Stopped | State::Stopping => Self::Stopped,
            State::Archived | State::Archiving => Self::Archived,
            State::Paused | State::Pausing => Self::Paused,
            _ => Self::Started,
        }
    }
}

/// The state that the service shows: a wish that a runner has not yet heard of shows as under way.
pub fn shown(state: State, desired: Desired) -> State {
    match (state, desired) {
        (
            State::Started | State::Stopped | State::Paused | State::Archiving,
            Desired::Destroyed,
        ) => State::Destroying,
        (State::Started | State::Paused, Desired::Stopped) => State::Stopping,
        (State::Started, Desired::Paused) => State::Pausing,
        (State::Stopped, Desired::Started) => State::Starting,
        (State::Stopped, Desired::Archived) => State::Archiving,
        (State::Paused, Desired::Started) => State::Resuming,
        (State::Archived, Desired::Started) => State::Restoring,
        (State::Unknown, Desired::Started) => State::Creating,
        _ => state,
    }
}
