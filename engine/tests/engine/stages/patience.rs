//! What keeps failing, and what is refused now and then, costs the others little.

use std::time::Duration;

use tbengine_engine::policy::Force;
use tbengine_engine::report::{EventKind, Report, StepResult};
use tbengine_memory::{Fault, Memory, Operation, sandbox};
use tbengine_sdk::{Error, ErrorKind};

use crate::stages::support::{
    HOUR, Scripted, World, benchmark, delete, delete_all, delete_within, many, outcome, provider,
    result, seconds,
};

/// So many containers, 20 ms for each request.
fn slow(count: usize) -> Memory {
    let memory = many(count);
    memory.latency(Duration::from_millis(20));
    memory
}

/// The deletion of every so manyth of so many fails so, each time.
fn failing(count: usize, each: usize, fault: &Fault) -> Memory {
    let memory = slow(count);
    for number in (0..count).step_by(each) {
        memory
            .script(Operation::Delete)
            .of(&format!("c{number:04}"))
            .then(fault.clone());
    }
    memory
}

/// What a provider says of a resource that is busy.
fn busy() -> Fault {
    Fault::Answer(
        Error::new(ErrorKind::Transient, "a change is in progress").with_code("memory:409"),
    )
}

async fn took(memory: &Memory) -> (u64, Report) {
    let mut world = World::new(memory.clone());
    world.apply.concurrency = Some(8);
    let report = world.run(delete_all()).await;
    (report.took_ms, report)
}

#[tokio::test(start_paused = true)]
async fn no_retry_waits_for_the_last_look_of_another_step() {
    let (_, report) = took(&failing(400, 4, &Fault::transient())).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 300);
    assert_eq!(report.counts()[&StepResult::Failed], 100);
    // One after the other, the last looks alone would take five minutes.
    assert!(report.took_ms < 60_000, "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_ever_holds_nobody_up() {
    let (without, _) = took(&slow(2500)).await;
    let memory = failing(2500, 20, &busy());
    let (with, report) = took(&memory).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 2375);
    assert_eq!(report.counts()[&StepResult::Failed], 125);
    assert!(with * 2 <= without * 3, "{with} ms instead of {without} ms");
    let failed = outcome(&report, "c0000");
    assert_eq!(failed.attempts, 6, "{failed:?}");
    // A clear refusal had no effect, so there is none to look for.
    assert_eq!(failed.effect, tbengine_engine::report::Effect::None);
    let oracle = memory.oracle();
    let requests = oracle.count(Operation::Delete) + oracle.count(Operation::Get);
    assert!(requests <= 4 * 2500, "{requests}");
}

/// What is busy for a while, as while it starts, is deleted once it is not any more.
#[tokio::test(start_paused = true)]
async fn what_is_busy_for_a_while_is_waited_for() {
    let memory = many(1);
    memory.script(Operation::Delete).calls(1..=5).then(busy());
    let report = World::new(memory).run(delete_all()).await;
    assert_eq!(result(&report, "c0000"), StepResult::Deleted);
}

fn pauses(world: &World) -> usize {
    let events = world.events();
    let paused = |kind: &EventKind| matches!(kind, EventKind::BackendPaused { .. });
    events.iter().filter(|event| paused(&event.kind)).count()
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_refuses_now_and_then_holds_nobody_up() {
    let run = async |memory: &Memory| {
        let world = World::new(memory.clone());
        let report = world.run(delete_all()).await;
        assert_eq!(report.counts().len(), 1, "{:?}", report.counts());
        assert!(report.outcomes.iter().all(|one| one.attempts == 1));
        (report.took_ms, pauses(&world))
    };
    let (without, _) = run(&slow(5000)).await;
    let memory = slow(5000);
    for number in (300..6000).step_by(300) {
        for operation in [Operation::Get, Operation::Delete] {
            memory
                .script(operation)
                .nth(number)
                .then(Fault::rate_limited(seconds(1)));
        }
    }
    let (with, pauses) = run(&memory).await;
    assert_eq!(pauses, 0);
    // What is refused at the end waits for as long as it was asked to.
    let most = without + without / 10 + 1100;
    assert!(with <= most, "{with} ms instead of {without} ms");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_refuses_everything_pauses_the_backend_after_a_few() {
    let memory = slow(1000);
    memory
        .script(Operation::Delete)
        .calls(500..=600)
        .then(Fault::rate_limited(seconds(5)));
    let world = World::new(memory.clone());
    let report = world.run(delete_all()).await;
    assert_eq!(report.counts()[&StepResult::Deleted], 1000);
    assert!(pauses(&world) >= 1, "{}", world.story());
}

/// Where a deletion ends what runs, asking it to end first would be one request more, and one more permission.
#[tokio::test(start_paused = true)]
async fn what_its_deletion_ends_is_deleted_and_not_stopped_first() {
    let forbidden = || Fault::Answer(Error::new(ErrorKind::Forbidden, "not you"));
    let memory = provider();
    memory.insert(sandbox("box").running().owner(benchmark()));
    memory.deletion_takes(seconds(2));
    memory.script(Operation::Stop).then(forbidden());
    let report = World::new(memory.clone())
        .run(delete_within(seconds(10)))
        .await;
    assert_eq!(result(&report, "box"), StepResult::Deleted);
    assert_eq!(memory.oracle().count(Operation::Stop), 0);

    // Where it may be killed on a retry only, it is asked first, and what may not be asked is killed then.
    let memory = provider();
    memory.insert(sandbox("box").running().owner(benchmark()));
    memory.deletion_takes(seconds(2));
    memory.script(Operation::Stop).then(forbidden());
    let policy = Scripted::new(|_| Some(delete(Force::OnRetry, seconds(10))));
    let report = World::new(memory.clone()).run(policy).await;
    assert_eq!(result(&report, "box"), StepResult::Deleted);
    assert!(memory.oracle().count(Operation::Stop) >= 1);
}

/// Something is stuck only if nothing else of its backend goes on either.
#[tokio::test(start_paused = true)]
async fn what_takes_long_is_waited_for_while_others_finish() {
    let memory = provider();
    for number in 0..80 {
        let make = sandbox(&format!("s{number:03}"));
        memory.insert(make.owner(benchmark()));
    }
    // 16 at once, 40 s each.
    memory.deletion_takes(seconds(40));
    memory.removes_at_once(16);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(
        report.counts()[&StepResult::Deleted],
        80,
        "{:?}",
        report.counts()
    );

    let memory = provider();
    memory.insert(sandbox("one").owner(benchmark()));
    memory.deletion_takes(HOUR);
    let report = World::new(memory.clone()).run(delete_all()).await;
    assert_eq!(result(&report, "one"), StepResult::Stuck);
    assert!(
        (60_000..70_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
}
