//! Removes units that are over while the command runs, so that disk and networks do not run out.
//!
//! A unit is over when its trial's directory says so, when all of its containers have ended, or when the
//! one has in which Harbor runs the agent; never while one of those runs, since a trial may be tried again. Only
//! what is proven to be the run's own counts and goes, and images stay: other trials may start from them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tbengine_engine::apply::Control;
use tbengine_engine::owners::trials as names;
use tbengine_sdk::{Kind, Resource, Timestamp, Unit};
use tbengine_store::HeldLease;
use tokio::time::{Instant, sleep_until};

use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::discover;
use crate::error::Error;
use crate::lease::sweep::ownership;
use crate::lease::{Belonging, Target, leases, sweep, trials};

type Look<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// When units that are over are removed while the command runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tidy {
    /// How often it is looked for them; never, if this is zero.
    pub every: Duration,
    /// How long a unit must have been over.
    pub after: Duration,
}

/// Looks for units that are over, again and again.
pub(super) struct Tidying<'a> {
    context: &'a Context,
    settings: &'a Settings,
    held: &'a dyn HeldLease,
    tidy: Tidy,
    due: Instant,
    /// The look that is under way. Kept here so that it goes on while other things happen.
    looking: Option<Look<'a>>,
}

impl<'a> Tidying<'a> {
    pub(super) fn new(
        context: &'a Context,
        settings: &'a Settings,
        held: &'a dyn HeldLease,
        tidy: Tidy,
    ) -> Self {
        Self {
            context,
            settings,
            held,
            tidy,
            due: Instant::now() + tidy.every,
            looking: None,
        }
    }

    /// Ends when a look has ended, or never if there are to be none.
    pub(super) async fn next(&mut self) {
        if self.tidy.every.is_zero() {
            return std::future::pending().await;
        }
        if self.looking.is_none() {
            sleep_until(self.due).await;
            self.looking = Some(Box::pin(look(
                self.context,
                self.settings,
                self.held,
                self.tidy.after,
            )));
        }
        if let Some(looking) = &mut self.looking {
            // The command matters more than tidying while it runs, and the sweep at its end is told.
            if let Err(error) = looking.await {
                tracing::warn!(%error, "finished units could not be removed");
            }
        }
        self.looking = None;
        self.due = Instant::now() + self.tidy.every;
    }
}

async fn look(
    context: &Context,
    settings: &Settings,
    held: &dyn HeldLease,
    after: Duration,
) -> Result<(), Error> {
    let lease = held.lease();
    let world = context.world.refresh();
    let backends = lease.terms.backends.clone();
    let purpose = Purpose::Sweep {
        backends,
        may_be_gone: true,
    };
    let engine = context.engine_in(&world, purpose, settings).await?;
    let inventory = discover(&engine, settings, &world, &mut |_| {}).await;
    let all = leases(context, settings)?.all().await?;
    let ownership = ownership(held, held.baseline().await?, &all).await?;
    let ownership = ownership.seeing(&inventory);
    let is_ours = |one: &&Resource| matches!(ownership.of(one), Belonging::Ours(_));
    let ours = inventory.resources.iter().filter(is_ours);
    let over_trials = trials::over(&lease.terms.job_dirs, after, world.now);
    let now_of = |one: &Resource| inventory.now_of(one, world.now);
    let over = over_units(ours, &over_trials, after, now_of);
    if over.is_empty() {
        return Ok(());
    }
    tracing::info!(units = over.len(), "these are over");
    let done = sweep(
        context,
        settings,
        held,
        Target::Units(over),
        &Control::default(),
    )
    .await?;
    if let Some(report) = &done.report {
        tracing::info!(counts = ?report.counts(), "removed finished units");
    }
    Ok(())
}

/// The units that are over, by the resources that are the run's own: what others made in a unit of the same name
/// says nothing of it.
fn over_units<'a>(
    resources: impl Iterator<Item = &'a Resource>,
    over_trials: &BTreeSet<String>,
    after: Duration,
    now_of: impl Fn(&Resource) -> Timestamp,
) -> BTreeSet<Unit> {
    let over_trials: BTreeSet<String> = over_trials
        .iter()
        .map(|trial| names::project_name(trial))
        .collect();
    let mut units: BTreeMap<&Unit, Vec<&Resource>> = BTreeMap::new();
    for resource in resources {
        let Some(unit) = &resource.unit else {
            continue;
        };
        let containers = units.entry(unit).or_default();
        if resource.identity.kind == Kind::CONTAINER {
            containers.push(resource);
        }
    }
    let has_ended = |container: &Resource| {
        let ended = container.finished.filter(|_| container.state.is_dead());
        ended
            .and_then(|at| at.age(now_of(container)))
            .is_some_and(|age| age >= after)
    };
    let is_over = |unit: &Unit, containers: &[&Resource]| {
        let project = names::project_name(&unit.0);
        let is_main = |one: &&&Resource| {
            let service = one.labels.get(names::COMPOSE_SERVICE);
            names::is_harbor_main(&project, service)
        };
        let mains: Vec<_> = containers.iter().filter(is_main).collect();
        // A trial may be tried again, and its result is that of the first time: while one of these runs, or has
        // not ended for long, nothing has ended.
        if !mains.is_empty() {
            return mains.into_iter().all(|one| has_ended(one));
        }
        over_trials.contains(names::trial_of(&project))
            || !containers.is_empty() && containers.iter().all(|one| has_ended(one))
    };
    units
        .into_iter()
        .filter(|(unit, containers)| is_over(unit, containers))
        .map(|(unit, _)| unit.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::{Identity, State};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    /// A container of a Harbor trial, with its service, that ended so many seconds ago or runs.
    fn member(name: &str, service: &str, ended: Option<u64>) -> Resource {
        let identity = Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: name.into(),
            created: None,
        };
        let state = ended.map_or(State::Running, |_| State::Exited);
        let mut member = Resource::new(identity, name, state);
        member.finished = ended.map(|ago| NOW.minus(Duration::from_secs(ago)));
        member.unit = Some(Unit("hello__dqmfgz2__env".into()));
        member.labels = [(names::COMPOSE_SERVICE, service)].into_iter().collect();
        member
    }

    fn is_over(members: &[Resource], trials: &[&str]) -> bool {
        let trials = trials.iter().map(|trial| (*trial).to_owned()).collect();
        !over_units(members.iter(), &trials, MINUTE, |_| NOW).is_empty()
    }

    #[test]
    fn a_trial_is_over_when_every_main_has_ended_for_long() {
        let db = || member("db", "db", None);
        let main = |name: &str, ended| member(name, "main", ended);
        assert!(is_over(&[main("m", Some(60)), db()], &[]));
        assert!(!is_over(&[main("m", Some(59)), db()], &[]));
        assert!(!is_over(&[main("m", None), db()], &[]));
        // One that was left of an earlier attempt says nothing of the one that runs.
        assert!(!is_over(&[main("old", Some(3600)), main("m", None)], &[]));
    }

    #[test]
    fn the_result_of_an_earlier_attempt_ends_nothing_that_runs() {
        let told = ["Hello__DqmfGz2"];
        let running = [member("m", "main", None), member("db", "db", None)];
        assert!(!is_over(&running, &told));
        // Without such a container the directory is what says it.
        assert!(is_over(&[member("c", "client", None)], &told));
        assert!(!is_over(&[member("c", "client", None)], &[]));
        assert!(is_over(&[member("c", "client", Some(60))], &[]));
        assert!(!is_over(
            &[member("c", "client", Some(60)), member("d", "db", None)],
            &[]
        ));
    }
}
