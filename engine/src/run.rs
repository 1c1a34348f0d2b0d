//! The five stages on one screen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{ResourceId, Timestamp};

use crate::apply::{self, ApplyOptions, Control, Ledger, qualified};
use crate::clock::RunClock;
use crate::decide::review::{Proposed, review};
use crate::decide::{Decisions, decide};
use crate::discover::{DiscoverOptions, Inventory, ListFailure, Listings, Recognition};
use crate::facts::Facts;
use crate::kinds::Kinds;
use crate::owners::{Memory, NoMemory, Owners};
use crate::plan::saved::{self, Stale};
use crate::plan::{
    Action, BlastRadius, Limits, PLAN_FORMAT, Plan, PlanHeader, Safeguards, Step, is_proven,
};
use crate::policy::{Policy, PolicyContext, Verdict, Veto};
use crate::report::{Event, EventKind, Report, Reporter};
use crate::scope::Scope;

/// Discovers, decides, plans and applies, for one run.
pub struct Engine {
    backends: Vec<OpenBackend>,
    /// Backends that are meant as well and cannot be opened.
    closed: Vec<ListFailure>,
    options: EngineOptions,
    clock: RunClock,
    configuration: String,
    owners: Option<Arc<Owners>>,
    follows: bool,
    disks: bool,
    vetoes: Vec<Arc<dyn Veto>>,
    /// The ids of accounts as resources have them, by backend, where that is not the account's own.
    completed: Arc<Mutex<BTreeMap<Arc<str>, Arc<str>>>>,
}

/// What an engine needs to know.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The id of this run.
    pub run: Arc<str>,
    /// The time at which it starts.
    pub now: Timestamp,
    /// What the policy gets to see.
    pub scope: Scope,
    /// Whether to find out sizes even where that is slow.
    pub sizes: bool,
    /// Whether to name the account even of a backend that has nothing; to list, that is not needed.
    pub account_of_nothing: bool,
    /// The rules after the policy.
    pub safeguards: Safeguards,
    /// How to apply.
    pub apply: ApplyOptions,
}

/// What came of discovering, deciding and planning.
pub struct Planned {
    /// What was found.
    pub inventory: Arc<Inventory>,
    /// What the policy decided.
    pub decisions: Decisions,
    /// What will be done.
    pub plan: Plan,
}

impl Planned {
    /// How many running resources of unproven owner the plan ends.
    pub fn unproven_running(&self, facts: &Facts) -> usize {
        let runs = self
            .plan
            .steps
            .iter()
            .filter(|step| step.state.is_running());
        let runs: HashSet<_> = runs.map(|step| &step.target).collect();
        if runs.is_empty() {
            return 0;
        }
        let resources = self.inventory.resources.iter();
        let unproven = resources.filter(|one| !is_proven(one, facts));
        unproven.filter(|one| runs.contains(&one.identity)).count()
    }
}

/// How many resources to ask a backend for at a time.
const PAGE_SIZE: usize = 10_000;

impl Engine {
    /// An engine over open backends.
    pub fn new(backends: Vec<OpenBackend>, options: EngineOptions) -> Self {
        let clock = RunClock::starting_at(options.now);
        Self {
            backends,
            closed: Vec::new(),
            options,
            clock,
            configuration: String::new(),
            owners: None,
            follows: false,
            disks: false,
            vetoes: Vec::new(),
            completed: Arc::default(),
        }
    }

    /// Counts the deadline from the start of this clock, when the command began, and shows its times.
    #[must_use]
    pub fn with_clock(mut self, clock: RunClock) -> Self {
        self.clock = clock;
        self
    }

    /// Reports backends that are meant as well and cannot be opened: nothing is known of their resources.
    #[must_use]
    pub fn without(mut self, closed: Vec<ListFailure>) -> Self {
        self.closed = closed;
        self
    }

    /// Recognises owners by rules, in place of what backends say.
    #[must_use]
    pub fn recognising(mut self, owners: Arc<Owners>) -> Self {
        self.owners = Some(owners);
        self
    }

    /// Binds plans to a digest of the configuration: one that was saved, or is resumed, is stale under
    /// another.
    #[must_use]
    pub fn with_configuration(mut self, digest: impl Into<String>) -> Self {
        self.configuration = digest.into();
        self
    }

    /// Follows what changes from the listing on, where a backend reports changes: for an engine that will apply what it plans. It
    /// costs a request more when it lists, and spares one for each resource that it deletes.
    #[must_use]
    pub fn following(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Reads how full the disks are, where a backend tells: for a policy that asked for it.
    #[must_use]
    pub fn with_disks(mut self, wanted: bool) -> Self {
        self.disks = wanted;
        self
    }

    /// Asks these vetoes about every plan, one after the other.
    #[must_use]
    pub fn with_vetoes(mut self, vetoes: Vec<Arc<dyn Veto>>) -> Self {
        self.vetoes = vetoes;
        self
    }

    /// The same for a further run over what this one has not seen, of which so many running resources of unproven
    /// owner count for the limit already.
    #[must_use]
    pub fn for_the_rest(&self, run: Arc<str>, unproven_running: usize) -> Self {
        let mut options = self.options.clone();
        options.run = run;
        let limit = &mut options.safeguards.max_unproven_running;
        *limit = limit.saturating_sub(unproven_running);
        Self {
            backends: self.backends.clone(),
            closed: Vec::new(),
            options,
            clock: self.clock,
            configuration: self.configuration.clone(),
            owners: self.owners.clone(),
            follows: self.follows,
            disks: self.disks,
            vetoes: self.vetoes.clone(),
            completed: self.completed.clone(),
        }
    }

    /// The same over other backends, of which some cannot be opened.
    #[must_use]
    pub fn over(mut self, backends: Vec<OpenBackend>, closed: Vec<ListFailure>) -> Self {
        self.backends = backends;
        self.without(closed)
    }

    /// The backends that are open.
    pub fn backends(&self) -> &[OpenBackend] {
        &self.backends
    }

    /// Stage one: asks every backend in scope.
    pub async fn discover(&self, reporter: &mut Reporter<'_>) -> Inventory {
        self.discover_remembering(Arc::new(NoMemory), reporter)
            .await
    }

    /// Stage one, knowing what is remembered from earlier runs. What is to be remembered from now on is in the
    /// inventory.
    pub async fn discover_remembering(
        &self,
        memory: Arc<dyn Memory>,
        reporter: &mut Reporter<'_>,
    ) -> Inventory {
        let mut listings = self.begin_listing();
        listings.rest().await;
        self.inventory(&mut listings, memory, reporter)
    }

    /// Begins stage one. Backends need not wait for each other: [what has come](Self::inventory) can be taken
    /// while others are listed.
    pub fn begin_listing(&self) -> Listings<'_> {
        let options = DiscoverOptions {
            sizes: self.options.sizes,
            disks: self.disks,
            call_timeout: self.options.apply.call_timeout,
            page_size: PAGE_SIZE,
            account_of_nothing: self.options.account_of_nothing,
            follow: self.follows,
            until: self
                .options
                .apply
                .deadline
                .map(|time| self.clock.after(time)),
            clock: self.clock,
        };
        Listings::begin(&self.backends, &self.options.scope, options)
    }

    /// What has been listed since the last time. Those backends that cannot be opened are among the failures of the
    /// last one, when all others have come.
    pub fn inventory(
        &self,
        listings: &mut Listings<'_>,
        memory: Arc<dyn Memory>,
        reporter: &mut Reporter<'_>,
    ) -> Inventory {
        let mut inventory = listings.take().with_kinds(Kinds::of(&self.backends));
        self.completed().extend(inventory.completed.iter().cloned());
        for shared in &inventory.shared {
            self.emit(reporter, EventKind::AccountShared(shared.clone()));
        }
        if listings.is_finished() {
            inventory.failures.extend(self.closed.iter().cloned());
        }
        inventory.date_arrivals(&*memory, self.clock.now());
        if let Some(owners) = &self.owners {
            let providers = self.backends.iter();
            let providers: Vec<_> = providers
                .map(|open| (open.name.clone(), open.kind.clone()))
                .collect();
            let owners = owners.clone();
            inventory.recognise(providers, Recognition { owners, memory });
        }
        let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in &inventory.resources {
            *listed.entry(&resource.identity.backend).or_default() += 1;
        }
        for (backend, account) in &inventory.accounts {
            self.emit(
                reporter,
                EventKind::BackendListed {
                    backend: backend.clone(),
                    account: account.clone(),
                    resources: listed.get(&**backend).copied().unwrap_or_default(),
                },
            );
        }
        for failure in &inventory.failures {
            self.emit(reporter, EventKind::ListFailed(failure.clone()));
        }
        inventory
    }

    /// Stages two and three: what would be done with what was found, and why. Writes to no backend.
    ///
    /// The facts are best read after the inventory was taken: what came into being before a lease was taken
    /// is not under it, and what came after is not in the inventory.
    pub async fn plan(
        &self,
        inventory: Arc<Inventory>,
        facts: &Facts,
        policy: &Arc<dyn Policy>,
        policy_origin: &str,
        dry_run: bool,
        reporter: &mut Reporter<'_>,
    ) -> Planned {
        let context = self.policy_context(dry_run);
        let decisions = decide(
            policy.clone(),
            context,
            inventory.clone(),
            facts.clone(),
            self.options.scope.clone(),
        )
        .await;
        self.emit_decisions(policy, &decisions, reporter);
        let header = self.header(policy, policy_origin, &inventory);
        let safeguards = &self.options.safeguards;
        let plan = Plan::new(header, &inventory, &decisions.made, facts, safeguards);
        let plan = self.ask_vetoes(plan, &inventory, facts, dry_run).await;
        self.emit_plan(&plan, reporter);
        Planned {
            inventory,
            decisions,
            plan,
        }
    }

    /// Stage three for a plan that was saved: checks it against the world as it is now.
    ///
    /// # Errors
    /// [`Stale`] if it must not be applied any more.
    pub async fn revise(
        &self,
        plan: Plan,
        inventory: &Arc<Inventory>,
        facts: &Facts,
        policy: &Arc<dyn Policy>,
        valid: Duration,
        reporter: &mut Reporter<'_>,
    ) -> Result<Plan, Stale> {
        let now = self.clock.now();
        saved::check(
            &plan,
            policy.source(),
            &self.configuration,
            inventory,
            valid,
            now,
        )?;
        let plan = saved::revise(plan, inventory, facts, &self.options.safeguards, now);
        let plan = self.ask_vetoes(plan, inventory, facts, false).await;
        self.emit_plan(&plan, reporter);
        Ok(plan)
    }

    /// Stages four and five: applies the plan and reports. With a ledger every request is recorded before it is
    /// sent, and every outcome when it is known; once the ledger has halted nothing more is done.
    pub async fn apply(
        &self,
        plan: Plan,
        policy: &Arc<dyn Policy>,
        control: &Control,
        ledger: Option<&Arc<dyn Ledger>>,
        reporter: &mut Reporter<'_>,
    ) -> Report {
        let options = &self.options.apply;
        let (policy, clock) = (policy.clone(), self.clock);
        let backends = qualified(&self.backends, &self.completed());
        apply::apply(
            plan, &backends, policy, options, control, clock, ledger, reporter,
        )
        .await
    }

    /// What vetoes leave of a plan. If one fails, the whole plan is refused.
    async fn ask_vetoes(
        &self,
        mut plan: Plan,
        inventory: &Arc<Inventory>,
        facts: &Facts,
        dry_run: bool,
    ) -> Plan {
        for veto in &self.vetoes {
            let by_id: HashMap<ResourceId, usize> = match plan.steps.is_empty() {
                true => break,
                false => (0..inventory.resources.len())
                    .map(|index| (inventory.resources[index].identity.id(), index))
                    .collect(),
            };
            // Nothing is sent for what was not listed, so there is nothing to take away.
            let proposals = plan.steps.iter().filter_map(|step| {
                Some(Proposed {
                    resource: *by_id.get(&step.target.id())?,
                    verdict: verdict(step),
                    priority: step.priority,
                })
            });
            let reviewing = review(
                veto.clone(),
                self.policy_context(dry_run),
                plan.header.policy.name.clone(),
                inventory.clone(),
                facts.clone(),
                proposals.collect(),
            );
            match reviewing.await {
                Ok(vetoed) => {
                    let id = |index: usize| inventory.resources[index].identity.id();
                    let reasons = vetoed.into_iter();
                    let reasons = reasons.map(|(index, reason)| (id(index), reason)).collect();
                    let (name, now) = (&veto.source().name, self.clock.now());
                    let safeguards = &self.options.safeguards;
                    plan = plan.without_vetoed(name, &reasons, inventory, facts, safeguards, now);
                }
                Err(fault) => {
                    let fault = Box::new(fault);
                    plan.blast_radius = Some(BlastRadius::VetoFailed { fault });
                    break;
                }
            }
        }
        plan
    }

    fn completed(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<str>>> {
        self.completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of this run.
    pub fn clock(&self) -> RunClock {
        self.clock
    }

    fn policy_context(&self, dry_run: bool) -> PolicyContext {
        PolicyContext {
            dry_run,
            claimed: self.options.scope.claims_running(),
            exclusive: self.options.safeguards.exclusive.clone(),
            zone: self.options.apply.zone.clone(),
            ..PolicyContext::new(self.clock.now(), self.options.run.clone())
        }
    }

    fn header(
        &self,
        policy: &Arc<dyn Policy>,
        policy_origin: &str,
        inventory: &Inventory,
    ) -> PlanHeader {
        PlanHeader {
            format: PLAN_FORMAT.to_owned(),
            run: self.options.run.clone(),
            created: self.clock.now(),
            policy: policy.source().clone(),
            policy_origin: policy_origin.to_owned(),
            scope: self.options.scope.clone(),
            clocks: inventory.clocks.notable(),
            accounts: inventory
                .accounts
                .iter()
                .map(|(backend, account)| (backend.clone(), account.id.clone()))
                .collect(),
            configuration: self.configuration.clone(),
            limits: Some(self.limits()),
        }
    }

    /// The limits of this run.
    pub fn limits(&self) -> Limits {
        Limits::from(&self.options.safeguards)
    }

    fn emit_decisions(
        &self,
        policy: &Arc<dyn Policy>,
        decisions: &Decisions,
        reporter: &mut Reporter<'_>,
    ) {
        let kind = match &decisions.fault {
            Some(fault) => EventKind::PolicyFailed(fault.clone()),
            None => EventKind::PolicyDecided {
                policy: policy.source().clone(),
                candidates: decisions.candidates,
                proposals: decisions
                    .made
                    .iter()
                    .filter(|decision| !matches!(decision.verdict, Verdict::Keep { .. }))
                    .count(),
                log: decisions.log.clone(),
            },
        };
        self.emit(reporter, kind);
    }

    fn emit_plan(&self, plan: &Plan, reporter: &mut Reporter<'_>) {
        self.emit(
            reporter,
            EventKind::PlanMade {
                steps: plan.steps.len(),
                refusals: plan.refusals.len(),
                blast_radius: plan.blast_radius.clone(),
            },
        );
    }

    fn emit(&self, reporter: &mut Reporter<'_>, kind: EventKind) {
        reporter(&Event {
            at: self.clock.now(),
            kind,
        });
    }
}

/// What a step does, as a policy proposes it.
fn verdict(step: &Step) -> Verdict {
    let reason = step.reason.clone();
    match step.action {
        Action::Stop { grace } => Verdict::Stop {
            reason,
            grace: Some(grace),
        },
        Action::Archive { grace } => Verdict::Archive {
            reason,
            grace: Some(grace),
        },
        Action::Delete { force, grace } => Verdict::Delete {
            reason,
            force,
            grace: Some(grace),
        },
    }
}
