//! Archiving: what runs is ended first, and nothing is ended that cannot be archived.

use std::time::Duration;

use tbengine_engine::plan::{Action, Safeguard};
use tbengine_engine::policy::Verdict;
use tbengine_engine::report::StepResult;
use tbengine_memory::{ExternalChange, Fault, Make, Memory, Operation, container, sandbox};
use tbengine_sdk::{Error, ErrorKind, State};

use crate::stages::support::{Scripted, World, claiming_world, outcome, provider, result, seconds};

fn archive_within(grace: Duration) -> Scripted {
    Scripted::new(move |_| {
        Some(Verdict::Archive {
            reason: "idle".into(),
            grace: Some(grace),
        })
    })
}

/// A sandbox with the label that [`claiming_world`] names.
fn ours(name: &str) -> Make {
    sandbox(name).label("team", "evals")
}

fn state(memory: &Memory, name: &str) -> State {
    let identity = memory.named(name);
    memory.oracle().resource(&identity).unwrap().state
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_archived_and_what_runs_is_ended_first() {
    let memory = provider();
    memory.archiving_takes(seconds(20));
    memory.insert(ours("ended"));
    memory.insert(ours("archived").state(State::Archived));
    memory.insert(ours("runs").running().ends_after(seconds(2)));
    memory.insert(ours("deaf").running().ignores_stop());
    let world = claiming_world(&memory);
    let planned = world.plan(archive_within(seconds(5))).await;
    let grace = seconds(5);
    let steps = &planned.plan.steps;
    assert!(
        steps
            .iter()
            .all(|step| step.action == Action::Archive { grace })
    );
    let saved = serde_json::to_string(&planned.plan).unwrap();
    assert!(
        saved.contains(r#"{"do":"archive","grace-ms":5000}"#),
        "{saved}"
    );
    let read: tbengine_engine::plan::Plan = serde_json::from_str(&saved).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), saved);

    let report = world.run(archive_within(seconds(5))).await;
    for name in ["ended", "archived", "runs", "deaf"] {
        let outcome = outcome(&report, name);
        assert_eq!(outcome.result, StepResult::Archived, "{outcome:?}");
        assert_eq!(outcome.attempts, 1);
        assert_eq!(state(&memory, name), State::Archived, "{name}");
    }
    let oracle = memory.oracle();
    assert_eq!(oracle.count(Operation::Delete), 0);
    let requests = oracle.requests();
    let forced: Vec<bool> = requests
        .iter()
        .filter(|request| request.operation == Operation::Stop)
        .map(|request| request.force)
        .collect();
    assert_eq!(forced, [false, false, true], "only the deaf one is killed");
    // Five seconds of grace and twenty of archiving, shared.
    assert!(
        (25_000..28_000).contains(&report.took_ms),
        "{}",
        report.took_ms
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ended_that_cannot_be_archived() {
    let memory = provider();
    memory.insert(ours("ephemeral").running());
    memory.insert(container("container").running().label("team", "evals"));
    let never = Error::new(ErrorKind::Unsupported, "its stop deletes it");
    memory
        .script(Operation::Archive)
        .of("ephemeral")
        .then(Fault::Answer(never));
    let report = claiming_world(&memory)
        .run(archive_within(seconds(5)))
        .await;
    for name in ["ephemeral", "container"] {
        assert_eq!(result(&report, name), StepResult::Failed, "{name}");
        assert_eq!(state(&memory, name), State::Running, "{name}");
    }
    assert_eq!(memory.oracle().count(Operation::Stop), 0);

    memory.can_archive(false);
    memory.insert(ours("elsewhere").running());
    let report = claiming_world(&memory)
        .run(archive_within(seconds(5)))
        .await;
    assert_eq!(result(&report, "elsewhere"), StepResult::Failed);
    assert_eq!(state(&memory, "elsewhere"), State::Running);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_not_answered_by_archiving_again() {
    let memory = provider();
    memory.insert(ours("one"));
    memory
        .script(Operation::Archive)
        .nth(1)
        .then(Fault::ReplyLost);
    let report = claiming_world(&memory)
        .run(archive_within(seconds(5)))
        .await;
    assert_eq!(result(&report, "one"), StepResult::Archived);
    assert_eq!(memory.oracle().count(Operation::Archive), 1);
}

#[tokio::test(start_paused = true)]
async fn archiving_that_never_ends_is_stuck_and_one_that_fails_is_said_to() {
    let memory = provider();
    memory.archiving_takes(seconds(100_000));
    memory.insert(ours("endless"));
    let fails = memory.insert(ours("fails"));
    let restarted = memory.insert(ours("restarted"));
    memory.change_at(seconds(3), ExternalChange::SetState(fails, State::Failed));
    memory.change_at(seconds(3), ExternalChange::Restart(restarted));
    let mut world = claiming_world(&memory);
    world.apply.stuck_after = seconds(30);
    let report = world.run(archive_within(seconds(5))).await;
    let endless = outcome(&report, "endless");
    assert_eq!(endless.result, StepResult::Stuck);
    let detail = endless.detail.as_deref().unwrap();
    // Disks take a while: ten times what a deletion may take.
    assert_eq!(
        detail,
        "it was not archived within 5m after the backend accepted that"
    );
    assert_eq!(result(&report, "fails"), StepResult::Stuck);
    assert_eq!(result(&report, "restarted"), StepResult::Changed);
    assert_eq!(memory.oracle().count(Operation::Stop), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_instead_is_not_said_to_be_stopped_or_archived() {
    for archive in [false, true] {
        let memory = provider();
        let one = memory.insert(ours("one").running().ends_after(seconds(4)));
        memory.change_at(seconds(2), ExternalChange::Delete(one));
        let policy = match archive {
            true => archive_within(seconds(10)),
            false => Scripted::new(|_| {
                Some(Verdict::Stop {
                    reason: "idle".into(),
                    grace: Some(seconds(10)),
                })
            }),
        };
        let report = claiming_world(&memory).run(policy).await;
        let outcome = outcome(&report, "one");
        assert_eq!(outcome.result, StepResult::Deleted);
        let detail = outcome.detail.as_deref().unwrap();
        assert!(
            detail.starts_with("removed itself after being stopped"),
            "{detail}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn archiving_what_runs_needs_a_proven_owner() {
    let memory = provider();
    memory.insert(sandbox("unknown").running());
    let plan = World::new(memory).plan(archive_within(seconds(5))).await;
    assert_eq!(plan.plan.refusals[0].safeguard, Safeguard::UnprovenOwner);
    assert!(plan.plan.steps.is_empty());
}
