//! Each safeguard, in a case where it fires, and beside it one where it does not.

use std::time::Duration;

use tbengine_engine::plan::{BlastRadius, MaxDelete, Own, Plan, Safeguard, Safeguards};
use tbengine_engine::policy::{Force, Verdict};
use tbengine_memory::{Fault, Make, Operation, container, image, network, sandbox, volume};
use tbengine_sdk::{Error, ErrorKind, Kind, Owner, State, Timestamp, Unreadable};

use crate::stages::support::{
    HOUR, NOW, Scripted, World, claiming_world, delete, delete_all, ours, provider, refused,
    seconds,
};

async fn plan_of(make: Make) -> Plan {
    let memory = provider();
    memory.insert(make);
    World::new(memory).plan(delete_all()).await.plan
}

#[tokio::test(start_paused = true)]
async fn protected_label() {
    for value in ["", "true", "yes", "forever"] {
        let plan = plan_of(container("c").label("tbengine.protect", value)).await;
        assert_eq!(
            refused(&plan, "c"),
            Some(Safeguard::ProtectedLabel),
            "{value:?}"
        );
    }
    let plan = plan_of(container("c").label("tbengine.protect", "false")).await;
    assert_eq!(refused(&plan, "c"), None);
}

#[tokio::test(start_paused = true)]
async fn keep_until() {
    let tomorrow = NOW.plus(24 * HOUR).to_string();
    let yesterday = NOW.minus(24 * HOUR).to_string();
    for (until, safeguard) in [
        (tomorrow.as_str(), Some(Safeguard::KeepUntil)),
        // What cannot be read is a protection all the same.
        ("next week", Some(Safeguard::KeepUntil)),
        ("", Some(Safeguard::KeepUntil)),
        (yesterday.as_str(), None),
    ] {
        let plan = plan_of(container("c").label("tbengine.keep-until", until.to_owned())).await;
        assert_eq!(refused(&plan, "c"), safeguard, "{until:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn minimum_age() {
    let young = plan_of(container("c").created(seconds(59))).await;
    assert_eq!(refused(&young, "c"), Some(Safeguard::MinimumAge));
    let old = plan_of(container("c").created(seconds(60))).await;
    assert_eq!(refused(&old, "c"), None);
    let unknown = plan_of(container("c").created_unknown()).await;
    assert_eq!(refused(&unknown, "c"), Some(Safeguard::MinimumAge));
}

#[tokio::test(start_paused = true)]
async fn minimum_age_counts_from_the_end_as_well() {
    let long = |ended| container("c").created(HOUR).finished(seconds(ended));
    let just_ended = plan_of(long(1)).await;
    assert_eq!(refused(&just_ended, "c"), Some(Safeguard::MinimumAge));
    let detail = &just_ended.refusals[0].detail;
    assert_eq!(detail, "ended 1s ago, less than 1m");
    assert_eq!(refused(&plan_of(long(60)).await, "c"), None);
    // It runs again: when it last ended does not matter.
    let benchmark = Owner::Benchmark("harbor".into());
    let again = plan_of(long(1).running().owner(benchmark)).await;
    assert_eq!(refused(&again, "c"), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_plan_was_to_end_may_have_just_ended_when_it_is_looked_at_again() {
    let memory = provider();
    let ran = memory.insert(ours("ran").running());
    let ended = memory.insert(ours("ended"));
    let world = claiming_world(&memory);
    let plan = world.plan(delete_all()).await.plan;
    // Its run has stopped the one, and was killed; somebody has started and stopped the other.
    for identity in [ran, ended] {
        let mut resource = memory.oracle().resource(&identity).unwrap();
        resource.state = State::Exited;
        resource.finished = Some(NOW.minus(seconds(1)));
        memory.insert_resource(resource);
    }
    let engine = world.engine();
    let inventory = engine.discover(&mut |_| {}).await;
    let policy: std::sync::Arc<dyn tbengine_engine::policy::Policy> =
        std::sync::Arc::new(delete_all());
    let inventory = std::sync::Arc::new(inventory);
    let mut see = |_: &_| {};
    let revising = engine.revise(plan, &inventory, &world.facts, &policy, HOUR, &mut see);
    let revised = revising.await.unwrap();
    assert_eq!(refused(&revised, "ran"), None);
    assert_eq!(refused(&revised, "ended"), Some(Safeguard::MinimumAge));
}

#[tokio::test(start_paused = true)]
async fn unknown_lease() {
    let memory = provider();
    let of = |run: &str| container("c").label("tbengine.run-id", run.to_owned());
    memory.insert(of("elsewhere").created(29 * 24 * HOUR));
    let mut world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::UnknownLease));
    // The operator claims what is labelled so, and somebody's run is among it.
    world.scope.labels = vec!["tbengine.run-id=elsewhere".parse().unwrap()];
    assert_eq!(refused(&world.plan(delete_all()).await.plan, "c"), None);
    world.scope.labels.clear();
    world.facts.over = ["elsewhere".to_owned()].into();
    assert_eq!(refused(&world.plan(delete_all()).await.plan, "c"), None);
    world.facts.over.clear();
    world.safeguards.unknown_lease_age = 29 * 24 * HOUR;
    assert_eq!(refused(&world.plan(delete_all()).await.plan, "c"), None);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_lease_protects_what_a_label_of_the_operators_claims() {
    let memory = provider();
    let ours = ours("c").label("tbengine.run-id", "elsewhere");
    memory.insert(ours.running());
    memory.insert(
        container("e")
            .label("team", "evals")
            .label("tbengine.run-id", ""),
    );
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::UnknownLease));
    assert_eq!(refused(&plan, "e"), None, "an empty id is nobody's");
    // How old it is counts from when it came into being, which must be known.
    let unknown = container("u").label("tbengine.run-id", "elsewhere");
    memory.insert(unknown.created_unknown());
    let mut world = World::new(memory);
    world.safeguards.min_age = Duration::ZERO;
    world.safeguards.unknown_lease_age = seconds(1);
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "u"), Some(Safeguard::UnknownLease));
}

/// A unit of which the database runs: the container that waits for it, one that has ended, and what they use.
fn half_started(unit: &str) -> Vec<Make> {
    let of = |make: Make| make.unit(unit);
    vec![
        of(container("db").running()),
        of(container("main").state(State::Created)),
        of(container("init")),
        of(network("net")),
        of(volume("data")),
        of(image("built")),
    ]
}

#[tokio::test(start_paused = true)]
async fn live_unit() {
    let memory = provider();
    half_started("a").into_iter().for_each(|make| {
        memory.insert(make);
    });
    memory.insert(container("of-another-unit").unit("b"));
    memory.insert(container("of-none"));
    let ended_only = || {
        Scripted::new(|one| {
            let is_dead = !one.resource.state.is_running();
            is_dead.then(|| delete(Force::Never, Duration::ZERO))
        })
    };
    let world = World::new(memory.clone());
    let plan = world.plan(ended_only()).await.plan;
    for member in ["main", "init", "net", "data"] {
        assert_eq!(
            refused(&plan, member),
            Some(Safeguard::LiveUnit),
            "{member}"
        );
    }
    let detail = |name: &str| {
        let refusal = plan.refusals.iter().find(|refusal| refusal.name == name);
        refusal.unwrap().detail.as_str()
    };
    assert_eq!(detail("main"), "`db` of its unit is running and is kept");
    for other in ["built", "of-another-unit", "of-none"] {
        assert_eq!(refused(&plan, other), None, "{other}");
    }
    // Whatever else is in scope, what runs of the unit is a fact.
    let mut ended = World::new(memory);
    ended.scope.states = vec![State::Created];
    let plan = ended.plan(ended_only()).await.plan;
    assert_eq!(refused(&plan, "main"), Some(Safeguard::LiveUnit));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_may_run_in_any_unit() {
    let memory = provider();
    memory.insert(container("init").unit("a"));
    memory.insert(container("of-none"));
    let plan = World::new(memory.clone()).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "init"), None);
    let unreadable = Unreadable {
        shown: "odd".into(),
        message: "unexpected response format".into(),
    };
    memory.shows_unreadable(Kind::CONTAINER, unreadable);
    let plan = World::new(memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "init"), Some(Safeguard::LiveUnit));
    assert_eq!(refused(&plan, "of-none"), None);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_goes_as_a_whole_is_not_live() {
    let memory = provider();
    half_started("a").into_iter().for_each(|make| {
        memory.insert(make.label("team", "evals"));
    });
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    for member in ["db", "main", "init", "net", "data"] {
        assert_eq!(refused(&plan, member), None, "{member}");
    }
    // What keeps one of them keeps the rest of its unit.
    memory.insert(
        ours("kept")
            .running()
            .unit("a")
            .label("tbengine.protect", ""),
    );
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "main"), Some(Safeguard::LiveUnit));
    assert_eq!(refused(&plan, "db"), None);
    // A state that nobody knows may be running.
    let memory = provider();
    memory.insert(container("odd").unit("a").state(State::Unknown));
    memory.insert(container("ended").unit("a"));
    let plan = World::new(memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "ended"), Some(Safeguard::LiveUnit));
}

#[tokio::test(start_paused = true)]
async fn minimum_age_of_what_was_created_in_the_future() {
    let memory = provider();
    let identity = memory.insert(container("c"));
    let mut resource = memory.oracle().resource(&identity).unwrap();
    resource.identity.created = Some(NOW.plus(HOUR));
    memory.insert_resource(resource);
    let mut world = World::new(memory);
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::MinimumAge));
    world.safeguards.min_age = Duration::ZERO;
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(
        refused(&plan, "c"),
        None,
        "only the operator's 0s switches it off"
    );
}

#[tokio::test(start_paused = true)]
async fn own_container() {
    let memory = provider();
    let own = memory.insert(container("self"));
    memory.insert(container("other"));
    let mut world = World::new(memory);
    world.safeguards.own = Own {
        containers: vec![own.native],
    };
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "self"), Some(Safeguard::OwnContainer));
    assert_eq!(refused(&plan, "other"), None);
}

#[tokio::test(start_paused = true)]
async fn unknown_state() {
    let plan = plan_of(container("c").state(State::Unknown)).await;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::UnknownState));
}

#[tokio::test(start_paused = true)]
async fn running_without_force() {
    for state in [
        State::Running,
        State::Paused,
        State::Restarting,
        State::Pending,
    ] {
        let memory = provider();
        let benchmark = Owner::Benchmark("harbor".into());
        memory.insert(container("c").state(state).owner(benchmark));
        let world = World::new(memory);
        for (force, safeguard) in [
            (Force::Never, Some(Safeguard::RunningWithoutForce)),
            (Force::OnRetry, None),
            (Force::Always, None),
        ] {
            let policy = Scripted::new(move |_| Some(delete(force, Duration::ZERO)));
            let plan = world.plan(policy).await.plan;
            assert_eq!(refused(&plan, "c"), safeguard, "{state} {force:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unproven_owner() {
    for (owner, safeguard) in [
        (Owner::Unknown, Some(Safeguard::UnprovenOwner)),
        (Owner::Other("acme".into()), Some(Safeguard::UnprovenOwner)),
        // Whether its lease is gone is not known.
        (Owner::Run("r1".into()), Some(Safeguard::UnprovenOwner)),
        (Owner::Benchmark("harbor".into()), None),
    ] {
        let plan = plan_of(sandbox("box").running().owner(owner.clone())).await;
        assert_eq!(refused(&plan, "box"), safeguard, "{owner:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn unproven_owner_holds_for_what_is_at_rest_in_a_cloud() {
    for (state, owner, safeguard) in [
        (State::Stopped, Owner::Unknown, true),
        (State::Archived, Owner::Unknown, true),
        (State::Archived, Owner::Other("acme".into()), true),
        (State::Stopped, Owner::Benchmark("harbor".into()), false),
        // Nothing starts these again.
        (State::Failed, Owner::Unknown, false),
        (State::Exited, Owner::Unknown, false),
    ] {
        let memory = provider();
        memory.insert(sandbox("box").state(state).owner(owner.clone()));
        let mut world = World::new(memory.clone());
        for force in [Force::Never, Force::Always] {
            let policy = Scripted::new(move |_| Some(delete(force, Duration::ZERO)));
            let refusal = safeguard.then_some(Safeguard::UnprovenOwner);
            let plan = world.plan(policy).await.plan;
            assert_eq!(refused(&plan, "box"), refusal, "{state} {owner:?}");
        }
        world.safeguards.exclusive = vec!["memory".into()];
        let plan = world.plan(delete_all()).await.plan;
        assert_eq!(refused(&plan, "box"), None, "{state} {owner:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn kept_owner() {
    let kept = |make: Make| make.owner(Owner::Kept("kind".into()));
    for make in [container("c"), container("c").running()] {
        let plan = plan_of(kept(make)).await;
        assert_eq!(refused(&plan, "c"), Some(Safeguard::KeptOwner));
    }
    let other = container("c").owner(Owner::Other("testcontainers".into()));
    assert_eq!(refused(&plan_of(other).await, "c"), None);

    // Naming it claims it, and that the account is the operator's does not.
    let memory = provider();
    memory.insert(kept(ours("c")));
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), None);
    let mut world = World::new(memory);
    world.safeguards.exclusive = vec!["memory".into()];
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::KeptOwner));
}

#[tokio::test(start_paused = true)]
async fn what_runs_in_an_exclusive_account_is_the_operators() {
    let memory = provider();
    memory.insert(container("c").running());
    memory.insert(
        container("testcontainers")
            .running()
            .owner(Owner::Other("testcontainers".into())),
    );
    let mut world = World::new(memory);
    world.safeguards.exclusive = vec!["memory".into()];
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(plan.refusals, []);
    world.safeguards.exclusive = vec!["other".into()];
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::UnprovenOwner));
}

#[tokio::test(start_paused = true)]
async fn unproven_owner_holds_for_stopping_too() {
    let memory = provider();
    memory.insert(container("c").running());
    let policy = Scripted::new(|_| {
        Some(Verdict::Stop {
            reason: "idle".into(),
            grace: None,
        })
    });
    let plan = World::new(memory).plan(policy).await.plan;
    assert_eq!(refused(&plan, "c"), Some(Safeguard::UnprovenOwner));
}

#[tokio::test(start_paused = true)]
async fn an_operator_claims_what_runs_by_naming_a_label() {
    let memory = provider();
    memory.insert(ours("mine").running());
    memory.insert(container("foreign").running());
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "mine"), None);
    assert!(
        plan.refusals.is_empty(),
        "what is out of scope is not a candidate"
    );
}

#[tokio::test(start_paused = true)]
async fn held_by_what_stays() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let img = memory.insert(image("img"));
    let data = memory.insert(volume("data"));
    memory.insert(volume("free"));
    memory.insert(container("web").running().uses(&net).uses(&img).uses(&data));
    let plan = World::new(memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "web"), Some(Safeguard::UnprovenOwner));
    for name in ["net", "img", "data"] {
        assert_eq!(refused(&plan, name), Some(Safeguard::InUse), "{name}");
    }
    assert_eq!(refused(&plan, "free"), None);
}

#[tokio::test(start_paused = true)]
async fn held_by_what_is_only_stopped() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let data = memory.insert(volume("data"));
    let free = memory.insert(volume("free"));
    let benchmark = || Owner::Benchmark("harbor".into());
    let stopped = container("stopped").running().owner(benchmark());
    memory.insert(stopped.uses(&net).uses(&data));
    let deleted = container("deleted").running().owner(benchmark());
    memory.insert(deleted.uses(&free));
    let policy = Scripted::new(|one| {
        Some(match &*one.resource.name {
            "stopped" => Verdict::Stop {
                reason: "idle".into(),
                grace: None,
            },
            _ => delete(Force::Always, Duration::ZERO),
        })
    });
    let plan = World::new(memory).plan(policy).await.plan;
    assert_eq!(refused(&plan, "stopped"), None);
    assert_eq!(refused(&plan, "net"), Some(Safeguard::InUse));
    assert_eq!(refused(&plan, "data"), Some(Safeguard::InUse));
    assert_eq!(refused(&plan, "free"), None);
}

#[tokio::test(start_paused = true)]
async fn held_through_a_chain() {
    let memory = provider();
    let base = memory.insert(image("base"));
    let child = memory.insert(image("child").uses(&base));
    memory.insert(container("web").label("tbengine.protect", "").uses(&child));
    let plan = World::new(memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "child"), Some(Safeguard::InUse));
    assert_eq!(refused(&plan, "base"), Some(Safeguard::InUse));
}

#[tokio::test(start_paused = true)]
async fn a_protection_holds_through_a_cascade() {
    let memory = provider();
    let data = memory.insert(volume("data").label("tbengine.protect", ""));
    let scratch = memory.insert(volume("scratch"));
    let until =
        |name, until: Timestamp| volume(name).label("tbengine.keep-until", until.to_string());
    let kept = memory.insert(until("kept", NOW.plus(HOUR)));
    let over = memory.insert(until("over", NOW.minus(HOUR)));
    memory.insert(ours("one").takes_along(&data));
    memory.insert(ours("two").takes_along(&scratch));
    memory.insert(ours("three").takes_along(&kept));
    memory.insert(ours("four").takes_along(&over));
    let plan = claiming_world(&memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "one"), Some(Safeguard::ProtectedLabel));
    assert_eq!(refused(&plan, "two"), None);
    assert_eq!(refused(&plan, "three"), Some(Safeguard::KeepUntil));
    assert_eq!(refused(&plan, "four"), None);
}

#[tokio::test(start_paused = true)]
async fn data_of_unknown_owner_stays_where_its_container_goes() {
    let memory = provider();
    let theirs = memory.insert(volume("theirs"));
    memory.insert(container("unknown").takes_along(&theirs));
    let proven = memory.insert(volume("proven"));
    let benchmark = Owner::Benchmark("harbor".into());
    memory.insert(container("trial").owner(benchmark).takes_along(&proven));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all_containers()).await.plan;
    let step = |name: &str| plan.steps.iter().find(|step| step.name == name).unwrap();
    assert!(step("unknown").alone && step("unknown").along.is_empty());
    assert!(!step("trial").alone);
    assert_eq!(step("trial").along, [proven.id().to_string()]);
    // A plan that says otherwise is not believed.
    let mut forged = plan.clone();
    for step in &mut forged.steps {
        std::sync::Arc::make_mut(step).alone = false;
    }
    let engine = world.engine();
    let inventory = engine.discover(&mut |_| {}).await;
    let policy: std::sync::Arc<dyn tbengine_engine::policy::Policy> =
        std::sync::Arc::new(delete_all_containers());
    let inventory = std::sync::Arc::new(inventory);
    let mut see = |_: &_| {};
    let revising = engine.revise(forged, &inventory, &world.facts, &policy, HOUR, &mut see);
    let revised = revising.await.unwrap();
    let again = revised.steps.iter().find(|step| step.name == "unknown");
    assert!(again.unwrap().alone);
    world.run(delete_all_containers()).await;
    let mut alive: Vec<_> = memory
        .oracle()
        .alive()
        .into_iter()
        .map(|one| one.name)
        .collect();
    alive.sort();
    assert_eq!(alive, ["theirs"]);
}

fn delete_all_containers() -> Scripted {
    Scripted::new(|one| {
        let is_container = one.resource.identity.kind == Kind::CONTAINER;
        is_container.then(|| delete(Force::Never, Duration::ZERO))
    })
}

#[tokio::test(start_paused = true)]
async fn holders_unknown_when_containers_cannot_be_listed() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let data = memory.insert(volume("data"));
    let img = memory.insert(image("img"));
    memory.insert(container("web").running().uses(&net).uses(&data).uses(&img));
    memory
        .script(Operation::List)
        .of_kind(Kind::CONTAINER)
        .then(Fault::Answer(Error::new(
            ErrorKind::Internal,
            "broken listing",
        )));
    let planned = World::new(memory).plan(delete_all()).await;
    for name in ["net", "data", "img"] {
        let safeguard = refused(&planned.plan, name);
        assert_eq!(safeguard, Some(Safeguard::DependentsUnknown), "{name}");
    }
    assert_eq!(planned.inventory.failures.len(), 1);
    assert!(planned.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn holders_unknown_when_their_kind_is_not_declared() {
    let memory = provider();
    memory.insert(network("net"));
    memory.kinds(&[Kind::NETWORK]);
    let plan = World::new(memory).plan(delete_all()).await.plan;
    assert_eq!(refused(&plan, "net"), Some(Safeguard::DependentsUnknown));
}

#[tokio::test(start_paused = true)]
async fn what_takes_along_what_could_not_be_listed_stays() {
    for (kind, safeguard) in [
        (Kind::VOLUME, Some(Safeguard::CascadeUnknown)),
        (Kind::NETWORK, None),
    ] {
        let memory = provider();
        let data = memory.insert(volume("data").label("tbengine.protect", ""));
        memory.insert(ours("one").takes_along(&data));
        memory.insert(ours("two"));
        let broken = Error::new(ErrorKind::Internal, "broken listing");
        let listing = memory.script(Operation::List).of_kind(kind);
        listing.then(Fault::Answer(broken));
        let plan = claiming_world(&memory).plan(delete_all()).await.plan;
        let safeguard = safeguard.or(Some(Safeguard::ProtectedLabel));
        assert_eq!(
            refused(&plan, "one"),
            safeguard,
            "without a listing of {kind}s"
        );
        assert_eq!(refused(&plan, "two"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn facts_that_cannot_be_read_refuse_a_plan_that_would_do_anything() {
    let memory = provider();
    let mut world = World::new(memory.clone());
    world.facts.unreadable = vec!["lease x: it is damaged".into()];
    assert_eq!(world.plan(delete_all()).await.plan.blast_radius, None);
    memory.insert(container("one"));
    let plan = world.plan(delete_all()).await.plan;
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(
        plan.blast_radius.unwrap().to_string(),
        "nothing is deleted, because protection records cannot be read: lease x: it is damaged"
    );
    world.facts.unreadable.clear();
    assert_eq!(world.plan(delete_all()).await.plan.blast_radius, None);
}

#[tokio::test(start_paused = true)]
async fn blast_radius_by_number() {
    let memory = provider();
    for number in 0..10 {
        memory.insert(container(&format!("c{number}")));
    }
    let mut world = World::new(memory);
    for (limit, trips) in [
        ("9", true),
        ("10", false),
        ("99%", true),
        ("100%", false),
        ("0", true),
    ] {
        world.safeguards.max_delete = Some(limit.parse().unwrap());
        let plan = world.plan(delete_all()).await.plan;
        assert_eq!(plan.blast_radius.is_some(), trips, "{limit}");
        assert_eq!(
            plan.steps.len(),
            10,
            "the plan still shows what it would do"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_five_of_unproven_owner_are_not_ended_where_nobody_sets_a_limit() {
    for (running, trips) in [(5, false), (6, true)] {
        let memory = provider();
        for number in 0..running {
            memory.insert(ours(&format!("c{number}")).running());
            // What facts prove does not count.
            let proven = ours(&format!("p{number}")).running();
            memory.insert(proven.owner(Owner::Benchmark("harbor".into())));
        }
        let mut world = claiming_world(&memory);
        world.safeguards = Safeguards::default();
        let plan = world.plan(delete_all()).await.plan;
        let tripped = BlastRadius::UnprovenRunning { running, limit: 5 };
        assert_eq!(plan.blast_radius, trips.then_some(tripped));
    }
}

#[tokio::test(start_paused = true)]
async fn blast_radius_of_running_resources_of_unproven_owner() {
    let memory = provider();
    for number in 0..6 {
        memory.insert(ours(&format!("c{number}")).running());
    }
    let mut world = claiming_world(&memory);
    world.safeguards.max_unproven_running = 5;
    let plan = world.plan(delete_all()).await.plan;
    let tripped = BlastRadius::UnprovenRunning {
        running: 6,
        limit: 5,
    };
    assert_eq!(plan.blast_radius, Some(tripped));
    world.safeguards.max_delete = Some(MaxDelete::Count(6));
    assert_eq!(world.plan(delete_all()).await.plan.blast_radius, None);
    world.safeguards.max_delete = None;
    world.safeguards.max_unproven_running = 6;
    assert_eq!(world.plan(delete_all()).await.plan.blast_radius, None);
}

#[test]
fn limits_that_say_nothing_are_errors() {
    for text in ["", "-1", "101%", "-5%", "many", "%", "1.5"] {
        assert!(text.parse::<MaxDelete>().is_err(), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_goes_after_the_image_that_was_built_on_it() {
    let memory = provider();
    let base = memory.insert(image("base"));
    memory.insert(image("child").uses(&base));
    let other = memory.insert(image("a-base"));
    memory.insert(image("b-child").uses(&other));
    let world = World::new(memory.clone());
    let plan = world.plan(delete_all()).await.plan;
    let position = |name| {
        plan.steps
            .iter()
            .position(|step| step.name == name)
            .unwrap()
    };
    assert!(position("child") < position("base"));
    assert!(position("b-child") < position("a-base"));
    assert_eq!(plan.steps[position("base")].after, [position("child")]);
    let report = world.apply(plan, delete_all()).await;
    assert!(memory.oracle().alive().is_empty(), "{report:?}");
}
