//! Deletes what was made under a lease, once.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Engine;
use tbengine_engine::apply::Control;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::{Plan, Refusal};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::{Event, Report};
use tbengine_sdk::{ErrorKind, Resource};
use tbengine_store::{Baseline, HeldLease, LeaseEntry, StoreError, Unreadable, facts};

use super::{LeasePolicy, Other, OwnedBy, Ownership, Target, trials};
use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::discover;
use crate::error::Error;
use crate::policies;

/// Grace period before a running resource is killed. Its holder is gone, so nobody reads what it would say.
const SWEEP_GRACE: Duration = Duration::ZERO;

/// What came of a sweep.
#[derive(Debug, Default)]
pub struct Sweep {
    /// What became of each step; `None` if there was nothing to do.
    pub report: Option<Report>,
    /// What safeguards refused, e.g. by a label that protects it.
    pub refusals: Vec<Refusal>,
    /// What was created meanwhile, and nothing says by whom.
    pub unproven: Vec<Resource>,
    /// What could not be listed.
    pub failures: Vec<ListFailure>,
    /// Why it could not be done, or was cut short.
    pub obstacle: Option<String>,
    /// The backends that lead to another account than when the lease was taken.
    pub elsewhere: Vec<String>,
}

impl Sweep {
    /// Whether everything that was found is gone, and everything was looked at.
    pub fn is_clean(&self) -> bool {
        let is_good = |report: &Report| {
            !report.has_failures() && !report.has_deferred() && !report.interrupted
        };
        self.report.as_ref().is_none_or(is_good)
            && self.failures.is_empty()
            && self.obstacle.is_none()
            && self.elsewhere.is_empty()
    }

    /// Whether a backend could not be reached: what exists is not known, and may be known later.
    pub fn is_unreachable(&self) -> bool {
        let is_passing = |kind: ErrorKind| kind.gates_backend() || kind == ErrorKind::Transient;
        let mut failures = self.failures.iter();
        // One item that cannot be read is not an outage.
        failures.any(|failure| failure.item.is_none() && is_passing(failure.error.kind))
            || self.report.as_ref().is_some_and(Report::has_deferred)
    }

    /// Whether it found anything to do.
    pub fn found(&self) -> bool {
        self.report.is_some() || !self.is_clean()
    }
}

/// A sweep that was planned and is not applied yet.
pub(super) struct Prepared {
    engine: Engine,
    policy: Arc<dyn Policy>,
    pub(super) plan: Plan,
    /// What is known of it so far.
    pub(super) sweep: Sweep,
}

/// Lists everything, and plans to delete what was made under the lease.
///
/// # Errors
/// Why that is not known.
pub(super) async fn prepare(
    context: &Context,
    settings: &Settings,
    held: &dyn HeldLease,
    target: Target,
) -> Result<Prepared, Error> {
    let world = context.world.refresh();
    let lease = held.lease().clone();
    let store = super::leases(context, settings)?;
    let baseline = held.baseline().await?;
    let all = store.all().await?;
    let ownership = ownership(held, baseline.clone(), &all).await?;
    let purpose = Purpose::Sweep {
        may_be_gone: true,
        backends: lease.terms.backends.clone(),
    };
    let vetoes = policies::vetoes_in_background(context, settings).await?;
    let engine = context
        .engine_in(&world, purpose, settings)
        .await?
        .with_vetoes(vetoes);
    let mut see = |event: &Event| tracing::debug!(kind = ?event.kind, "sweep");
    let inventory = Arc::new(discover(&engine, settings, &world, &mut see).await);
    let ownership = ownership.seeing(&inventory);
    let mut facts = facts(all);
    facts.live.retain(|other| other.id != lease.id);
    let is_ours = |one: &&Resource| matches!(ownership.of(one), OwnedBy::Ours(_));
    let ours = inventory.resources.iter().filter(is_ours);
    facts.only = Some(ours.map(|one| one.identity.id()).collect());
    let unproven = inventory.resources.iter();
    let unproven = unproven.filter(|one| ownership.of(one) == OwnedBy::Unproven);
    let mut sweep = Sweep {
        unproven: unproven.cloned().collect(),
        failures: inventory.failures.clone(),
        elsewhere: baseline.elsewhere(&inventory).map(str::to_owned).collect(),
        ..Sweep::default()
    };
    let policy = LeasePolicy::new(ownership, target, SWEEP_GRACE);
    let origin = policy.origin();
    let policy: Arc<dyn Policy> = Arc::new(policy);
    let planned = engine
        .plan(inventory, &facts, &policy, &origin, false, &mut see)
        .await;
    let tripped = planned.plan.blast_radius.as_ref();
    let fault = planned.decisions.fault.map(|fault| fault.to_string());
    sweep.obstacle = fault.or_else(|| tripped.map(ToString::to_string));
    sweep.refusals.clone_from(&planned.plan.refusals);
    Ok(Prepared {
        engine,
        policy,
        plan: planned.plan,
        sweep,
    })
}

/// Lists everything, and deletes what was made under the lease.
///
/// # Errors
/// Why nothing was done.
pub async fn sweep(
    context: &Context,
    settings: &Settings,
    held: &dyn HeldLease,
    target: Target,
    control: &Control,
) -> Result<Sweep, Error> {
    let Prepared {
        engine,
        policy,
        plan,
        mut sweep,
    } = prepare(context, settings, held, target).await?;
    if plan.is_empty() || plan.blast_radius.is_some() {
        return Ok(sweep);
    }
    let store = super::leases(context, settings)?;
    let mut see = |event: &Event| tracing::debug!(kind = ?event.kind, "sweep");
    let journal = match store.begin(&plan, engine.clock()).await {
        Ok(journal) => Some(journal),
        // Another run works on some of it; the next look shows what is left.
        Err(error @ StoreError::Busy(_)) => {
            sweep.obstacle = Some(error.to_string());
            return Ok(sweep);
        }
        // The lease says what is to go, and only its holder touches that: a full disk does not keep it. Who is
        // killed now leaves no run to resume, but the lease.
        Err(error) => {
            tracing::warn!("the cleanup is not recorded: {error}");
            None
        }
    };
    let ledger = journal.as_ref().map(|journal| journal.ledger());
    let report = engine
        .apply(plan, &policy, control, ledger.as_ref(), &mut see)
        .await;
    let halt = journal.and_then(|journal| journal.halt());
    sweep.obstacle = halt.map(|halt| halt.to_string());
    sweep.report = Some(report);
    Ok(sweep)
}

/// What belongs to a lease, among all that there are.
pub(crate) async fn ownership(
    held: &dyn HeldLease,
    baseline: Baseline,
    all: &[Result<LeaseEntry, Unreadable>],
) -> Result<Ownership, StoreError> {
    let lease = held.lease();
    let readable: Vec<_> = all.iter().flatten().cloned().collect();
    Ok(Ownership::new(
        lease.clone(),
        baseline,
        held.observed().await?,
        trials::all(&lease.terms.job_dirs),
        others(&lease.id, &readable),
    ))
}

/// The other leases, and how long each was live.
fn others(id: &str, all: &[LeaseEntry]) -> Vec<Other> {
    let leases = all.iter().map(|entry| &entry.lease);
    leases
        .filter(|lease| lease.id != id)
        .map(|lease| Other {
            lease: lease.clone(),
            until: lease.ended,
        })
        .collect()
}
