//! Removes finished units while the command runs, so that disk space and networks do not run out.
//!
//! A unit is finished when its trial's directory has a result, when all of its containers have exited, or when the
//! one in which Harbor runs the agent has; never while that one runs, since a trial may be retried. Only
//! resources that are proven to be the run's own count and are deleted, and images stay: other trials may start from them.

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
use crate::lease::{OwnedBy, Target, leases, sweep, trials};

type Pass<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// When finished units are removed while the command runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcSettings {
    /// How often to check for them; never, if this is zero.
    pub interval: Duration,
    /// How long a unit must have been finished.
    pub after: Duration,
}

/// Checks for finished units at an interval, and removes them.
pub(super) struct GcLoop<'a> {
    context: &'a Context,
    settings: &'a Settings,
    held: &'a dyn HeldLease,
    gc: GcSettings,
    due: Instant,
    /// The pass in progress. Kept here so that it continues while other things happen.
    pass: Option<Pass<'a>>,
}

impl<'a> GcLoop<'a> {
    pub(super) fn new(
        context: &'a Context,
        settings: &'a Settings,
        held: &'a dyn HeldLease,
        gc: GcSettings,
    ) -> Self {
        Self {
            context,
            settings,
            held,
            gc,
            due: Instant::now() + gc.interval,
            pass: None,
        }
    }

    /// Returns when a pass has ended, or never if there are to be none.
    pub(super) async fn next(&mut self) {
        if self.gc.interval.is_zero() {
            return std::future::pending().await;
        }
        if self.pass.is_none() {
            sleep_until(self.due).await;
            self.pass = Some(Box::pin(delete_finished(
                self.context,
                self.settings,
                self.held,
                self.gc.after,
            )));
        }
        if let Some(pass) = &mut self.pass {
            // The command matters more than this while it runs, and the sweep at its end reports failures.
            if let Err(error) = pass.await {
                tracing::warn!(%error, "finished units could not be removed");
            }
        }
        self.pass = None;
        self.due = Instant::now() + self.gc.interval;
    }
}

async fn delete_finished(
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
    let is_ours = |one: &&Resource| matches!(ownership.of(one), OwnedBy::Ours(_));
    let ours = inventory.resources.iter().filter(is_ours);
    let finished_trials = trials::finished(&lease.terms.job_dirs, after, world.now);
    let now_of = |one: &Resource| inventory.now_of(one, world.now);
    let finished = finished_units(ours, &finished_trials, after, now_of);
    if finished.is_empty() {
        return Ok(());
    }
    tracing::info!(units = finished.len(), "found finished units");
    let done = sweep(
        context,
        settings,
        held,
        Target::Units(finished),
        &Control::default(),
    )
    .await?;
    if let Some(report) = &done.report {
        tracing::info!(counts = ?report.counts(), "removed finished units");
    }
    Ok(())
}

/// The finished units, by the resources that are the run's own: what others made in a unit of the same name
/// says nothing of it.
fn finished_units<'a>(
    resources: impl Iterator<Item = &'a Resource>,
    finished_trials: &BTreeSet<String>,
    after: Duration,
    now_of: impl Fn(&Resource) -> Timestamp,
) -> BTreeSet<Unit> {
    let finished_trials: BTreeSet<String> = finished_trials
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
    let is_finished = |unit: &Unit, containers: &[&Resource]| {
        let project = names::project_name(&unit.0);
        let is_main = |one: &&&Resource| {
            let service = one.labels.get(names::COMPOSE_SERVICE);
            names::is_harbor_main(&project, service)
        };
        let mains: Vec<_> = containers.iter().filter(is_main).collect();
        // A trial may be retried, and its result is that of the first attempt: while one of these runs, or has
        // exited only just now, the trial is not finished.
        if !mains.is_empty() {
            return mains.into_iter().all(|one| has_ended(one));
        }
        finished_trials.contains(names::trial_of(&project))
            || !containers.is_empty() && containers.iter().all(|one| has_ended(one))
    };
    units
        .into_iter()
        .filter(|(unit, containers)| is_finished(unit, containers))
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

    fn is_finished(members: &[Resource], trials: &[&str]) -> bool {
        let trials = trials.iter().map(|trial| (*trial).to_owned()).collect();
        !finished_units(members.iter(), &trials, MINUTE, |_| NOW).is_empty()
    }

    #[test]
    fn a_trial_is_finished_when_every_main_container_exited_long_enough_ago() {
        let db = || member("db", "db", None);
        let main = |name: &str, ended| member(name, "main", ended);
        assert!(is_finished(&[main("m", Some(60)), db()], &[]));
        assert!(!is_finished(&[main("m", Some(59)), db()], &[]));
        assert!(!is_finished(&[main("m", None), db()], &[]));
        // One that was left of an earlier attempt says nothing of the one that runs.
        assert!(!is_finished(
            &[main("old", Some(3600)), main("m", None)],
            &[]
        ));
    }

    #[test]
    fn the_result_of_an_earlier_attempt_finishes_no_trial_that_still_runs() {
        let with_result = ["Hello__DqmfGz2"];
        let running = [member("m", "main", None), member("db", "db", None)];
        assert!(!is_finished(&running, &with_result));
        // Without such a container the directory decides.
        assert!(is_finished(&[member("c", "client", None)], &with_result));
        assert!(!is_finished(&[member("c", "client", None)], &[]));
        assert!(is_finished(&[member("c", "client", Some(60))], &[]));
        assert!(!is_finished(
            &[member("c", "client", Some(60)), member("d", "db", None)],
            &[]
        ));
    }
}
