//! What was made under a lease, and what proves it.
//!
//! What was there before is decided by the baseline alone: creation times are those of other clocks, and of an
//! image that of its oldest layers.
//!
//! In order of strength: carrying the lease's id or being what one of its filters names; a creation that
//! the lease's holder saw pass between its own and the provider; belonging to a unit that is named after one of
//! the run's trials; for an image, being built for a unit of the lease. That only resources of the lease use
//! something proves nothing: others make volumes, networks and images for them. Neither does time, since others
//! work on the same account: it counts only where the operator said so.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Kind, Owner, Resource, Timestamp, Unit};

use tbengine_engine::discover::Inventory;
use tbengine_engine::owners::trials;
use tbengine_engine::terms::Own;
use tbengine_store::{Baseline, Lease, Observed};

/// How far the clocks of a provider and of this host may be apart, for what has no better proof than time.
const SKEW: Duration = Duration::from_secs(1);

/// What belongs to one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    lease: Lease,
    baseline: Baseline,
    /// By kind and native id: when what was seen being created was created, where the id alone does not say
    /// that it is the same.
    observed: HashMap<(Kind, String), Vec<Option<Timestamp>>>,
    trials: BTreeSet<String>,
    others: Vec<Other>,
    /// The units of the lease, by the account that they are in.
    units: HashSet<(Arc<str>, Unit)>,
}

/// Another lease, and when it was live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The lease.
    pub lease: Lease,
    /// When it ended; `None` while it is live.
    pub until: Option<Timestamp>,
}

/// Whether a resource was made under a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnedBy {
    /// It was there before.
    Before,
    /// It was made under the lease.
    Ours(Proof),
    /// It carries the sign of someone else, or the lease is only about what it names.
    Theirs,
    /// It was created while the lease was live, and nothing says by whom.
    Unproven,
}

/// What proves that a resource was made under a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It carries the lease's id, or labels that the lease names.
    Label,
    /// Its name or id is one that the lease names.
    Name,
    /// The lease's holder saw it being created by its own.
    Observed,
    /// Its unit is named after a trial of the run.
    Trial,
    /// It is an image that was built for a unit of the lease.
    BuiltForUnit,
    /// It was created meanwhile, and the operator said that this is enough.
    CreatedDuringRun,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Proof::Label => "its label says so",
            Proof::Name => "it was named",
            Proof::Observed => "it was seen being created by the run",
            Proof::Trial => "its unit is a trial of the run",
            Proof::BuiltForUnit => "it was built for a unit of the run",
            Proof::CreatedDuringRun => "it was created during the run",
        })
    }
}

impl Ownership {
    /// What belongs to a lease. `observed` is what its holder saw being created, and `trials` are the names
    /// of the run's trials, as far as they are known.
    pub fn new(
        lease: Lease,
        baseline: Baseline,
        observed: HashSet<Observed>,
        trials: BTreeSet<String>,
        others: Vec<Other>,
    ) -> Self {
        let mut seen: HashMap<_, Vec<_>> = HashMap::new();
        for Observed {
            kind,
            native,
            created,
        } in observed
        {
            seen.entry((kind, native)).or_default().push(created);
        }
        let trials = trials
            .iter()
            .map(|name| trials::project_name(name))
            .collect();
        Self {
            lease,
            baseline,
            observed: seen,
            trials,
            others,
            units: HashSet::new(),
        }
    }

    /// Looks at which units the lease has: an image that was built for one of them belongs to it as well, however
    /// old the layers are that a builder found in its cache.
    #[must_use]
    pub fn seeing(mut self, inventory: &Inventory) -> Self {
        let units = inventory.resources.iter().filter_map(|one| {
            let unit = one.unit.clone()?;
            let is_ours = matches!(self.of(one), OwnedBy::Ours(_));
            is_ours.then(|| (one.identity.account.clone(), unit))
        });
        self.units = units.collect();
        self
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether a resource was made under the lease.
    pub fn of(&self, resource: &Resource) -> OwnedBy {
        if self.baseline.has(&resource.identity) {
            return OwnedBy::Before;
        }
        // Where a nested run labelled it, the label names that run, and it is that one's.
        let labelled = resource
            .labels
            .get(RUN_ID_LABEL)
            .filter(|id| !id.is_empty());
        if labelled.is_some_and(|id| id != self.lease.id) {
            return OwnedBy::Theirs;
        }
        if self.lease.names(resource) {
            let filter = self.lease.terms.matching(resource);
            return OwnedBy::Ours(match filter {
                Some(filter) if filter.labels.is_empty() => Proof::Name,
                _ => Proof::Label,
            });
        }
        if self.lease.terms.own == Own::Named {
            return OwnedBy::Theirs;
        }
        if self.others.iter().any(|other| other.lease.names(resource)) {
            return OwnedBy::Theirs;
        }
        if self.was_observed(resource) {
            return OwnedBy::Ours(Proof::Observed);
        }
        if self.is_trial(resource) {
            return OwnedBy::Ours(Proof::Trial);
        }
        if self.is_built_for_unit(resource) {
            return OwnedBy::Ours(Proof::BuiltForUnit);
        }
        if matches!(resource.owner, Owner::Other(_) | Owner::Kept(_)) {
            return OwnedBy::Theirs;
        }
        match self.lease.terms.own {
            Own::CreatedDuringRun if self.was_created_alone(resource) => {
                OwnedBy::Ours(Proof::CreatedDuringRun)
            }
            Own::CreatedDuringRun | Own::Proven | Own::Named => OwnedBy::Unproven,
        }
    }

    /// Whether the holder saw it being created: this one, and not another that has its name since.
    fn was_observed(&self, resource: &Resource) -> bool {
        let identity = &resource.identity;
        let seen = self.observed.get(&(identity.kind, identity.native.clone()));
        let is_same = |seen: &Option<Timestamp>| seen.is_none() || *seen == identity.created;
        seen.is_some_and(|seen| seen.iter().any(is_same))
    }

    /// Whether an image was built for a unit of the lease. Only images: of what else carries the name of a unit,
    /// the rest of the unit says nothing.
    fn is_built_for_unit(&self, resource: &Resource) -> bool {
        let identity = &resource.identity;
        identity.kind == Kind::IMAGE
            && resource.unit.as_ref().is_some_and(|unit| {
                let unit = (identity.account.clone(), unit.clone());
                self.units.contains(&unit)
            })
    }

    /// Whether it was created while the lease was live, and no other was.
    fn was_created_alone(&self, resource: &Resource) -> bool {
        let created = resource.identity.created;
        created.is_some_and(|at| at >= self.baseline.taken.minus(SKEW) && !self.is_contested(at))
    }

    /// Whether the unit is named after a trial: Harbor's and Terminal-Bench's projects are, and Harbor's
    /// sandboxes carry the name in a label.
    fn is_trial(&self, resource: &Resource) -> bool {
        let session = resource.labels.get(trials::HARBOR_SESSION);
        let unit = resource.unit.as_ref().map(|unit| unit.0.as_str());
        session.into_iter().chain(unit).any(|name| {
            self.trials
                .contains(trials::trial_of(&trials::project_name(name)))
        })
    }

    /// Whether another lease was live when something was created, so that it may be that one's.
    fn is_contested(&self, created: Timestamp) -> bool {
        self.others.iter().any(|other| {
            other.lease.since <= created.plus(SKEW)
                && other.until.is_none_or(|until| created <= until.plus(SKEW))
        })
    }
}
