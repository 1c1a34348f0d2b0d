//! DELETE by state, one case for each row of what was measured.

use std::time::Duration;

use rstest::rstest;
use tbengine_fake_daytona::{By, Change, Desired, Runner, Settings, State, sandbox};

use crate::support::Simulation;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[rstest]
#[case(State::Started)]
#[case(State::Stopped)]
#[case(State::Paused)]
#[case(State::Archiving)]
fn accepted_and_done_later(#[case] state: State) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state).name("worker"));
    let answered = fake.delete(&id).unwrap();
    assert_eq!(answered.shown(), State::Destroying);
    assert_eq!(answered.desired, Desired::Destroyed);
    let name = format!("DESTROYED_worker_{}", fake.now.as_unix_ms());
    assert_eq!(answered.name, name);
    // The name is free at once; the id still answers.
    assert_eq!(fake.state("worker"), Err(404));
    assert_eq!(fake.state(&id), Ok("destroying"));
    assert_eq!(fake.list(""), [(id.clone(), "destroying")]);
    assert_eq!(fake.destroyed(), []);
    let accepted = fake.now;
    fake.pass_ms(219);
    assert_eq!(fake.state(&id), Ok("destroying"));
    fake.pass_ms(1);
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.list(""), []);
    let [gone] = fake.destroyed() else {
        panic!("one sandbox is gone")
    };
    assert_eq!(
        (gone.id.as_str(), gone.name.as_str()),
        (id.as_str(), "worker")
    );
    assert_eq!((gone.accepted_at, gone.at), (accepted, fake.now));
    assert_eq!(gone.by, By::Key("test".to_owned()));
}

#[rstest]
#[case(State::Archived)]
#[case(State::PendingBuild)]
fn accepted_and_gone_at_once(#[case] state: State) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state));
    assert_eq!(fake.delete(&id).unwrap().shown(), state);
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.list("includeErroredDeleted=true"), []);
    assert_eq!(fake.destroyed().len(), 1);
}

#[rstest]
#[case(State::Error, 7)]
#[case(State::BuildFailed, 1)]
fn accepted_and_only_hidden(#[case] state: State, #[case] days: u32) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state));
    let answered = fake.delete(&id).unwrap();
    assert_eq!(
        (answered.shown(), answered.desired),
        (state, Desired::Destroyed)
    );
    // Hidden from everybody, yet still there.
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.delete(&id).unwrap_err().status, 404);
    assert_eq!(fake.list(""), []);
    let shown = [(id.clone(), state.name())];
    assert_eq!(fake.list("includeErroredDeleted=true"), shown);
    assert_eq!(
        fake.list(&format!("id={id}&includeErroredDeleted=true")),
        shown
    );
    assert!(fake.cloud.truth(&id).is_some());
    assert_eq!(fake.cloud.live(), []);
    assert_eq!(fake.cloud.record.hidden[0].id, id);
    assert_eq!(fake.destroyed(), []);
    fake.pass(DAY * days - Duration::from_millis(1));
    assert_eq!(fake.destroyed(), []);
    fake.pass_ms(1);
    assert_eq!(fake.destroyed().len(), 1);
    assert_eq!(fake.list("includeErroredDeleted=true"), []);
}

#[rstest]
#[case(State::Error)]
#[case(State::BuildFailed)]
fn hidden_before(#[case] state: State) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state).desired(Desired::Destroyed));
    assert_eq!(fake.delete(&id).unwrap_err().status, 404);
}

#[rstest]
fn busy(
    #[values(
        State::Creating,
        State::Unknown,
        State::Restoring,
        State::Starting,
        State::Stopping,
        State::PullingSnapshot,
        State::BuildingSnapshot,
        State::Resizing,
        State::Snapshotting,
        State::Forking,
        State::Pausing,
        State::Resuming
    )]
    state: State,
    #[values(true, false)] pending: bool,
) {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(state).pending(pending));
    let before = fake.state(&id);
    let refused = fake.delete(&id).unwrap_err();
    let expected = if pending {
        (409, "Sandbox state change in progress")
    } else {
        (500, "An unexpected error occurred.")
    };
    assert_eq!((refused.status, refused.message.as_ref()), expected);
    fake.pass(DAY);
    assert_eq!(fake.state(&id), before);
    assert_eq!(fake.destroyed(), []);
}

#[test]
fn a_transitional_state_is_pending_unless_said_otherwise() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(State::Starting));
    assert_eq!(fake.delete(&id).unwrap_err().status, 409);
}

#[test]
fn destroying() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().state(State::Destroying));
    let refused = fake.delete(&id).unwrap_err();
    assert_eq!(refused.to_string(), "409 Sandbox state change in progress");
}

#[test]
fn unknown_and_destroyed() {
    let mut fake = Simulation::new();
    let refused = fake.delete("nothing").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "404 Sandbox with ID or name nothing not found"
    );
    let id = fake.put(sandbox());
    fake.delete(&id).unwrap();
    fake.pass_ms(220);
    assert_eq!(fake.delete(&id).unwrap_err().status, 404);
}

#[test]
fn a_second_delete_is_a_conflict() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox());
    fake.delete(&id).unwrap();
    let refused = fake.delete(&id).unwrap_err();
    assert_eq!(refused.to_string(), "409 Sandbox state change in progress");
}

#[test]
fn fork_children_go_first() {
    let mut fake = Simulation::new();
    let parent = fake.put(sandbox());
    let child = fake.put(sandbox().fork_of(&parent));
    let refused = fake.delete(&parent).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "400 Cannot delete sandbox which has active fork children. The forks must be deleted first."
    );
    fake.delete(&child).unwrap();
    fake.delete(&parent).unwrap();
}

#[test]
fn two_who_read_before_either_wrote() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox());
    let by = By::Key("test".to_owned());
    let first = fake.cloud.read(0, &id, &Change::Delete).unwrap();
    let second = fake.cloud.read(0, &id, &Change::Delete).unwrap();
    let now = fake.now;
    fake.cloud
        .commit(&first, Change::Delete, by.clone(), now)
        .unwrap();
    let refused = fake.cloud.commit(&second, Change::Delete, by, now);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "409 Sandbox was modified by another operation"
    );
}

#[test]
fn deleted_while_creating() {
    let mut fake = Simulation::new();
    let create = Default::default();
    let made = fake.cloud.create(0, create, fake.now).unwrap();
    assert_eq!(fake.delete(&made.id).unwrap_err().status, 409);
    fake.pass_ms(220);
    assert_eq!(fake.state(&made.id), Ok("started"));
    fake.delete(&made.id).unwrap();
}

#[test]
fn the_runner_fails() {
    let mut fake = Simulation::new();
    let runner = Runner::Fails("no space left on device".to_owned());
    let id = fake.put(sandbox().runner(runner));
    fake.delete(&id).unwrap();
    assert_eq!(fake.state(&id), Ok("destroying"));
    fake.pass_ms(220);
    assert_eq!(fake.state(&id), Err(404));
    assert_eq!(fake.destroyed(), []);
    assert_eq!(fake.cloud.record.hidden.len(), 1);
    let truth = fake.cloud.truth(&id).unwrap();
    assert_eq!(truth.state, State::Error);
    assert_eq!(
        truth.error_reason.as_deref(),
        Some("no space left on device")
    );
}

#[test]
fn the_runner_dies() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().runner(Runner::Dies));
    fake.change(&id, Change::Stop { force: false }).unwrap();
    fake.pass(Duration::from_secs(599));
    assert_eq!(fake.state(&id), Ok("stopping"));
    assert_eq!(fake.delete(&id).unwrap_err().status, 409);
    fake.pass(Duration::from_secs(2));
    assert_eq!(fake.state(&id), Ok("error"));
    // And from then on it can only be hidden.
    fake.delete(&id).unwrap();
    assert_eq!(fake.state(&id), Err(404));
    assert!(fake.cloud.truth(&id).is_some());
}

#[test]
fn the_runner_is_away() {
    let mut fake = Simulation::new();
    let id = fake.put(sandbox().runner(Runner::Away));
    fake.delete(&id).unwrap();
    fake.pass(DAY * 30);
    assert_eq!(fake.state(&id), Ok("destroying"));
    assert_eq!(fake.delete(&id).unwrap_err().status, 409);
}

#[test]
fn a_name_means_a_new_sandbox_after_a_delete() {
    let mut fake = Simulation::new();
    let old = fake.put(sandbox().name("worker"));
    fake.delete(&old).unwrap();
    let new = fake.put(sandbox().name("worker"));
    let read = fake.cloud.get(0, "worker", fake.now).unwrap();
    assert_eq!(read.id.as_ref(), new);
    assert_eq!(fake.state(&old), Ok("destroying"));
}

#[test]
fn a_read_may_lag_behind_the_runner() {
    let mut fake = Simulation::with(Settings {
        get_lag: Duration::from_millis(50),
        ..Settings::default()
    });
    let id = fake.put(sandbox());
    fake.delete(&id).unwrap();
    fake.pass_ms(220);
    assert_eq!(fake.destroyed().len(), 1);
    assert_eq!(fake.state(&id), Ok("destroying"));
    assert_eq!(fake.cloud.live(), []);
    fake.pass_ms(50);
    assert_eq!(fake.state(&id), Err(404));
}

#[test]
fn organizations_do_not_see_each_other() {
    let mut fake = Simulation::new();
    let other = fake.cloud.add_organization();
    let theirs = fake.put(sandbox().organization(other).name("theirs"));
    for name in [theirs.as_str(), "theirs"] {
        assert_eq!(fake.state(name), Err(404));
        assert_eq!(fake.delete(name).unwrap_err().status, 404);
    }
    assert_eq!(fake.list(""), []);
}

#[test]
fn what_is_linked_goes_with_its_owner_and_only_a_reading_by_id_shows_the_link() {
    let mut fake = Simulation::new();
    let owner = fake.put(sandbox().on_runner("runner-7"));
    let follower = fake.put(sandbox().linked_to(&owner));
    let other = fake.put(sandbox());
    let row = fake.cloud.get(0, &follower, fake.now).unwrap();
    assert_eq!((&*row.runner_id, row.is_ephemeral()), ("runner-7", true));
    assert_eq!(row.linked.as_deref(), Some(&*owner));
    fake.delete(&owner).unwrap();
    fake.pass_ms(220);
    assert_eq!(fake.state(&owner), Err(404));
    assert_eq!(fake.state(&follower), Err(404));
    assert_eq!(fake.state(&other), Ok("started"));
    let by: Vec<&By> = fake.destroyed().iter().map(|gone| &gone.by).collect();
    assert!(by.contains(&&By::Service("linked")), "{by:?}");
}

#[test]
fn slow_runners_do_only_so_much_at_once() {
    let mut settings = Settings::default();
    settings.runner.at_once = Some(2);
    let mut fake = Simulation::with(settings);
    let ids: Vec<String> = (0..5).map(|_| fake.put(sandbox())).collect();
    for id in &ids {
        fake.delete(id).unwrap();
    }
    for gone in [2, 4, 5] {
        fake.pass_ms(220);
        assert_eq!(fake.destroyed().len(), gone);
    }
}
