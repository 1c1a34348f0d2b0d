//! What the safeguards make of leases, and what a sweep plans: over a provider in memory.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::{Facts, LiveLease};
use tbengine_engine::plan::{Action, Plan, Safeguard};
use tbengine_engine::policy::Force;
use tbengine_engine::terms::{Filter, Later, Terms};
use tbengine_memory::{Make, Memory, container, image, network, volume};
use tbengine_ops::lease::{LeasePolicy, Other, OwnedBy, Ownership, Target};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Kind, Owner, Resource, Unit};
use tbengine_store::{Baseline, Claim, LEASE_FORMAT, Lease, LeaseEntry, LeaseStatus};

use crate::support::host;
use crate::world::{NOW, World, delete_all, provider, refused};

/// A lease that processes hold.
pub(crate) fn lease(id: &str) -> Lease {
    Lease {
        format: LEASE_FORMAT.into(),
        id: id.into(),
        since: NOW,
        holder: host(1).process,
        claim: Claim::Lock,
        terms: Terms::default(),
        ended: None,
        later: Later::default(),
    }
}

/// A running container that was made just now and carries the label of a lease.
fn made_under(id: &str, name: &str) -> Make {
    let labelled = container(name).label(RUN_ID_LABEL, id.to_owned());
    let owner = Owner::Run(id.to_owned());
    labelled.running().owner(owner).created(Duration::ZERO)
}

/// What the safeguards know of these leases.
fn facts(leases: impl IntoIterator<Item = (Lease, LeaseStatus)>) -> Facts {
    let entry = |(lease, status)| LeaseEntry {
        lease,
        status,
        left: None,
        images: HashSet::new(),
    };
    tbengine_store::facts(leases.into_iter().map(|one| Ok(entry(one))))
}

/// A world whose safeguards know these leases and care for no age.
fn world(memory: &Memory, leases: Facts) -> World {
    let mut world = World::new(memory.clone());
    world.safeguards.min_age = Duration::ZERO;
    world.facts = leases;
    world
}

/// What a policy that wants everything gone gets, beside these leases.
async fn plan_beside(memory: &Memory, leases: Facts) -> Plan {
    world(memory, leases).plan(delete_all()).await.plan
}

fn planned(plan: &Plan) -> Vec<&str> {
    let mut names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(start_paused = true)]
async fn a_live_lease_refuses_everyone_else() {
    let memory = provider();
    memory.insert(made_under("live", "labelled"));
    memory.insert(container("ended").label(RUN_ID_LABEL, "live"));
    memory.insert(container("named").label("team", "evals"));
    memory.insert(container("other").label("team", "else"));
    let mut live = lease("live");
    live.terms.filters = vec![Filter::labels(vec!["team=evals".parse().unwrap()])];
    live.terms.program = Some("harbor".into());
    let guarded = facts([(live.clone(), LeaseStatus::Live)]);
    let while_live = plan_beside(&memory, guarded).await;
    for name in ["labelled", "ended", "named"] {
        assert_eq!(
            refused(&while_live, name),
            Some(Safeguard::LiveLease),
            "{name}"
        );
    }
    assert_eq!(refused(&while_live, "other"), None);
    let detail = &while_live.refusals[0].detail;
    assert_eq!(detail, "created under live lease live of `harbor`");

    let over = facts([(live, LeaseStatus::Over)]);
    let after = plan_beside(&memory, over).await;
    assert_eq!(planned(&after), ["ended", "labelled", "named", "other"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_lease_is_over_proves_what_runs_and_an_unknown_one_does_not() {
    let memory = provider();
    for id in ["over", "ended", "unknown"] {
        memory.insert(made_under(id, id));
    }
    let leases = [
        (lease("over"), LeaseStatus::Over),
        (lease("ended"), LeaseStatus::Ended),
    ];
    let plan_of_all = plan_beside(&memory, facts(leases)).await;
    assert_eq!(refused(&plan_of_all, "over"), None);
    assert_eq!(refused(&plan_of_all, "ended"), None);
    assert_eq!(
        refused(&plan_of_all, "unknown"),
        Some(Safeguard::UnknownLease)
    );
    let plan_of_none = plan_beside(&memory, Facts::default()).await;
    assert!(plan_of_none.is_empty(), "{plan_of_none:?}");
}

/// A sweep of one lease, beside others.
struct Sweep {
    memory: Memory,
    lease: Lease,
    others: Vec<(Lease, LeaseStatus)>,
}

impl Sweep {
    fn of(id: &str, memory: &Memory) -> Self {
        Self {
            memory: memory.clone(),
            lease: lease(id),
            others: Vec::new(),
        }
    }

    async fn ownership(&self) -> Ownership {
        let others = self.others.iter().map(|(lease, _)| Other {
            lease: lease.clone(),
            until: lease.ended,
        });
        let nothing = Baseline::of(&Inventory::default(), NOW);
        let engine = world(&self.memory, Facts::default()).engine();
        let inventory = engine.discover(&mut |_| {}).await;
        Ownership::new(
            self.lease.clone(),
            nothing,
            HashSet::new(),
            BTreeSet::new(),
            others.collect(),
        )
        .seeing(&inventory)
    }

    /// What the safeguards of the sweep know.
    async fn facts(&self) -> Facts {
        let ownership = self.ownership().await;
        let engine = world(&self.memory, Facts::default()).engine();
        let inventory = engine.discover(&mut |_| {}).await;
        let is_ours = |one: &&Resource| matches!(ownership.of(one), OwnedBy::Ours(_));
        let ours = inventory.resources.iter().filter(is_ours);
        Facts {
            only: Some(ours.map(|one| one.identity.id()).collect()),
            ..facts(self.others.iter().cloned())
        }
    }

    async fn policy(&self, target: Target) -> LeasePolicy {
        LeasePolicy::new(self.ownership().await, target, Duration::from_secs(3))
    }

    async fn plan(&self, target: Target) -> Plan {
        let policy = self.policy(target).await;
        let world = world(&self.memory, self.facts().await);
        world.plan(policy).await.plan
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_refuses_what_is_not_its_own_whatever_the_policy_says() {
    let memory = provider();
    memory.insert(made_under("mine", "mine"));
    memory.insert(made_under("live", "of-another"));
    memory.insert(made_under("unknown", "of-nobody-known"));
    memory.insert(container("meanwhile").running().created(Duration::ZERO));
    memory.insert(container("long-ago"));
    let mut sweep = Sweep::of("mine", &memory);
    sweep.others = vec![(lease("live"), LeaseStatus::Live)];
    let plan = plan_beside(&memory, sweep.facts().await).await;
    assert_eq!(planned(&plan), ["mine"]);
    for name in ["of-another", "of-nobody-known", "meanwhile", "long-ago"] {
        assert_eq!(refused(&plan, name), Some(Safeguard::LiveLease), "{name}");
    }
    let detail = |name: &str| {
        let refusal = plan.refusals.iter().find(|refusal| refusal.name == name);
        refusal.unwrap().detail.as_str()
    };
    assert_eq!(detail("of-another"), "created under live lease live");
    assert_eq!(
        detail("meanwhile"),
        "not proven to be created under this lease"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_plans_what_was_made_under_its_lease_and_says_why() {
    let memory = provider();
    let scratch = memory.insert(volume("scratch").label(RUN_ID_LABEL, "mine"));
    // Somebody else made it, and the run uses it.
    let data = memory.insert(volume("data").created(Duration::ZERO));
    let base = memory.insert(image("base"));
    let built = memory.insert(image("built").unit("trial"));
    let uses = made_under("mine", "mine").unit("trial");
    let uses = uses.uses(&scratch).uses(&data);
    memory.insert(uses.uses(&base).uses(&built));
    memory.insert(network("foreign").created(Duration::ZERO));
    memory.insert(made_under("other", "theirs"));
    let plan = Sweep::of("mine", &memory).plan(Target::Everything).await;
    assert_eq!(planned(&plan), ["built", "mine", "scratch"]);
    assert_eq!(plan.refusals, []);
    let reason = |name: &str| {
        let step = plan.steps.iter().find(|step| step.name == name);
        step.map(|step| step.reason.as_str())
    };
    assert_eq!(
        reason("mine"),
        Some("created under lease mine, which expired: its label says so")
    );
    assert_eq!(
        reason("built"),
        Some("created under lease mine, which expired: it was built for a unit of the run")
    );
    let killed = Action::Delete {
        force: Force::Always,
        grace: Duration::from_secs(3),
    };
    assert_eq!(plan.steps[0].action, killed);
    assert_eq!(plan.header.policy.name, "lease");
    assert_eq!(plan.header.policy.params["lease"], "mine");
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_stays_in_a_sweep_too() {
    let memory = provider();
    memory.insert(made_under("mine", "kept").label("tbengine.protect", "true"));
    memory.insert(made_under("mine", "gone"));
    let plan = Sweep::of("mine", &memory).plan(Target::Everything).await;
    assert_eq!(refused(&plan, "kept"), Some(Safeguard::ProtectedLabel));
    assert_eq!(refused(&plan, "gone"), None);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_another_live_lease_relies_on_stays_in_a_sweep() {
    let memory = provider();
    let found = memory.insert(image("found").label(RUN_ID_LABEL, "mine"));
    memory.insert(image("lonely").label(RUN_ID_LABEL, "mine"));
    let sweep = Sweep::of("mine", &memory);
    let policy = sweep.policy(Target::Everything).await;
    let mut facts = sweep.facts().await;
    facts.live.push(LiveLease {
        id: "other".into(),
        terms: Terms::default(),
        images: [found.native].into(),
    });
    let plan = world(&memory, facts).plan(policy).await.plan;
    assert_eq!(refused(&plan, "found"), Some(Safeguard::LiveLease));
    assert_eq!(plan.refusals[0].detail, "live lease other relies on it");
    assert_eq!(planned(&plan), ["lonely"]);
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_to_be_kept_stay_in_a_sweep() {
    let memory = provider();
    memory.insert(image("built").label(RUN_ID_LABEL, "mine"));
    memory.insert(made_under("mine", "mine"));
    let mut sweep = Sweep::of("mine", &memory);
    sweep.lease.terms.kept_kinds = vec![Kind::IMAGE];
    let plan = sweep.plan(Target::Everything).await;
    assert_eq!(planned(&plan), ["mine"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_stranger_uses_stays_in_a_sweep_too() {
    let memory = provider();
    let shared = memory.insert(network("shared").label(RUN_ID_LABEL, "mine"));
    memory.insert(made_under("mine", "mine").uses(&shared));
    memory.insert(container("stranger").running().uses(&shared));
    let plan = Sweep::of("mine", &memory).plan(Target::Everything).await;
    assert_eq!(refused(&plan, "shared"), Some(Safeguard::InUse));
    assert_eq!(planned(&plan), ["mine"]);
}

#[tokio::test(start_paused = true)]
async fn while_the_run_goes_on_only_units_that_are_over_go_and_no_images() {
    let memory = provider();
    memory.insert(made_under("mine", "over").unit("a"));
    memory.insert(network("over-net").unit("a").label(RUN_ID_LABEL, "mine"));
    memory.insert(image("over-image").unit("a").label(RUN_ID_LABEL, "mine"));
    memory.insert(container("not-ours").unit("a").created(Duration::ZERO));
    memory.insert(made_under("mine", "running").unit("b"));
    memory.insert(made_under("mine", "of-no-unit"));
    let over = Target::Units([Unit("a".into())].into());
    let plan = Sweep::of("mine", &memory).plan(over).await;
    assert_eq!(planned(&plan), ["over", "over-net"]);
    assert_eq!(
        plan.steps[0].reason,
        "its unit is finished, and it was created under lease mine: its label says so"
    );
}

#[tokio::test(start_paused = true)]
async fn two_sweeps_side_by_side_leave_each_other_alone() {
    let memory = provider();
    for number in 0..10 {
        memory.insert(made_under("mine", &format!("mine-{number}")));
        memory.insert(made_under("yours", &format!("yours-{number}")));
    }
    let mut mine = Sweep::of("mine", &memory);
    mine.others = vec![(lease("yours"), LeaseStatus::Over)];
    let mut yours = Sweep::of("yours", &memory);
    yours.others = vec![(lease("mine"), LeaseStatus::Over)];
    let plan_of_mine = mine.plan(Target::Everything).await;
    let plan_of_yours = yours.plan(Target::Everything).await;
    assert_eq!(
        (plan_of_mine.steps.len(), plan_of_yours.steps.len()),
        (10, 10)
    );
    let policy = mine.policy(Target::Everything).await;
    let report = world(&memory, Facts::default())
        .apply(plan_of_mine, policy)
        .await;
    assert_eq!(report.outcomes.len(), 10);
    let left = memory.oracle().alive();
    assert_eq!(left.len(), 10);
    assert!(
        left.iter().all(|one| one.name.starts_with("yours")),
        "{left:?}"
    );
}
