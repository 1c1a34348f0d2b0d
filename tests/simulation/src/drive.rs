//! Plan, apply, cut short, and do it again until all is well.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::plan::{Plan, Safeguards};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::{Event, Report, Reporter};
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_memory::Memory;
use tbengine_sdk::Identity;

use crate::check::{self, Mark};
use crate::seen::{self, Seen};
use crate::world::{End, OURS, World, open};

/// What a seed came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many steps were planned.
    pub steps: usize,
    /// How many requests the providers saw.
    pub requests: usize,
    /// How many resources the engine deleted.
    pub deleted: usize,
    /// A hash of all requests in order: equal seeds give equal hashes.
    pub trace: u64,
    /// What occurred, and how often.
    pub seen: Seen,
}

/// No finite faults keep a run busy for longer than this.
const NEVER_ENDS: Duration = Duration::from_secs(100_000);

/// What comes late has come after this long.
const SETTLE_TIME: Duration = Duration::from_secs(300);

/// How long a saved plan is valid.
const VALID: Duration = Duration::from_secs(3600 * 24 * 7);

/// Runs the world of a seed.
///
/// # Errors
/// Which promise was broken and how, with the story of the run.
pub fn simulate(seed: u64) -> Result<Stats, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let story = Mutex::new(Vec::new());
    let told = || story.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |quiet: bool| {
        told().clear();
        let mut tell = |event: &Event| {
            if !quiet {
                told().push(format!("{} {:?}", event.at, event.kind));
            }
        };
        runtime.block_on(async {
            tokio::time::timeout(NEVER_ENDS * 4, one_seed(seed, &mut tell))
                .await
                .unwrap_or_else(|_| Err("I6: it never ended".into()))
        })
    };
    // Told only once something is known to be wrong: the same seed does the same again.
    run(true).map_err(|first| match run(false) {
        Err(again) if again == first => format!("{first}\n{}", told().join("\n")),
        Err(other) => format!("{first}\nand, which is worse, it then was: {other}"),
        Ok(_) => format!("{first}\nand, which is worse, only once"),
    })
}

async fn one_seed(seed: u64, tell: &mut Reporter<'_>) -> Result<Stats, String> {
    let mut world = World::new(seed);
    let mut seen = Seen::default();
    let policy: Arc<dyn Policy> = Arc::new(world.policy());
    let mut approved: HashSet<Identity> = HashSet::new();

    // The first run meets everything that can go wrong.
    let spoiled_listing = world.random.u8(0..4) == 0;
    if spoiled_listing {
        world.spoil();
        seen.note("a listing that met faults");
    }
    let mut engine = world.engine(world.options.clone(), &format!("run-{seed}"));
    let mut plan = plan_of(&world, &engine, &policy, &mut seen, tell).await?;
    if plan.blast_radius.is_some() {
        world.lift_limits();
        engine = world.engine(world.options.clone(), &format!("lifted-{seed}"));
        plan = plan_of(&world, &engine, &policy, &mut seen, tell).await?;
    }
    approved.extend(plan.steps.iter().map(|step| step.target.clone()));
    if !spoiled_listing {
        world.spoil();
    }
    if world.follows {
        seen.note("a backend that is followed");
    }
    let saved = plan.clone();
    if world.is_saved {
        // Others act meanwhile.
        tokio::time::sleep(Duration::from_millis(world.random.u64(0..6000))).await;
        engine = world.engine(world.options.clone(), &format!("run-{seed}"));
        plan = revised(&world, &engine, &saved, &policy, &mut seen, tell).await?;
        if plan.blast_radius.is_some() {
            // It is a greater part of what is left.
            world.lift_limits();
            engine = world.engine(world.options.clone(), &format!("lifted-{seed}"));
            plan = revised(&world, &engine, &saved, &policy, &mut seen, tell).await?;
        }
        seen.note("a plan that was saved");
    }
    let control = Control::default();
    let mark = Mark::now(&world.backends);
    let began = tokio::time::Instant::now();
    let first = cut_short(&engine, plan.clone(), &policy, &control, world.end, tell).await;
    let took = began.elapsed();
    check::safety(&world, &approved)?;
    if let Some(report) = &first {
        check::honesty(&world.backends, &mark, &plan, report)?;
        check::bounds(&world, &plan, report, took)?;
        check::note_outcomes(report, &mut seen);
    }
    let is_cut = first.as_ref().is_none_or(|report| report.interrupted);
    if is_cut == (world.end != End::None) {
        seen.note(seen::ended(world.end));
    }

    // Whatever was on its way has come, and the report is true still.
    world.heal();
    tokio::time::sleep(SETTLE_TIME).await;
    if let Some(report) = &first {
        check::honesty(&world.backends, &mark, &plan, report)
            .map_err(|what| format!("later: {what}"))?;
    }
    world.lift_limits();
    let options = || ApplyOptions {
        ask_policy: false,
        ..ApplyOptions::default()
    };
    // A run that died is resumed: its plan is looked at again, and applied.
    if first.is_none() && world.is_saved {
        let engine = world.engine(options(), &format!("resumed-{seed}"));
        let plan = revised(&world, &engine, &saved, &policy, &mut seen, tell).await?;
        let mark = Mark::now(&world.backends);
        let report = engine
            .apply(plan.clone(), &policy, &Control::default(), None, tell)
            .await;
        check::safety(&world, &approved)?;
        check::honesty(&world.backends, &mark, &plan, &report)?;
        seen.note("a run that was resumed");
        // What it has ended is not too young any more.
        tokio::time::sleep(SETTLE_TIME).await;
    }

    // The second run, once all is well again, finishes what the first one left.
    let engine = world.engine(options(), &format!("again-{seed}"));
    let plan = plan_of(&world, &engine, &policy, &mut seen, tell).await?;
    approved.extend(plan.steps.iter().map(|step| step.target.clone()));
    let (mark, before) = (Mark::now(&world.backends), check::states(&world.backends));
    let report = engine
        .apply(plan.clone(), &policy, &Control::default(), None, tell)
        .await;
    check::safety(&world, &approved)?;
    check::honesty(&world.backends, &mark, &plan, &report)?;
    check::completeness(&world.backends, &mark, &before, &plan, &report)?;
    check::note_outcomes(&report, &mut seen);

    // Doing a finished plan again does nothing.
    if plan.steps.len() <= 50 {
        let changes = check::changes(&world.backends);
        let mark = Mark::now(&world.backends);
        let report = engine
            .apply(plan.clone(), &policy, &Control::default(), None, tell)
            .await;
        check::honesty(&world.backends, &mark, &plan, &report)?;
        check::idempotence(&world.backends, changes)?;
    }
    Ok(Stats {
        steps: approved.len(),
        ..check::stats(&world.backends, seen)
    })
}

/// What would be done by now.
async fn plan_of(
    world: &World,
    engine: &Engine,
    policy: &Arc<dyn Policy>,
    seen: &mut Seen,
    tell: &mut Reporter<'_>,
) -> Result<Plan, String> {
    let inventory = Arc::new(engine.discover(tell).await);
    let planned = engine.plan(inventory, &world.facts, policy, "eager", false, tell);
    let planned = planned.await;
    check::planning(world, &planned.inventory, &planned.plan, seen)?;
    Ok(planned.plan)
}

/// A plan that was saved, as it is applied now.
async fn revised(
    world: &World,
    engine: &Engine,
    plan: &Plan,
    policy: &Arc<dyn Policy>,
    seen: &mut Seen,
    tell: &mut Reporter<'_>,
) -> Result<Plan, String> {
    let inventory = Arc::new(engine.discover(tell).await);
    let revising = engine.revise(plan.clone(), &inventory, &world.facts, policy, VALID, tell);
    let revised = revising.await.map_err(|stale| format!("I7: {stale}"))?;
    check::revision(plan, &revised, seen)?;
    Ok(revised)
}

/// What would be done by now, where nothing is known of leases and quarantine.
pub async fn plan_all(engine: &Engine, policy: &Arc<dyn Policy>, tell: &mut Reporter<'_>) -> Plan {
    let inventory = Arc::new(engine.discover(tell).await);
    let facts = Facts::default();
    let planned = engine.plan(inventory, &facts, policy, "eager", false, tell);
    planned.await.plan
}

/// Applies a plan up to the end that this world has in store. `None` if the process died.
async fn cut_short(
    engine: &Engine,
    plan: Plan,
    policy: &Arc<dyn Policy>,
    control: &Control,
    end: End,
    tell: &mut Reporter<'_>,
) -> Option<Report> {
    let apply = engine.apply(plan, policy, control, None, tell);
    match end {
        End::None => Some(apply.await),
        End::Stop(after) => {
            let (report, ()) = tokio::join!(apply, async {
                tokio::time::sleep(after).await;
                control.stop.cancel();
            });
            Some(report)
        }
        End::Abort(after) => {
            let (report, ()) = tokio::join!(apply, async {
                tokio::time::sleep(after).await;
                control.stop.cancel();
                control.abort.cancel();
            });
            Some(report)
        }
        End::Crash(rounds) => die_after(rounds, apply).await,
    }
}

/// Drops a future when it has been polled so often, at whatever it awaits then.
async fn die_after<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// An engine over these providers.
pub fn engine(backends: &[Memory], apply: ApplyOptions, run: &str) -> Engine {
    let options = EngineOptions {
        run: run.into(),
        now: backends[0].now(),
        scope: Scope {
            labels: vec![format!("{}={}", OURS.0, OURS.1).parse().expect("a label")],
            ..Scope::default()
        },
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards {
            max_unproven_running: usize::MAX,
            ..Safeguards::default()
        },
        apply,
    };
    Engine::new(open(backends), options)
}
