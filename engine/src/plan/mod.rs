//! Stage three: from decisions to ordered steps. Pure: no I/O, no clock.
//!
//! - [`safeguards`]: the rules that no policy can switch off
//! - [`blast_radius`]: how far a plan as a whole may go
//! - [`known`]: what a read does not show
//! - [`limits`]: the limits under which a plan was made
//! - [`bound`]: facts that must not have changed when a step is applied
//! - [`order`]: what goes before what
//! - [`sealed`]: a plan with its digest, for where it is kept
//! - `vetoed`: what vetoes take away
//! - [`saved`]: checking a saved plan against the world as it is now

pub mod blast_radius;
pub mod bound;
pub mod known;
pub mod limits;
pub mod order;
pub mod safeguards;
pub mod saved;
pub mod sealed;
mod vetoed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Class, Error, ErrorKind, Identity, Owner, Resource, State, Timestamp, Unit};

use crate::clocks::Clocks;
use crate::decide::Decision;
use crate::discover::{Inventory, ListFailure};
use crate::facts::Facts;
use crate::policy::{Force, PolicySource, Verdict};
use crate::scope::Scope;
pub use blast_radius::{BlastRadius, MaxDelete};
pub use bound::Bound;
pub use known::Known;
pub use limits::Limits;
use safeguards::FIX_THE_CLOCK;
pub use safeguards::{Own, Safeguard, Safeguards};
pub use sealed::Sealed;

/// The version of the plan's format.
pub const PLAN_FORMAT: &str = "tbengine-plan/2";

/// The least grace period of what may be killed on a retry only.
const MIN_GENTLE_GRACE: Duration = Duration::from_secs(1);

/// The ordered steps that survived the safeguards, and the refusals with their reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// Where it comes from, and what must still hold when it is applied.
    pub header: PlanHeader,
    /// What will be done, in order. A plan can be large, so its copies share the steps.
    pub steps: Vec<Arc<Step>>,
    /// What the policy wanted and a safeguard refused.
    pub refusals: Vec<Refusal>,
    /// What refuses the plan as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blast_radius: Option<BlastRadius>,
    /// The digest of all the rest, in a plan that was saved; see [`Sealed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where to follow the changes of each backend on from, so that the reading of what has not changed since the
    /// listing is spared. Only the process that listed knows.
    #[serde(skip)]
    pub following: BTreeMap<Arc<str>, String>,
    /// Steps of the same run whose resource turned out changed before it was cut short: what belongs to their units stays.
    #[serde(skip)]
    pub changed: Vec<Arc<Step>>,
}

/// Where a plan comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanHeader {
    /// [`PLAN_FORMAT`].
    pub format: String,
    /// The run that will apply it.
    pub run: Arc<str>,
    /// When the inventory was taken.
    pub created: Timestamp,
    /// The policy that decided.
    pub policy: PolicySource,
    /// How to find that policy again: a built-in name or a path.
    pub policy_origin: String,
    /// What the policy got to see.
    pub scope: Scope,
    /// The id of the account behind each backend.
    pub accounts: BTreeMap<Arc<str>, Arc<str>>,
    /// The clocks of the providers that were notably off when the inventory was taken, in milliseconds ahead of this
    /// machine's.
    #[serde(default, skip_serializing_if = "Clocks::is_empty")]
    pub clocks: Clocks,
    /// The digest of the configuration, as far as it decides what is done; see
    /// [`Engine::with_configuration`](crate::Engine::with_configuration).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub configuration: String,
    /// The limits of the run that applies it. Those in a file are ignored: each run sets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

impl PlanHeader {
    /// The scope with the backends that it meant when the plan was made, whatever is configured now.
    pub fn scope_then(&self) -> Scope {
        let mut scope = self.scope.clone();
        if !self.accounts.is_empty() {
            scope.backends = self.accounts.keys().map(ToString::to_string).collect();
        }
        scope
    }
}

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// What it acts on, and what must still match then.
    pub target: Identity,
    /// What its kind is to the engine. Plans before format 2 did not have it; they are refused.
    #[serde(default = "unsaid_class")]
    pub class: Class,
    /// The name of the resource.
    pub name: String,
    /// The state the plan saw.
    pub state: State,
    /// Whether the plan saw only part of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    /// When the resource last began to run, as the plan saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// The unit it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// What to do.
    pub action: Action,
    /// Why, in the policy's words.
    pub reason: String,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
    /// The steps that must have ended before this one, by their index in the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<usize>,
    /// Whether what its deletion would take along stays: nothing proves whose that is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// The ids of what its deletion deletes as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<String>,
    /// What must not have changed, besides the identity, the state and when it last began to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound: Vec<Bound>,
    /// What the listing before it is applied showed of the resource.
    #[serde(default, skip_serializing_if = "Listing::is_present")]
    pub listing: Listing,
    /// What was known of it besides.
    #[serde(skip)]
    pub known: Known,
}

fn unsaid_class() -> Class {
    Class::Other
}

/// What the last listing showed of the resource of a step. What was not listed has passed no safeguard, so
/// nothing is sent for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// It is there, and the safeguards have looked at it.
    #[default]
    Present,
    /// The listing worked and it is not in it: probably it is gone, which a read proves.
    Absent,
    /// It could not be listed.
    Unknown,
}

impl Listing {
    /// Whether the safeguards have looked at the resource.
    pub fn is_present(&self) -> bool {
        *self == Self::Present
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// End it and leave it there.
    Stop {
        /// How long it may take to end by itself.
        #[serde(with = "crate::duration", rename = "grace-ms")]
        grace: Duration,
    },
    /// Move it to cold storage, after it has ended.
    Archive {
        /// Grace period before a running resource is killed.
        #[serde(with = "crate::duration", rename = "grace-ms")]
        grace: Duration,
    },
    /// Delete it.
    Delete {
        /// When it may be killed.
        force: Force,
        /// Grace period before a running resource is killed.
        #[serde(with = "crate::duration", rename = "grace-ms")]
        grace: Duration,
    },
}

/// The word for an [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// End it and leave it there.
    Stop,
    /// Move it to cold storage.
    Archive,
    /// Delete it.
    Delete,
}

impl Action {
    /// The word for it.
    pub const fn kind(&self) -> ActionKind {
        match self {
            Action::Stop { .. } => ActionKind::Stop,
            Action::Archive { .. } => ActionKind::Archive,
            Action::Delete { .. } => ActionKind::Delete,
        }
    }

    /// Grace period before a running resource is killed.
    pub const fn grace(&self) -> Duration {
        match self {
            Action::Stop { grace } | Action::Archive { grace } | Action::Delete { grace, .. } => {
                *grace
            }
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ActionKind::Stop => "stop",
            ActionKind::Archive => "archive",
            ActionKind::Delete => "delete",
        })
    }
}

/// A decision that a safeguard refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Refusal {
    /// The resource that stays.
    pub target: Identity,
    /// Its name.
    pub name: String,
    /// What the policy wanted.
    pub action: ActionKind,
    /// Why the policy wanted it.
    pub reason: String,
    /// The safeguard that refused.
    pub safeguard: Safeguard,
    /// Why it refused.
    pub detail: String,
}

/// A decision on its way through the safeguards.
#[derive(Clone, Debug)]
pub(crate) struct Proposed<'a> {
    /// The index of the resource in the inventory.
    pub(crate) index: usize,
    pub(crate) resource: &'a Resource,
    pub(crate) action: Action,
    pub(crate) reason: &'a str,
    pub(crate) priority: i32,
    /// Whether what its deletion would take along stays.
    pub(crate) alone: bool,
    /// Whether a plan was made of it while it ran, so that its end is that plan's own doing.
    pub(crate) ran: bool,
}

impl Plan {
    /// Lets the safeguards look at every decision and puts what survives in order.
    pub fn new(
        header: PlanHeader,
        inventory: &Inventory,
        decisions: &[Decision],
        facts: &Facts,
        safeguards: &Safeguards,
    ) -> Self {
        let mut proposed = Vec::with_capacity(decisions.len());
        proposed.extend(
            decisions
                .iter()
                .filter_map(|decision| propose(inventory, decision, safeguards)),
        );
        let context = safeguards::Context {
            safeguards,
            facts,
            inventory,
            now: header.created,
            scope: &header.scope,
        };
        let (survivors, refusals) = safeguards::examine(&context, proposed);
        let blast_radius = blast_radius::examine(&context, &survivors, 0);
        Self {
            steps: order::steps(&context, survivors),
            header,
            refusals,
            blast_radius,
            digest: None,
            following: inventory.cursors.clone(),
            changed: Vec::new(),
        }
    }

    /// The plan as it is written where it may be kept.
    pub fn sealed(&self) -> Sealed<'_> {
        Sealed(self)
    }

    /// The plan with the steps and refusals of one that was made later, for a report about both.
    #[must_use]
    pub fn followed_by(mut self, later: &Self) -> Self {
        let offset = self.steps.len();
        let accounts = later.header.accounts.iter();
        let accounts = accounts.map(|(backend, id)| (backend.clone(), id.clone()));
        self.header.accounts.extend(accounts);
        self.header.clocks.extend(&later.header.clocks);
        self.steps.extend(later.steps.iter().map(|step| {
            let mut step = step.clone();
            if !step.after.is_empty() {
                let after = &mut Arc::make_mut(&mut step).after;
                after.iter_mut().for_each(|before| *before += offset);
            }
            step
        }));
        self.refusals.extend(later.refusals.iter().cloned());
        self.blast_radius = self.blast_radius.or_else(|| later.blast_radius.clone());
        self.digest = None;
        self
    }

    /// What is missing from the view that it was made with: what could not be listed, what could be read in part
    /// only and stays for that, and the clocks that are so wrong that something stays for it.
    pub fn gaps(&self, inventory: &Inventory) -> Vec<ListFailure> {
        let (scope, now) = (&self.header.scope, self.header.created);
        let damaged = inventory.resources.iter().filter_map(|resource| {
            let damage = resource.damaged.as_ref()?;
            let identity = &resource.identity;
            let goes = self.steps.iter().any(|step| step.target == *identity);
            (scope.admits(resource, inventory.now_of(resource, now)) && !goes).then(|| {
                ListFailure {
                    backend: identity.backend.clone(),
                    kind: Some(identity.kind),
                    item: Some(format!("{} ({})", resource.name, identity.native)),
                    error: Error {
                        code: damage.code.clone(),
                        ..Error::new(ErrorKind::Internal, damage.message.clone())
                    },
                }
            })
        });
        let failures = inventory.failures.iter().cloned();
        failures
            .chain(damaged)
            .chain(self.wrong_clocks(inventory))
            .collect()
    }

    /// The clocks for which safeguards refused something.
    fn wrong_clocks(&self, inventory: &Inventory) -> Vec<ListFailure> {
        let refused = self.refusals.iter();
        let refused = refused.filter(|refusal| refusal.safeguard == Safeguard::Clock);
        let backends: BTreeSet<_> = refused.map(|refusal| &refusal.target.backend).collect();
        let wrong = backends.into_iter().filter_map(|backend| {
            let skew = inventory.clocks.skew(backend)?;
            let message = format!("it is {skew}, so no age can be relied on");
            Some(ListFailure {
                backend: backend.clone(),
                kind: None,
                item: Some("its clock".into()),
                error: Error::new(ErrorKind::Invalid, message).with_hint(FIX_THE_CLOCK),
            })
        });
        wrong.collect()
    }

    /// Whether applying it would do nothing.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

fn propose<'a>(
    inventory: &'a Inventory,
    decision: &'a Decision,
    safeguards: &Safeguards,
) -> Option<Proposed<'a>> {
    let resource = &inventory.resources[decision.resource];
    let grace = |wanted: Option<Duration>| wanted.unwrap_or(safeguards.default_grace);
    let (action, reason) = match &decision.verdict {
        Verdict::Keep { .. } => return None,
        Verdict::Stop {
            reason,
            grace: wanted,
        } => (
            Action::Stop {
                grace: grace(*wanted),
            },
            reason,
        ),
        Verdict::Archive {
            reason,
            grace: wanted,
        } => (
            Action::Archive {
                grace: grace(*wanted),
            },
            reason,
        ),
        Verdict::Delete {
            reason,
            force,
            grace: wanted,
        } => {
            let mut grace = grace(*wanted);
            if *force == Force::OnRetry && resource.state.is_running() {
                // Without a grace period even the first attempt would kill.
                grace = grace.max(MIN_GENTLE_GRACE);
            }
            let force = *force;
            (Action::Delete { force, grace }, reason)
        }
    };
    Some(Proposed {
        index: decision.resource,
        resource,
        action,
        reason,
        priority: decision.priority,
        alone: false,
        ran: false,
    })
}

/// Whether facts prove who owns a resource, so that policies may delete it while it runs: a recognised
/// benchmark's naming, or a run of ours whose lease is known to have ended.
pub(crate) fn is_proven(resource: &Resource, facts: &Facts) -> bool {
    matches!(resource.owner, Owner::Benchmark(_)) || facts.prove(resource)
}
