//! Stop, archive, start, pause, recover, and what the service does by itself.

use std::time::Duration;

use rstest::rstest;
use tbengine_fake_daytona::{By, Change, Runner, State, sandbox};

use crate::support::Simulation;

const STOP: Change = Change::Stop { force: false };

fn refusal(fake: &mut Simulation, id: &str, change: Change) -> String {
    fake.change(id, change).unwrap_err().to_string()
}

#[rstest]
#[case(State::Started, STOP, "stopping", "stopped")]
#[case(State::Paused, STOP, "stopping", "stopped")]
#[case(State::Started, Change::Stop { force: true }, "stopping", "stopped")]
#[case(State::Stopped, Change::Archive, "archiving", "archived")]
#[case(State::Stopped, Change::Start, "starting", "started")]
#[case(State::Archived, Change::Start, "restoring", "started")]
#[case(State::Paused, Change::Start, "resuming", "started")]
#[case(State::Started, Change::Pause, "pausing", "paused")]
fn transitions(
    #[case] from: State,
    #[case] change: Change,
    #[case] at_once: &str,
    #[case] at_last: &str,
) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(from));
    assert_eq!(fake.change(&id, change).unwrap().shown().name(), at_once);
    fake.pass_ms(120);
    assert_eq!(fake.state(&id), Ok(at_last));
}

#[rstest]
#[case(State::Stopped, STOP, "400 Sandbox is not in a stoppable state")]
#[case(State::Error, STOP, "400 Sandbox is not in a stoppable state")]
#[case(State::Starting, STOP, "409 Sandbox state change in progress")]
#[case(State::Started, Change::Archive, "400 Sandbox is not stopped")]
#[case(State::Archived, Change::Archive, "400 Sandbox is not stopped")]
#[case(State::Started, Change::Start, "400 Sandbox is not in valid state")]
#[case(State::Stopped, Change::Pause, "400 Sandbox is not started")]
#[case(
    State::Started,
    Change::Recover,
    "400 Sandbox must be in error state to recover"
)]
#[case(State::Error, Change::Recover, "400 Sandbox is not recoverable")]
fn refusals(#[case] from: State, #[case] change: Change, #[case] refused: &str) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(from));
    assert_eq!(refusal(&mut fake, &id, change), refused);
}

#[test]
fn stopping_an_ephemeral_one_deletes_it() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().ephemeral());
    let answered = fake.change(&id, STOP).unwrap();
    assert_eq!(answered.shown(), State::Destroying);
    assert!(answered.name.starts_with("DESTROYED_"));
    fake.pass_ms(220);
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.destroyed()[0].by, By::Key("test".to_owned()));
}

#[test]
fn an_ephemeral_one_cannot_be_archived() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().ephemeral().state(State::Stopped).pending(false));
    // Nothing keeps it, so that it would be deleted as soon as the service looks.
    let refused = fake.cloud.read(0, &id, &Change::Archive).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "400 Ephemeral sandboxes cannot be archived"
    );
}

#[test]
fn recovery_starts_it_again() {
    let mut fake = Simulation::new();
    let id = fake.put(
        sandbox()
            .state(State::Error)
            .error_reason("disk")
            .recoverable(),
    );
    fake.change(&id, Change::Recover).unwrap();
    fake.pass_ms(120);
    assert_eq!(fake.state(&id), Ok("started"));
}

#[test]
fn labels_are_replaced_all_of_them() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().label("owner", "me").label("team", "a"));
    let labels = [("doomed".to_owned(), "yes".to_owned())];
    let answered = fake.change(&id, Change::Labels(labels.clone().into()));
    assert_eq!(answered.unwrap().labels, labels.into());
}

#[test]
fn idleness_stops_and_then_deletes() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().idle(Duration::ZERO).auto_stop(15).auto_delete(30));
    fake.pass(Duration::from_secs(15 * 60 - 1));
    assert_eq!(fake.state(&id), Ok("started"));
    fake.change(&id, Change::Touch).unwrap();
    fake.pass(Duration::from_secs(15 * 60 - 1));
    assert_eq!(fake.state(&id), Ok("started"));
    fake.pass(Duration::from_secs(2));
    assert_eq!(fake.state(&id), Ok("stopped"));
    fake.pass(Duration::from_secs(31 * 60));
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.destroyed()[0].by, By::Service("auto-delete"));
}

#[test]
fn a_runner_that_is_not_ready_stops_nothing() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().auto_stop(15).runner(Runner::Away));
    fake.pass(Duration::from_secs(24 * 3600));
    assert_eq!(fake.state(&id), Ok("started"));
}

#[test]
fn harbors_sandboxes_run_for_ever() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().ephemeral());
    fake.pass(Duration::from_secs(90 * 24 * 3600));
    assert_eq!(fake.state(&id), Ok("started"));
}

#[test]
fn a_time_to_live_ends_whatever_is_there() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(State::Stopped));
    fake.change(&id, Change::TimeToLive(5)).unwrap();
    fake.pass(Duration::from_secs(301));
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.destroyed()[0].by, By::Service("time to live"));
}

#[test]
fn negative_intervals_are_refused_except_where_they_mean_never() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox());
    for change in [
        Change::AutoStop(-1),
        Change::AutoArchive(-1),
        Change::TimeToLive(-1),
    ] {
        assert!(refusal(&mut fake, &id, change).starts_with("400 "));
    }
    fake.change(&id, Change::AutoDelete(-1)).unwrap();
}
