//! A change that someone else has begun is waited for, whichever it is, and costs no attempt.

use tbengine_engine::policy::Verdict;
use tbengine_engine::report::{Report, StepResult};
use tbengine_memory::{ExternalChange, Fault, Make, Memory, Operation, sandbox};
use tbengine_sdk::{Error, ErrorKind, State};

use crate::stages::support::{Scripted, claiming_world, outcome, provider, seconds};

fn stop_all() -> Scripted {
    Scripted::new(|_| {
        Some(Verdict::Stop {
            reason: "idle".into(),
            grace: Some(seconds(5)),
        })
    })
}

fn archive_all() -> Scripted {
    Scripted::new(|_| {
        Some(Verdict::Archive {
            reason: "idle".into(),
            grace: Some(seconds(5)),
        })
    })
}

/// A sandbox with the label that [`claiming_world`] names.
fn one_sandbox() -> Make {
    sandbox("one").label("team", "evals")
}

fn in_progress() -> Fault {
    Fault::Answer(Error::new(
        ErrorKind::InProgress,
        "that is already under way",
    ))
}

/// Checks that the one step ended so, without an attempt that failed, after so many requests.
fn waited(memory: &Memory, report: &Report, result: StepResult, requests: &[(Operation, usize)]) {
    let outcome = outcome(report, "one");
    assert_eq!(outcome.result, result, "{outcome:?}");
    assert_eq!(outcome.failed_attempts, []);
    for (operation, count) in requests {
        assert_eq!(memory.oracle().count(*operation), *count, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_someone_else_began_is_waited_for() {
    let memory = provider();
    let one = memory.insert(one_sandbox().running());
    memory.script(Operation::Stop).nth(1).then(in_progress());
    memory.change_at(seconds(3), ExternalChange::SetState(one, State::Stopped));
    let report = claiming_world(&memory).run(stop_all()).await;
    waited(
        &memory,
        &report,
        StepResult::Stopped,
        &[(Operation::Stop, 1)],
    );
    assert_eq!(outcome(&report, "one").attempts, 0);
    assert!((3000..3600).contains(&report.took_ms), "{}", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_someone_else_began_and_that_never_ends_is_stuck() {
    let memory = provider();
    memory.insert(one_sandbox().running());
    memory.script(Operation::Stop).then(in_progress());
    let report = claiming_world(&memory).run(stop_all()).await;
    waited(&memory, &report, StepResult::Stuck, &[(Operation::Stop, 1)]);
    let detail = outcome(&report, "one").detail.as_deref();
    let expected = "it was not ended within 1m after the backend accepted that";
    assert_eq!(detail, Some(expected));
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_instead_was_not_removed_by_us() {
    for policy in [stop_all(), archive_all()] {
        let memory = provider();
        memory.insert(one_sandbox().running());
        for operation in [Operation::Stop, Operation::Archive] {
            let gone = Fault::InProgressThenGone(seconds(3));
            memory.script(operation).nth(1).then(gone);
        }
        let report = claiming_world(&memory).run(policy).await;
        waited(&memory, &report, StepResult::AlreadyGone, &[]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_archiving_that_someone_else_began_is_waited_for() {
    let memory = provider();
    let one = memory.insert(one_sandbox());
    memory.script(Operation::Archive).nth(1).then(in_progress());
    memory.change_at(seconds(90), ExternalChange::SetState(one, State::Archived));
    let report = claiming_world(&memory).run(archive_all()).await;
    let requests = [(Operation::Archive, 1), (Operation::Stop, 0)];
    waited(&memory, &report, StepResult::Archived, &requests);
}

#[tokio::test(start_paused = true)]
async fn what_someone_else_ends_is_archived_afterwards() {
    let memory = provider();
    let one = memory.insert(one_sandbox().running());
    memory.script(Operation::Archive).nth(1).then(in_progress());
    memory.change_at(seconds(3), ExternalChange::SetState(one, State::Stopped));
    let report = claiming_world(&memory).run(archive_all()).await;
    let requests = [(Operation::Archive, 2), (Operation::Stop, 0)];
    waited(&memory, &report, StepResult::Archived, &requests);
}
