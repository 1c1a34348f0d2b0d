//! The listing as an eventually consistent search index: what it shows while it lags behind.
//!
//! Readings by id are never affected. A deleted sandbox may flap as users have seen it: absent,
//! present as `started`, present as `destroying`, absent for good.

use std::collections::VecDeque;
use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::sandbox::Sandbox;
use crate::state::{Desired, State};

/// How the listing shows a sandbox until a point in time.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    until: Timestamp,
    /// `None` is not at all.
    shows: Option<Box<Sandbox>>,
}

/// How the listing shows a sandbox now.
pub(crate) enum Appearance<'a> {
    Truth,
    Absent,
    As(&'a Sandbox),
}

/// How the listing shows a sandbox now.
pub(crate) fn appearance(sandbox: &Sandbox, now: Timestamp) -> Appearance<'_> {
    match sandbox.phases.iter().find(|phase| phase.until > now) {
        None => Appearance::Truth,
        Some(Phase { shows: None, .. }) => Appearance::Absent,
        Some(Phase {
            shows: Some(old), ..
        }) => Appearance::As(old),
    }
}

/// When the listing will show the truth.
pub(crate) fn truthful_from(sandbox: &Sandbox) -> Option<Timestamp> {
    sandbox.phases.back().map(|phase| phase.until)
}

/// The phases of a sandbox that was just created.
pub(crate) fn after_creation(
    random: &mut fastrand::Rng,
    lag: Duration,
    now: Timestamp,
) -> VecDeque<Phase> {
    let phase = Phase {
        until: now.plus(lag.mul_f64(random.f64())),
        shows: None,
    };
    VecDeque::from([phase])
}

/// The phases after a change from `old` to `new`; a lag that is under way goes on.
pub(crate) fn after_change(
    old: Sandbox,
    new: &Sandbox,
    random: &mut fastrand::Rng,
    lag: Duration,
    now: Timestamp,
) -> VecDeque<Phase> {
    let deleted = old.desired != Desired::Destroyed && new.desired == Desired::Destroyed;
    if !deleted {
        if truthful_from(new).is_some_and(|until| until > now) {
            return new.phases.clone();
        }
        let until = now.plus(lag.mul_f64(random.f64()));
        return VecDeque::from([Phase {
            until,
            shows: Some(Box::new(bare(old))),
        }]);
    }
    let mut destroying = bare(new.clone());
    destroying.state = State::Destroying;
    let mut until = now;
    let mut phase = |share: f64, shows: Option<Sandbox>| {
        until = until.plus(lag.mul_f64(share));
        Phase {
            until,
            shows: shows.map(Box::new),
        }
    };
    let mut third = || 0.1 + random.f64() * 0.23;
    VecDeque::from([
        phase(third(), None),
        phase(third(), Some(bare(old))),
        phase(third(), Some(destroying)),
    ])
}

/// Without what the search index does not keep, so that the past does not pile up.
pub(crate) fn bare(mut sandbox: Sandbox) -> Sandbox {
    sandbox.phases = VecDeque::new();
    sandbox.before = None;
    sandbox
}
