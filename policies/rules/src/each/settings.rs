//! The parameters of the policies that evaluate each resource by itself, and their values.

use std::time::Duration;

use tbengine_policy::params::{ParamError, Params, describe};
use tbengine_policy::types::{Description, Judging, ParamType};

use super::profile::Profile;
use super::scope::Scope;
use crate::effort::{self, Effort};
use crate::ended::Ended;

/// The values in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the parameters do not change.
    pub profile: Profile,
    /// How old what is dead must be.
    pub dead_older_than: Duration,
    /// How old what runs must be.
    pub running_older_than: Duration,
    /// What is done with sandboxes that were stopped.
    pub ended: Ended,
    /// Which resources are considered.
    pub scope: Scope,
    /// How many of each unit are spared.
    pub keep_newest: u64,
    /// How hard is tried.
    pub effort: Effort,
}

/// Name, version and parameters of a built-in policy.
pub fn description(profile: &Profile) -> Description {
    use ParamType::{Duration, Integer, Words};
    let own = describe(profile.name, env!("CARGO_PKG_VERSION"), profile.summary, Judging::Units)
        .param("dead-older-than", Duration, Some(profile.dead_older_than),
            "Deletes containers and sandboxes that ended longer ago than this, or were created longer ago and never started. Also the minimum age of unused networks and volumes and of dangling images.")
        .param("running-older-than", Duration, Some(profile.running_older_than),
            "Deletes running containers and sandboxes created longer ago than this, if facts prove that a \
             benchmark or a run of tbengine made them, or a label in the scope claims them. Also the minimum age of images and snapshots that a benchmark made, because many trials share them.")
        .param("states", Words, None,
            "Considers resources in these states only, e.g. `exited,dead`. Networks, volumes and images are `present`.")
        .param("labels", Words, None,
            "Considers resources with these labels only, each written `key` or `key=value`. Several with one key are alternatives; different keys must all match.")
        .param("kinds", Words, None,
            "Considers resources of these kinds only, e.g. `container,network`.")
        .param("keep-newest", Integer, Some("0"),
            "Keeps this many of the newest of each kind in each unit, and of each kind in each backend of those \
             without a unit. What is not considered does not count.");
    effort::described(
        Ended::described(own),
        profile.stop_timeout,
        profile.attempts,
        profile.retry_delay,
    )
}

impl Settings {
    /// Reads the values.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub fn read(profile: Profile, params: &Params) -> Result<Self, ParamError> {
        Ok(Self {
            profile,
            dead_older_than: params.required("dead-older-than")?,
            running_older_than: params.required("running-older-than")?,
            ended: params.required(Ended::PARAM)?,
            scope: Scope::read(params)?,
            keep_newest: params.required("keep-newest")?,
            effort: Effort::read(params, profile.escalate_after)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use tbengine_policy::types::State;

    use super::*;
    use crate::each::profile::{AGGRESSIVE, DEFAULT};
    use crate::each::samples::settings;

    #[test]
    fn every_parameter_is_described_and_read() {
        let set = settings(
            DEFAULT,
            &[
                ("dead-older-than", "1000"),
                ("running-older-than", "2000"),
                ("ended", "archive"),
                ("states", "exited,dead"),
                ("labels", "a=1"),
                ("kinds", "container"),
                ("keep-newest", "3"),
                ("stop-timeout", "4000"),
                ("force", "true"),
                ("attempts", "4"),
                ("retry-delay", "2000"),
                ("retry-factor", "1.5"),
            ],
        )
        .unwrap();
        assert_eq!(set.dead_older_than, Duration::from_secs(1));
        assert_eq!(set.running_older_than, Duration::from_secs(2));
        assert_eq!(set.scope.states, [State::Exited, State::Dead]);
        assert_eq!(set.scope.kinds, ["container"]);
        assert_eq!(set.ended, Ended::Archive);
        assert_eq!(
            (set.keep_newest, set.effort.force, set.effort.attempts),
            (3, true, Some(4))
        );
        assert_eq!(set.effort.stop_timeout, Some(Duration::from_secs(4)));
        assert_eq!(
            (set.effort.retry_delay, set.effort.retry_factor),
            (Some(Duration::from_secs(2)), 1.5)
        );
        assert_eq!(description(&DEFAULT).params.len(), 12);
    }

    #[test]
    fn a_word_that_cannot_be_a_state_or_kind_is_an_error() {
        let error = settings(DEFAULT, &[("states", "exited,gone")]).unwrap_err();
        assert_eq!(error.param, "states");
        assert!(
            error
                .message
                .starts_with("`gone` is none of pending, created"),
            "{}",
            error.message
        );
        assert_eq!(
            settings(DEFAULT, &[("kinds", "Pod")]).unwrap_err().param,
            "kinds"
        );
    }

    #[test]
    fn zero_attempts_and_a_shrinking_delay_are_errors() {
        assert_eq!(
            settings(AGGRESSIVE, &[("attempts", "0")])
                .unwrap_err()
                .param,
            "attempts"
        );
        assert_eq!(
            settings(AGGRESSIVE, &[("retry-factor", "0.5")])
                .unwrap_err()
                .param,
            "retry-factor"
        );
    }
}
