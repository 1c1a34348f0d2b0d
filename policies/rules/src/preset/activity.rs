//! Whether a unit of containers is finished.

use std::time::Duration;

use tbengine_policy::types::{Context, Resource, State};

use super::profile::Preset;
use super::stamp::earliest_start;
use super::unit::Unit;
use crate::kind::lives;
use crate::reason::Reason;

/// What a unit is doing.
#[derive(Debug)]
pub(crate) enum Activity<'a> {
    /// For so long nothing of it has run.
    Ended(Duration),
    /// It has no containers, and what is left of it was made so long ago.
    Empty(Duration),
    /// Its main container ended so long ago, and others run on.
    Headless(&'a Resource, Duration),
    /// It runs, and what does was made so long ago.
    Runs(Duration),
    /// The facts do not say, for this reason.
    Unclear(String),
}

use Activity::{Empty, Ended, Headless, Runs, Unclear};

impl<'a> Activity<'a> {
    /// Judges by all members that are among these resources.
    pub(crate) fn of(
        preset: &Preset,
        context: &Context,
        unit: &Unit<'a>,
        resources: &[Resource],
    ) -> Self {
        if let Some(why) = unseen_user(unit, resources).or_else(|| wrong_clock(preset, unit)) {
            return Unclear(why);
        }
        if unit.containers.is_empty() {
            return match youngest(context, &unit.used) {
                Some(age) => Empty(age),
                None => Unclear("age unknown".to_owned()),
            };
        }
        let odd = |one: &&&Resource| !(one.is_dead() || one.is_running());
        if let Some(odd) = unit.containers.iter().find(odd) {
            return Unclear(match odd.state {
                State::Removing => "its unit is being removed".to_owned(),
                _ => Reason::new("the state of `")
                    .text(&odd.name)
                    .text("` is unknown")
                    .done(),
            });
        }
        let (running, dead): (Vec<_>, Vec<_>) =
            unit.containers.iter().partition(|one| one.is_running());
        if running.is_empty() {
            return ended(context, &dead, &unit.used);
        }
        if let Some((main, age)) = ended_main(preset, context, &unit.containers, &running) {
            return Headless(main, age);
        }
        match youngest(context, &running) {
            Some(age) => Runs(age),
            None => Unclear("how long its unit has run is unknown".to_owned()),
        }
    }

    /// What it says about the members of its unit, with the limit that decides.
    pub(crate) fn explain(
        &self,
        reason: Reason,
        preset: &Preset,
        limit: Duration,
        goes: bool,
    ) -> Reason {
        let made = |reason: Reason, age| {
            let reason = reason.time(age).text(" ago");
            if goes {
                reason.older_than(limit)
            } else {
                reason.not_yet(limit)
            }
        };
        match self {
            Ended(age) => {
                let reason = reason.text("nothing of its unit has run for ").time(*age);
                if goes {
                    reason.longer_than(limit)
                } else {
                    reason.not_yet_longer(limit)
                }
            }
            Empty(age) => made(reason.text("its unit has no containers; created "), *age),
            Headless(main, age) => {
                let over = reason
                    .text("its unit is finished: `")
                    .text(&main.name)
                    .text("` ");
                made(over.state(main).text(" "), *age)
            }
            Runs(age) => made(
                reason
                    .text("its unit runs, made by ")
                    .text(preset.name)
                    .text(" "),
                *age,
            ),
            Unclear(why) => reason.text(why),
        }
    }
}

/// Since when nothing runs. A network that was made after the last end says that someone begins anew.
fn ended<'a>(context: &Context, dead: &[&Resource], used: &[&Resource]) -> Activity<'a> {
    let ages: Option<Vec<Duration>> = dead.iter().map(|one| one.age(context)).collect();
    let made = used.iter().filter_map(|one| one.age(context));
    match ages.map(|ages| ages.into_iter().chain(made).min()) {
        Some(Some(age)) => Ended(age),
        _ => Unclear("how long its unit has been stopped is unknown".to_owned()),
    }
}

/// The main container and how long ago it ended, if all main containers have, and nothing that runs was
/// made since.
fn ended_main<'a>(
    preset: &Preset,
    context: &Context,
    containers: &[&'a Resource],
    running: &[&Resource],
) -> Option<(&'a Resource, Duration)> {
    let mains = containers.iter().filter(|one| preset.main.is(one));
    let mut last: Option<(&'a Resource, u64)> = None;
    for main in mains {
        if !matches!(main.state, State::Exited | State::Dead) {
            return None;
        }
        let finished = main.finished?;
        if last.is_none_or(|(_, latest)| finished > latest) {
            last = Some((main, finished));
        }
    }
    let (main, finished) = last?;
    let is_older = |one: &&Resource| one.created.is_some_and(|created| created < finished);
    let age = context.now.checked_sub(finished)?;
    running
        .iter()
        .all(is_older)
        .then_some((main, Duration::from_millis(age)))
}

/// The age of the youngest; `None` if that of any is unknown, or there are none.
fn youngest(context: &Context, all: &[&Resource]) -> Option<Duration> {
    let ages: Option<Vec<Duration>> = all.iter().map(|one| one.age(context)).collect();
    ages?.into_iter().min()
}

/// Something uses the unit's networks or volumes that was not sent: it may be a member that runs.
fn unseen_user(unit: &Unit<'_>, resources: &[Resource]) -> Option<String> {
    unit.used.iter().find_map(|used| {
        let odd = used.users(resources).find(|user| !lives(user));
        let reason = match odd {
            Some(odd) => Reason::new("`").text(&odd.id).text("`"),
            None if used.used_by_others > 0 => Reason::new("something out of scope"),
            None => return None,
        };
        let reason = reason.text(" uses `").text(&used.name);
        Some(reason.text("` of its unit").done())
    })
}

/// A run ends in the time of its start, and its trials are made later: else one of the clocks is wrong.
fn wrong_clock(preset: &Preset, unit: &Unit<'_>) -> Option<String> {
    let start = earliest_start(unit.name).filter(|_| preset.dated)?;
    let mut members = unit.containers.iter().chain(&unit.used);
    members
        .any(|one| one.created.is_some_and(|created| created < start))
        .then(|| "its name dates its run after its creation, so a clock is wrong".to_owned())
}
