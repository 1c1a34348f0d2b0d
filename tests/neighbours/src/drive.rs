//! Plays stories in simulated time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::Facts;
use tbengine_engine::owners::Owners;
use tbengine_engine::plan::{Plan, Safeguards};
use tbengine_engine::policy::{Limits, Policy, PolicyEngine, PolicyEngineOptions};
use tbengine_engine::report::{Report, StepResult};
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_sdk::host::OpenBackend;
use tokio::time::{Instant, sleep, sleep_until};

use crate::act::{Act, Nature, Operator, PolicyName};
use crate::cost::Cost;
use crate::counts::Counts;
use crate::entitled::{Command, User};
use crate::ledger::Remover;
use crate::machine::Machine;
use crate::simulated::Simulated;
use crate::story::Story;
use crate::watch::Watch;

/// The policies, compiled once.
static POLICIES: LazyLock<HashMap<PolicyName, Arc<dyn Policy>>> = LazyLock::new(|| {
    let engine = PolicyEngine::new(PolicyEngineOptions {
        threads: Some(1),
        ..PolicyEngineOptions::default()
    })
    .expect("a runtime");
    let all = [
        (PolicyName::Default, "default"),
        (PolicyName::Aggressive, "aggressive"),
        (PolicyName::Harbor, "harbor"),
        (PolicyName::TerminalBench, "terminal-bench"),
    ];
    let load = |name: &str| -> Arc<dyn Policy> {
        let builtin = tbengine_builtins::get(name).expect("a built-in policy");
        let loaded = engine.load(builtin.wasm, name).expect("it loads");
        let configured = loaded.configure(&Default::default(), Limits::default());
        Arc::new(configured.expect("it needs no parameters"))
    };
    all.into_iter()
        .map(|(key, name)| (key, load(name)))
        .collect()
});

static OWNERS: LazyLock<Arc<Owners>> =
    LazyLock::new(|| Arc::new(Owners::embedded().expect("the rules can be read")));

/// How long a plan that was saved may be applied.
const VALID: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long after the last line of a story the operator comes twice more, once all is well.
const LATER: Duration = Duration::from_secs(40 * 3600);
/// No run takes longer.
const NEVER_ENDS: Duration = Duration::from_secs(30 * 24 * 3600);

type Shared = Rc<RefCell<Stage>>;
type Run = Pin<Box<dyn Future<Output = Option<Report>>>>;
/// The runs that are under way, by user.
type Runs = [Option<Run>; 2];

/// A machine, and who looks at it.
struct Stage {
    machine: Machine<Simulated>,
    watch: Watch,
    counts: Counts,
    runs: u32,
    cost: Cost,
}

/// Plays a story.
///
/// # Errors
/// Which invariant was broken, by its name, and how.
pub fn play(story: &Story) -> Result<Counts, String> {
    LazyLock::force(&POLICIES);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let stage = Rc::new(RefCell::new(Stage {
            machine: Machine::new(Simulated::new()),
            watch: Watch::default(),
            counts: Counts::default(),
            runs: 0,
            cost: Cost::default(),
        }));
        tokio::time::timeout(NEVER_ENDS, whole(story, &stage))
            .await
            .unwrap_or_else(|_| Err("N6: a run never ended".into()))?;
        let counts = stage.borrow().counts.clone();
        Ok(counts)
    })
}

async fn whole(story: &Story, stage: &Shared) -> Result<(), String> {
    let began = Instant::now();
    let mut running: Runs = [None, None];
    for event in &story.events {
        let at = began + Duration::from_millis(event.at);
        until(at, &mut running, stage).await?;
        stage.borrow_mut().counts.note(event.act.name());
        match &event.act {
            Act::Operator(Operator::Killed) => {
                running = [None, None];
                let Stage { watch, cost, .. } = &mut *stage.borrow_mut();
                watch.killed();
                cost.killed();
            }
            Act::Operator(Operator::Run {
                policy,
                min_age,
                saved,
            }) => {
                // One at a time: two would be kept apart by their locks.
                finish(User::First, &mut running, stage).await?;
                let command = Command {
                    policy: *policy,
                    min_age: min_age * 1000,
                    user: User::First,
                    sweeps: false,
                };
                let saved = saved.map(Duration::from_millis);
                running[0] = Some(begin(stage, command, saved));
            }
            Act::Operator(Operator::Another { policy, min_age }) => {
                finish(User::Another, &mut running, stage).await?;
                let command = Command {
                    policy: *policy,
                    min_age: min_age * 1000,
                    user: User::Another,
                    sweeps: false,
                };
                running[1] = Some(begin(stage, command, None));
            }
            act => {
                let Stage { machine, cost, .. } = &mut *stage.borrow_mut();
                cost.note(act);
                machine.play(act);
            }
        }
    }
    for user in [User::First, User::Another] {
        finish(user, &mut running, stage).await?;
    }
    at_the_end(stage).await
}

/// Lets the runs go on until a moment.
async fn until(at: Instant, running: &mut Runs, stage: &Shared) -> Result<(), String> {
    loop {
        tokio::select! {
            biased;
            () = sleep_until(at) => return look(stage),
            ended = next(running) => self::ended(ended, stage)?,
        }
    }
}

/// Lets the runs go on until that of a user has ended, if there is one.
async fn finish(user: User, running: &mut Runs, stage: &Shared) -> Result<(), String> {
    while running[user as usize].is_some() {
        let ended = next(running).await;
        self::ended(ended, stage)?;
    }
    Ok(())
}

/// Waits for the next run that ends.
async fn next(running: &mut Runs) -> (User, Option<Report>) {
    std::future::poll_fn(|context| {
        for (user, run) in [User::First, User::Another].into_iter().zip(&mut *running) {
            let polled = run.as_mut().map(|run| run.as_mut().poll(context));
            if let Some(Poll::Ready(report)) = polled {
                *run = None;
                return Poll::Ready((user, report));
            }
        }
        Poll::Pending
    })
    .await
}

fn look(stage: &Shared) -> Result<(), String> {
    let Stage { machine, watch, .. } = &mut *stage.borrow_mut();
    watch.look(machine)
}

/// Ends all faults, and checks that two runs remove everything whose maker is gone and whose owner is proven, and
/// nothing else.
async fn at_the_end(stage: &Shared) -> Result<(), String> {
    stage.borrow_mut().machine.play(&Act::Nature(Nature::Heals));
    sleep(LATER).await;
    look(stage)?;
    let command = Command {
        policy: PolicyName::Aggressive,
        min_age: 60_000,
        user: User::First,
        sweeps: false,
    };
    let provable = stage.borrow().machine.ledger.provable();
    for _ in 0..2 {
        let report = begin(stage, command, None).await;
        ended((command.user, report), stage)?;
        sleep(Duration::from_secs(120)).await;
    }
    let machine = &stage.borrow().machine;
    let ledger = &machine.ledger;
    for index in provable {
        let thing = &ledger.things[index];
        if thing.gone.is_none() && !ledger.is_used(index) {
            return Err(format!(
                "N6: {} is left, although its maker is gone",
                thing.key
            ));
        }
    }
    let oracle = machine.provider.memory.oracle();
    for thing in &ledger.things {
        if thing.gone.is_none() && !oracle.is_alive(&thing.identity) {
            return Err(format!(
                "N4: {} is gone, and no request removed it",
                thing.key
            ));
        }
    }
    Ok(())
}

/// One run of tbengine.
fn begin(stage: &Shared, command: Command, saved: Option<Duration>) -> Run {
    let stage = stage.clone();
    let policy = POLICIES[&command.policy].clone();
    let engine = {
        let Stage {
            machine,
            watch,
            runs,
            cost,
            ..
        } = &mut *stage.borrow_mut();
        *runs += 1;
        watch.begin(machine, command);
        cost.begin(
            command.user,
            machine.provider.memory.oracle().requests().len(),
        );
        engine(machine, command, *runs)
    };
    Box::pin(async move {
        let mut plan = make(&engine, &stage, &policy, command.user).await;
        if let Some(between) = saved {
            sleep(between).await;
            // Time has gone by, which an engine learns when it is made.
            let engine = {
                let Stage { machine, runs, .. } = &mut *stage.borrow_mut();
                self::engine(machine, command, *runs)
            };
            plan = revise(&engine, &stage, &policy, plan, command.user).await?;
            return Some(apply(&engine, plan, &policy).await);
        }
        Some(apply(&engine, plan, &policy).await)
    })
}

async fn apply(engine: &Engine, plan: Plan, policy: &Arc<dyn Policy>) -> Report {
    let control = Control::default();
    engine
        .apply(plan, policy, &control, None, &mut |_| {})
        .await
}

async fn make(engine: &Engine, stage: &Shared, policy: &Arc<dyn Policy>, user: User) -> Plan {
    let inventory = discover(engine, stage, user).await;
    let facts = facts(stage, user);
    let mut quiet = |_: &_| {};
    let planned = engine.plan(inventory, &facts, policy, "story", false, &mut quiet);
    let plan = planned.await.plan;
    let Stage {
        machine,
        watch,
        counts,
        ..
    } = &mut *stage.borrow_mut();
    for step in &plan.steps {
        watch.approve(machine, &step.target);
    }
    for refusal in &plan.refusals {
        counts.note(format!("safeguard {}", refusal.safeguard));
    }
    if plan.blast_radius.is_some() {
        counts.note("safeguard limits");
    }
    plan
}

async fn revise(
    engine: &Engine,
    stage: &Shared,
    policy: &Arc<dyn Policy>,
    plan: Plan,
    user: User,
) -> Option<Plan> {
    let inventory = discover(engine, stage, user).await;
    let facts = facts(stage, user);
    let mut quiet = |_: &_| {};
    let revised = engine.revise(plan, &inventory, &facts, policy, VALID, &mut quiet);
    let revised = revised.await;
    let counts = &mut stage.borrow_mut().counts;
    counts.note(match &revised {
        Ok(_) => "saved plan revised",
        Err(_) => "saved plan stale",
    });
    revised.ok()
}

async fn discover(engine: &Engine, stage: &Shared, user: User) -> Arc<Inventory> {
    let remembered = stage.borrow().machine.provider.remembered[user as usize].clone();
    let remembered = Arc::new(remembered);
    let inventory = engine.discover_remembering(remembered, &mut |_| {}).await;
    let Stage {
        machine, counts, ..
    } = &mut *stage.borrow_mut();
    let remembered = &mut machine.provider.remembered[user as usize];
    for one in &inventory.learned {
        let (unit, owner) = (one.learned.unit.as_deref(), &one.learned.owner);
        remembered.add(&one.account, unit, owner);
    }
    for (key, at) in &inventory.sighted {
        remembered.add_first_seen(key.clone(), *at);
    }
    for _ in &inventory.failures {
        counts.note("listing failed");
    }
    Arc::new(inventory)
}

/// What a run said.
fn ended((user, report): (User, Option<Report>), stage: &Shared) -> Result<(), String> {
    look(stage)?;
    let Some(report) = report else {
        stage.borrow_mut().watch.ended(user, |_| false);
        return Ok(());
    };
    let Stage {
        machine,
        watch,
        counts,
        cost,
        ..
    } = &mut *stage.borrow_mut();
    let requests = machine.provider.memory.oracle().requests().len();
    cost.ended(user, requests, report.outcomes.len(), counts)?;
    for outcome in &report.outcomes {
        counts.note(format!("outcome {}", outcome.result));
        let id = &outcome.id.0;
        // Another one of the same id may be there by now.
        let things = machine.ledger.things.iter();
        let mut named = things.filter(|thing| thing.identity.id() == *id);
        let gone = named.find_map(|thing| thing.gone);
        let is_so = match outcome.result {
            StepResult::Deleted => gone.is_some(),
            StepResult::AlreadyGone => gone.is_some(),
            _ => true,
        };
        if !is_so {
            return Err(format!(
                "N5: {id} is reported as {}, and is there",
                outcome.result
            ));
        }
        if outcome.result == StepResult::AlreadyGone && gone == Some(Remover::Tbengine) {
            counts.note("already gone by an earlier run");
        }
    }
    let is_reported = |identity: &tbengine_sdk::Identity| {
        let id = identity.id();
        report.outcomes.iter().any(|one| one.id.0 == id)
    };
    if let Some(missing) = watch.ended(user, is_reported) {
        return Err(format!(
            "N5: {} was removed and is not reported",
            missing.id()
        ));
    }
    Ok(())
}

fn facts(stage: &Shared, user: User) -> Facts {
    let machine = &stage.borrow().machine;
    machine.provider.facts(&machine.ledger, user)
}

fn engine(machine: &Machine<Simulated>, command: Command, run: u32) -> Engine {
    let backend = OpenBackend::new(
        "docker",
        "docker",
        Arc::new(machine.provider.memory.clone()),
    );
    let options = EngineOptions {
        run: format!("run-{run}").into(),
        now: machine.provider.now_of_users(),
        scope: Scope::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards {
            min_age: Duration::from_millis(command.min_age),
            ..Safeguards::default()
        },
        apply: ApplyOptions::default(),
    };
    Engine::new(vec![backend], options).recognising(OWNERS.clone())
}
