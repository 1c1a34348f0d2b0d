//! What is done with a cloud sandbox that has ended.

use tbengine_policy::params::FromParam;
use tbengine_policy::types::{Description, ParamType, Resource, State};

/// What is done with a cloud sandbox that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is deleted.
    Delete,
    /// It is moved to cold storage, and stays there.
    Archive,
}

impl Ended {
    /// The name of the parameter.
    pub(crate) const PARAM: &str = "ended";

    /// Adds the parameter to a description.
    pub(crate) fn described(own: Description) -> Description {
        own.param(
            Self::PARAM,
            ParamType::Text,
            Some("delete"),
            "What is done with sandboxes that were stopped: `delete`, or `archive` where the provider can archive \
             them. With `archive`, archived sandboxes are kept.",
        )
    }

    /// Whether a resource is archived instead of being deleted. What failed cannot be, and containers cannot either.
    pub(crate) fn archives(self, one: &Resource) -> bool {
        self == Self::Archive && one.state == State::Stopped
    }

    /// Whether a resource is where it is meant to stay.
    pub(crate) fn keeps(self, one: &Resource) -> bool {
        self == Self::Archive && one.state == State::Archived
    }
}

impl FromParam for Ended {
    const WHAT: &'static str = "delete or archive";

    fn from_param(text: &str) -> Option<Self> {
        match text {
            "delete" => Some(Self::Delete),
            "archive" => Some(Self::Archive),
            _ => None,
        }
    }
}
