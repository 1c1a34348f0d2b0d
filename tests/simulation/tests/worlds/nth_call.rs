//! "Fail the nth call": every call of a small run, one after the other, once and for good.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::policy::{Force, Policy};
use tbengine_memory::{Fault, Memory, Operation, container, network, sandbox, volume};
use tbengine_sdk::error::NOBODY_LISTENS;
use tbengine_sdk::{Error, ErrorKind};
use tbengine_simulation::check::{self, Mark};
use tbengine_simulation::drive::{engine, plan_all};
use tbengine_simulation::policy::Eager;
use tbengine_simulation::quiet_scripted_panics;
use tbengine_simulation::world::{NOW, OURS, name};

/// What goes wrong with the nth call of its operation, and with all calls after it or not.
#[derive(Clone)]
struct Point {
    operation: Operation,
    nth: u32,
    for_good: bool,
    fault: (&'static str, Fault),
}

fn five_resources() -> Memory {
    let memory = Memory::new(&name(0), NOW);
    let net = memory.insert(network("net").label(OURS.0, OURS.1));
    memory.insert(container("main").running().uses(&net).label(OURS.0, OURS.1));
    memory.insert(container("done").label(OURS.0, OURS.1));
    memory.insert(sandbox("box").label(OURS.0, OURS.1));
    memory.insert(volume("data").label(OURS.0, OURS.1));
    memory.insert(container("theirs"));
    memory
}

fn faults() -> Vec<(&'static str, Fault)> {
    let answer = |kind| Fault::Answer(Error::new(kind, "the nth call"));
    let refused = Error::new(ErrorKind::Unavailable, "refused").with_code(NOBODY_LISTENS);
    vec![
        ("transient", answer(ErrorKind::Transient)),
        ("unavailable", answer(ErrorKind::Unavailable)),
        ("refused", Fault::Answer(refused)),
        ("rate-limited", Fault::rate_limited(Duration::from_secs(2))),
        ("conflict", answer(ErrorKind::Conflict)),
        ("dependency", answer(ErrorKind::Dependency)),
        ("in-progress", answer(ErrorKind::InProgress)),
        ("not-found", answer(ErrorKind::NotFound)),
        ("denied", answer(ErrorKind::Denied)),
        ("invalid", answer(ErrorKind::Invalid)),
        ("forbidden", answer(ErrorKind::Forbidden)),
        ("unsupported", answer(ErrorKind::Unsupported)),
        ("stuck", answer(ErrorKind::Stuck)),
        ("internal", answer(ErrorKind::Internal)),
        ("lost before", Fault::RequestLost),
        ("lost after", Fault::ReplyLost),
        ("hang", Fault::Hang(Duration::from_secs(300))),
        ("late", Fault::LateEffect(Duration::from_secs(90))),
        ("confirmed", Fault::ConfirmedWithoutEffect),
        ("panic", Fault::Panic),
    ]
}

/// Runs once with a fault, and once more without. Answers how many calls of its operation there were.
async fn run(point: &Point) -> Result<u32, String> {
    let memory = five_resources();
    let calls = point.nth..=if point.for_good { u32::MAX } else { point.nth };
    memory
        .script(point.operation)
        .calls(calls)
        .then(point.fault.1.clone());
    let backends = [memory.clone()];
    let policy: Arc<dyn Policy> = Arc::new(Eager::new(Force::Always, Duration::ZERO));
    let options = || ApplyOptions {
        ask_policy: false,
        ..ApplyOptions::default()
    };
    let quiet = &mut |_: &_| {};
    let mut approved = HashSet::new();

    let first = engine(&backends, options(), "run-1");
    let plan = plan_all(&first, &policy, quiet).await;
    approved.extend(plan.steps.iter().map(|step| step.target.clone()));
    let mark = Mark::now(&backends);
    let report = first
        .apply(plan.clone(), &policy, &Control::default(), None, quiet)
        .await;
    check::approved_only(&backends, &approved, false)?;
    // A provider that says of everything that it does not exist has the last word.
    let lies = point.operation == Operation::Get && point.fault.0 == "not-found";
    if !lies {
        check::honesty(&backends, &mark, &plan, &report)?;
    }
    let seen = memory.oracle().count(point.operation);

    memory.heal();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let again = engine(&backends, options(), "run-2");
    let plan = plan_all(&again, &policy, quiet).await;
    approved.extend(plan.steps.iter().map(|step| step.target.clone()));
    let (mark, before) = (Mark::now(&backends), check::states(&backends));
    let report = again
        .apply(plan.clone(), &policy, &Control::default(), None, quiet)
        .await;
    check::approved_only(&backends, &approved, false)?;
    check::honesty(&backends, &mark, &plan, &report)?;
    check::completeness(&backends, &mark, &before, &plan, &report)?;
    let alive = memory.oracle().alive();
    if alive.len() != 1 || alive[0].name != "theirs" {
        return Err(format!("I2: left in the end: {alive:?}"));
    }
    Ok(u32::try_from(seen).unwrap_or(u32::MAX))
}

#[test]
fn whichever_call_fails_every_promise_holds() {
    quiet_scripted_panics();
    let mut points = 0;
    for operation in [
        Operation::Check,
        Operation::List,
        Operation::Get,
        Operation::Stop,
        Operation::Delete,
    ] {
        for (name, fault) in faults() {
            for for_good in [false, true] {
                for nth in 1.. {
                    let point = Point {
                        operation,
                        nth,
                        for_good,
                        fault: (name, fault.clone()),
                    };
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_time()
                        .start_paused(true)
                        .build()
                        .unwrap();
                    let seen = runtime.block_on(run(&point)).unwrap_or_else(|what| {
                        panic!("{operation:?} {nth} {name}, for good: {for_good}: {what}")
                    });
                    points += 1;
                    // Once the nth call is not reached any more, all have had their turn.
                    if seen < nth || nth > 200 {
                        break;
                    }
                }
            }
        }
    }
    assert!(points > 1000, "only {points} points");
}
