//! Laws about two worlds that differ in one thing: no oracle has to know what is right, only what has to be the same, or
//! at most as much.
//!
//! - M2: one unrelated neighbour more changes nothing for the rest
//! - M3: the order of what is listed, of backends and of what a policy answers changes nothing
//! - M4: a stricter flag never adds a step
//! - M5: a plan now is the plan that was saved now, looked at again now
//! - M6: twice is once
//!
//! M1, that taking information away never adds a deletion, is `information`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Engine;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::discover::Inventory;
use tbengine_engine::plan::{MaxDelete, Plan};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Policy, PolicyContext, PolicySource, RetryAdvice,
};
use tbengine_engine::report::Report;
use tbengine_memory::{Make, container, image, network, sandbox, volume};
use tbengine_sdk::{Kind, State};
use tbengine_simulation::check;
use tbengine_simulation::policy::Eager;
use tbengine_simulation::quiet_scripted_panics;
use tbengine_simulation::seen;
use tbengine_simulation::world::{OURS, Skewed, World, name};

/// The name of what a law adds to a world.
const NEIGHBOUR: &str = "keep-neighbour";

/// What the plan of a world is, whatever order it came about in: what each step does and what it waits for, and what was
/// refused by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Contents {
    steps: BTreeMap<String, BTreeSet<String>>,
    refusals: BTreeSet<String>,
    limit: Option<&'static str>,
}

impl Contents {
    fn of(plan: &Plan) -> Self {
        let step = |number: usize| {
            let step = &plan.steps[number];
            let along: BTreeSet<&String> = step.along.iter().collect();
            format!(
                "{:?} {} of {:?} state {} alone {} along {along:?} bound {:?} listing {:?}",
                step.action,
                step.target.id(),
                step.target.created,
                step.state,
                step.alone,
                step.bound,
                step.listing
            )
        };
        let id = |number: &usize| plan.steps[*number].target.id().to_string();
        Self {
            steps: (0..plan.steps.len())
                .map(|number| {
                    (
                        step(number),
                        plan.steps[number].after.iter().map(id).collect(),
                    )
                })
                .collect(),
            refusals: plan
                .refusals
                .iter()
                .map(|one| format!("{} {} {}", one.action, one.target.id(), one.safeguard))
                .collect(),
            limit: plan.blast_radius.as_ref().map(seen::tripped),
        }
    }
}

/// What a plan sends if it is applied.
fn sent(plan: &Plan) -> BTreeSet<String> {
    let steps = plan.steps.iter().filter(|step| step.listing.is_present());
    match plan.blast_radius {
        Some(_) => BTreeSet::new(),
        None => steps
            .map(|step| format!("{} {}", step.action.kind(), step.target.id()))
            .collect(),
    }
}

fn policy(world: &World) -> Arc<dyn Policy> {
    Arc::new(world.policy())
}

async fn discover(engine: &Engine) -> Arc<Inventory> {
    Arc::new(engine.discover(&mut |_| {}).await)
}

async fn plan_of(
    world: &World,
    engine: &Engine,
    inventory: Arc<Inventory>,
    policy: &Arc<dyn Policy>,
) -> Plan {
    let quiet = &mut |_: &_| {};
    let planned = engine.plan(inventory, &world.facts, policy, "eager", false, quiet);
    planned.await.plan
}

/// A world as it is, planned.
async fn planned(world: &World) -> Plan {
    let engine = world.engine(ApplyOptions::default(), "run");
    plan_of(world, &engine, discover(&engine).await, &policy(world)).await
}

async fn apply(world: &World, engine: &Engine, plan: Plan) -> Report {
    let quiet = &mut |_: &_| {};
    let control = Control::default();
    engine
        .apply(plan, &policy(world), &control, None, quiet)
        .await
}

/// How each step ended.
fn results(report: &Report) -> BTreeMap<String, String> {
    let outcomes = report.outcomes.iter();
    outcomes
        .map(|one| {
            let ended = format!("{} {} {}", one.action, one.result, one.effect);
            (one.id.to_string(), ended)
        })
        .collect()
}

/// Runs a law over worlds, each in a runtime and a time of its own.
fn over_worlds<F: Future<Output = bool>>(seeds: u64, law: impl Fn(u64) -> F) {
    quiet_scripted_panics();
    let mut applied = 0;
    for seed in 0..seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        applied += u64::from(runtime.block_on(law(seed)));
    }
    // A law that is about nothing holds.
    assert!(applied * 2 > seeds, "only {applied} worlds of {seeds}");
}

/// Something that nobody wants gone and that nothing uses.
fn neighbour(world: &mut World) -> Make {
    let random = &mut world.random;
    let make = match random.u8(0..6) {
        0 => container(NEIGHBOUR),
        1 => container(NEIGHBOUR).running(),
        2 => volume(NEIGHBOUR),
        3 => image(NEIGHBOUR),
        4 => network(NEIGHBOUR),
        _ => sandbox(NEIGHBOUR).running(),
    };
    let make = match random.u8(0..6) {
        0 => make.state(State::Unknown),
        1 => make.label("tbengine.protect", ""),
        2 => make.unit("a unit of its own"),
        3 => make.created_unknown(),
        4 => make.created(Duration::ZERO),
        _ => make,
    };
    match random.bool() {
        true => make.label(OURS.0, OURS.1),
        false => make,
    }
}

#[test]
fn an_unrelated_neighbour_changes_nothing_for_the_rest() {
    over_worlds(400, async |seed| {
        // A share of what is listed is another number with it.
        let make = |neighbour: bool| {
            let mut world = World::new(seed);
            if matches!(world.safeguards.max_delete, Some(MaxDelete::Percent(_))) {
                world.safeguards.max_delete = None;
            }
            let (place, add) = (
                world.random.usize(0..world.backends.len()),
                self::neighbour(&mut world),
            );
            if neighbour {
                world.backends[place].insert(add);
            }
            world
        };
        let (without, with) = (make(false), make(true));
        let mut plans = Vec::new();
        for world in [&without, &with] {
            plans.push(planned(world).await);
        }
        let [alone, beside] = [&plans[0], &plans[1]].map(Contents::of);
        assert_eq!(alone, beside, "seed {seed}");
        if alone.limit.is_some() || alone.steps.is_empty() {
            return false;
        }
        let mut ended = Vec::new();
        for (world, plan) in [&without, &with].into_iter().zip(plans) {
            let engine = world.engine(ApplyOptions::default(), "run");
            ended.push(results(&apply(world, &engine, plan).await));
        }
        assert_eq!(ended[0], ended[1], "seed {seed}");
        let mut alive = with.backends.iter().flat_map(|one| one.oracle().alive());
        assert!(alive.any(|one| one.name == NEIGHBOUR), "seed {seed}");
        true
    });
}

/// The policy of the worlds, answering in another order.
struct Shuffled(Eager, u64);

impl Policy for Shuffled {
    fn source(&self) -> &PolicySource {
        self.0.source()
    }

    fn decide(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault> {
        let mut answer = self.0.decide(context, candidates)?;
        fastrand::Rng::with_seed(self.1).shuffle(&mut answer.proposals);
        Ok(answer)
    }

    fn retry(&self, context: &PolicyContext, failure: &Failure) -> Result<RetryAdvice, Fault> {
        self.0.retry(context, failure)
    }
}

#[test]
fn the_order_of_what_is_listed_changes_nothing() {
    over_worlds(400, async |seed| {
        let mut world = World::new(seed);
        let engine = world.engine(ApplyOptions::default(), "run");
        let inventory = discover(&engine).await;
        let whole = plan_of(&world, &engine, inventory.clone(), &policy(&world)).await;
        let mut resources = inventory.resources.clone();
        world.random.shuffle(&mut resources);
        let mut failures = inventory.failures.clone();
        failures.reverse();
        let mut shuffled = Inventory::new(inventory.accounts.clone(), resources, failures)
            .with_kinds(inventory.kinds.clone());
        shuffled.clocks = inventory.clocks.clone();
        let policy: Arc<dyn Policy> = Arc::new(Shuffled(world.policy(), seed));
        let again = plan_of(&world, &engine, Arc::new(shuffled), &policy).await;
        assert_eq!(Contents::of(&whole), Contents::of(&again), "seed {seed}");
        // Each waits for earlier ones only, in whatever order.
        for plan in [&whole, &again] {
            for (number, step) in plan.steps.iter().enumerate() {
                assert!(step.after.iter().all(|before| *before < number));
            }
        }
        // Backends that are asked in another order.
        let mut open = tbengine_simulation::world::open(&world.backends);
        open.reverse();
        let engine = world
            .engine(ApplyOptions::default(), "run")
            .over(open, Vec::new());
        let reversed = plan_of(&world, &engine, discover(&engine).await, &policy).await;
        assert_eq!(Contents::of(&whole), Contents::of(&reversed), "seed {seed}");
        !whole.steps.is_empty()
    });
}

/// Makes one flag of a world stricter; answers which, and whether it is a limit of the plan as a whole.
fn stricter(world: &mut World) -> (String, bool) {
    let steps = world.things.len() + 1;
    let random = &mut world.random;
    let kinds = [
        Kind::CONTAINER,
        Kind::SANDBOX,
        Kind::VOLUME,
        Kind::NETWORK,
        Kind::IMAGE,
        Kind::SNAPSHOT,
    ];
    let which = random.u8(0..8);
    let flag = match which {
        0 => {
            // A clock may be off by as much as the minimum age, so that a greater one tolerates more.
            if world.clocks.contains(&Skewed::Much) {
                return ("nothing".into(), false);
            }
            let more = Duration::from_secs(random.u64(1..7200));
            world.safeguards.min_age += more;
            format!("--min-age {:?}", world.safeguards.min_age)
        }
        1 => {
            // Without a limit of its own, the one for what runs holds, which another kind of limit would replace.
            let limit = match world.safeguards.max_delete {
                None => return ("nothing".into(), false),
                Some(MaxDelete::Count(most)) => MaxDelete::Count(random.usize(0..=most)),
                Some(MaxDelete::Percent(most)) => MaxDelete::Percent(random.u8(0..=most)),
            };
            world.safeguards.max_delete = Some(limit);
            format!("--max-delete {limit}")
        }
        2 => {
            let limit = &mut world.safeguards.max_unproven_running;
            *limit = random.usize(0..=(*limit).min(steps));
            format!("--max-unknown-running {limit}")
        }
        3 => {
            world.scope.kinds = (0..random.usize(1..4))
                .map(|_| kinds[random.usize(0..kinds.len())])
                .collect();
            format!("--kind {:?}", world.scope.kinds)
        }
        4 => {
            let states = [
                State::Exited,
                State::Running,
                State::Present,
                State::Stopped,
            ];
            world.scope.states = vec![states[random.usize(0..states.len())]];
            format!("--state {:?}", world.scope.states)
        }
        5 => {
            world.scope.backends = vec![name(random.usize(0..world.backends.len()))];
            format!("--backend {:?}", world.scope.backends)
        }
        6 => {
            let least = Duration::from_secs(random.u64(1..7200));
            world.scope.older_than = Some(least);
            format!("--older-than {least:?}")
        }
        _ => {
            // A first label claims what runs, so that it is no stricter.
            if world.scope.labels.is_empty() {
                return ("nothing".into(), false);
            }
            let label = "tbengine.protect=false";
            world.scope.labels.push(label.parse().unwrap());
            format!("--label {label}")
        }
    };
    (flag, matches!(which, 1 | 2))
}

#[test]
fn a_stricter_flag_never_adds_a_step() {
    over_worlds(1500, async |seed| {
        let mut world = World::new(seed);
        let loose = planned(&world).await;
        let (flag, is_limit) = stricter(&mut world);
        let strict = sent(&planned(&world).await);
        let mut loose = loose;
        if !is_limit {
            // What is less may be below a limit that more exceeded.
            loose.blast_radius = None;
        }
        let loose = sent(&loose);
        let more: Vec<_> = strict.difference(&loose).collect();
        assert!(more.is_empty(), "seed {seed}: {flag} adds {more:?}");
        !loose.is_empty()
    });
}

#[test]
fn a_plan_that_is_saved_is_the_plan_now() {
    over_worlds(400, async |seed| {
        let world = World::new(seed);
        let policy = policy(&world);
        let engine = world.engine(ApplyOptions::default(), "run");
        let whole = plan_of(&world, &engine, discover(&engine).await, &policy).await;
        let file = serde_json::to_string(&whole.sealed()).unwrap();
        let read: Plan = serde_json::from_str(&file).unwrap();
        let engine = world.engine(ApplyOptions::default(), "again");
        let inventory = discover(&engine).await;
        let valid = Duration::from_secs(3600);
        let mut quiet = |_: &_| {};
        let again = engine
            .revise(read, &inventory, &world.facts, &policy, valid, &mut quiet)
            .await
            .expect("a plan of this world");
        assert_eq!(Contents::of(&whole), Contents::of(&again), "seed {seed}");
        // In its order too, and with what it knows of each besides.
        for (then, now) in whole.steps.iter().zip(&again.steps) {
            assert_eq!(then, now, "seed {seed}");
        }
        !whole.steps.is_empty()
    });
}

#[test]
fn twice_is_once() {
    over_worlds(300, async |seed| {
        let mut world = World::new(seed);
        world.lift_limits();
        let engine = world.engine(ApplyOptions::default(), "first");
        let plan = plan_of(&world, &engine, discover(&engine).await, &policy(&world)).await;
        if plan.steps.is_empty() || plan.steps.len() > 60 {
            return false;
        }
        apply(&world, &engine, plan).await;
        let alive = |world: &World| -> BTreeSet<String> {
            let all = world.backends.iter().flat_map(|one| one.oracle().alive());
            // What is too young now may be old enough then.
            all.filter(|one| !one.name.starts_with("young"))
                .map(|one| format!("{} {}", one.identity.id(), one.state))
                .collect()
        };
        let left = alive(&world);
        let changes = check::changes(&world.backends);
        let engine = world.engine(ApplyOptions::default(), "second");
        let plan = plan_of(&world, &engine, discover(&engine).await, &policy(&world)).await;
        let plan = {
            let old = plan
                .steps
                .iter()
                .filter(|step| !step.name.starts_with("young"));
            let old = old.map(|step| step.target.id()).collect();
            plan.keeping(&old)
        };
        apply(&world, &engine, plan).await;
        assert_eq!(left, alive(&world), "seed {seed}");
        assert_eq!(changes, check::changes(&world.backends), "seed {seed}");
        true
    });
}
