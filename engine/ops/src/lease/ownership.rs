//! What was made under a lease, and what proves it.
//!
//! In order of strength: carrying the lease's id or being what one of its filters names; a creation that
//! the lease's holder saw pass between its own and the provider; being used
//! by nothing but such resources; belonging to a unit that is named after one of the run's trials. Time
//! alone proves nothing, since others work on the same account: it counts only where the operator said so.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Kind, Owner, Resource, ResourceId, Timestamp};

use tbengine_engine::discover::Inventory;
use tbengine_engine::owners::trials;
use tbengine_engine::terms::Own;
use tbengine_store::{Baseline, Lease};

/// How far the clocks of a provider and of this host may be apart, for what has no better proof than time.
const SKEW: Duration = Duration::from_secs(1);

/// What belongs to one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    lease: Lease,
    baseline: Baseline,
    observed: HashSet<(Kind, String)>,
    trials: BTreeSet<String>,
    others: Vec<Other>,
    /// What is used by nothing but resources of the lease.
    only_used: HashSet<ResourceId>,
}

/// Another lease, and when it was live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The lease.
    pub lease: Lease,
    /// When it was over; `None` while it is live.
    pub until: Option<Timestamp>,
}

/// Whether a resource was made under a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Belonging {
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
    /// Only resources of the lease use it, and it came after them or with them.
    OnlyUsed,
    /// Its unit is named after a trial of the run.
    Trial,
    /// It was created meanwhile, and the operator said that this is enough.
    CreatedDuringRun,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Proof::Label => "its label says so",
            Proof::Name => "it was named",
            Proof::Observed => "it was seen being created by the run",
            Proof::OnlyUsed => "only resources of the run use it",
            Proof::Trial => "its unit is a trial of the run",
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
        observed: HashSet<(Kind, String)>,
        trials: BTreeSet<String>,
        others: Vec<Other>,
    ) -> Self {
        let trials = trials
            .iter()
            .map(|name| trials::project_name(name))
            .collect();
        Self {
            lease,
            baseline,
            observed,
            trials,
            others,
            only_used: HashSet::new(),
        }
    }

    /// Looks at who uses what: what only resources of the lease use belongs to it as well, like a volume
    /// that came into being with the container that names it.
    #[must_use]
    pub fn seeing(mut self, inventory: &Inventory) -> Self {
        let mut only_used = HashSet::new();
        for (place, resource) in inventory.resources.iter().enumerate() {
            let holders = inventory.holder_places(place);
            let is_ours =
                |place: &usize| matches!(self.of(&inventory.resources[*place]), Belonging::Ours(_));
            if self.of(resource) == Belonging::Unproven
                && inventory.knows_holders_of(&resource.identity.backend, resource.identity.kind)
                && !holders.is_empty()
                && holders.iter().all(is_ours)
            {
                only_used.insert(resource.identity.id());
            }
        }
        self.only_used = only_used;
        self
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether a resource was made under the lease.
    pub fn of(&self, resource: &Resource) -> Belonging {
        if self.baseline.has(&resource.identity) {
            return Belonging::Before;
        }
        // Where a nested run labelled it, the label names that run, and it is that one's.
        let labelled = resource
            .labels
            .get(RUN_ID_LABEL)
            .filter(|id| !id.is_empty());
        if labelled.is_some_and(|id| id != self.lease.id) {
            return Belonging::Theirs;
        }
        if self.lease.names(resource) {
            let filter = self.lease.terms.matching(resource);
            return Belonging::Ours(match filter {
                Some(filter) if filter.labels.is_empty() => Proof::Name,
                _ => Proof::Label,
            });
        }
        if self.lease.terms.own == Own::Named {
            return Belonging::Theirs;
        }
        if self.others.iter().any(|other| other.lease.names(resource)) {
            return Belonging::Theirs;
        }
        let identity = &resource.identity;
        if self
            .observed
            .contains(&(identity.kind, identity.native.clone()))
        {
            return Belonging::Ours(Proof::Observed);
        }
        // From here on the time counts: what is older was only not listed then, or came from elsewhere.
        let created = resource.identity.created;
        let Some(created) = created.filter(|at| *at >= self.baseline.taken.minus(SKEW)) else {
            return Belonging::Before;
        };
        if self.only_used.contains(&resource.identity.id()) {
            return Belonging::Ours(Proof::OnlyUsed);
        }
        if self.is_trial(resource) {
            return Belonging::Ours(Proof::Trial);
        }
        if matches!(resource.owner, Owner::Other(_) | Owner::Kept(_)) {
            return Belonging::Theirs;
        }
        match self.lease.terms.own {
            Own::CreatedDuringRun if !self.is_contested(created) => {
                Belonging::Ours(Proof::CreatedDuringRun)
            }
            Own::CreatedDuringRun | Own::Proven | Own::Named => Belonging::Unproven,
        }
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
