//! Which sandboxes of a session go.

use tbengine_policy::types::{Action, Owner, State};

use super::*;
use crate::preset::profile::HARBOR;
use crate::preset::samples::{MINUTE, answers, goes, judge, of_first, sandbox};
use crate::samples::{HOUR, NOW, context, linked};

fn active(minutes: u64) -> impl FnOnce(&mut Resource) {
    move |one| one.last_used = Some(NOW - minutes * MINUTE)
}

fn plain(_: &mut Resource) {}

#[test]
fn of_several_that_run_the_newest_stays() {
    let tripled = [
        sandbox("b", 62, plain),
        sandbox("c", 60, plain),
        sandbox("a", 65, plain),
    ];
    assert_eq!(
        answers(HARBOR, &[], &tripled),
        [
            (
                "a".to_owned(),
                "delete: running, but `c` of the same session was created 5m later; this one has not been \
                 active for 1h 5m, longer than 5m, made by harbor"
                    .to_owned()
            ),
            (
                "b".to_owned(),
                "delete: running, but `c` of the same session was created 2m later; this one has not been \
                 active for 1h 2m, longer than 5m, made by harbor"
                    .to_owned()
            ),
            (
                "c".to_owned(),
                "keep: running, created 1h ago, not yet older than 12h".to_owned()
            ),
        ]
    );
}

#[test]
fn doubled_ones_wait_until_things_have_settled() {
    let second = [sandbox("a", 9, plain), sandbox("b", 5, plain)];
    assert_eq!(
        of_first(&[], &second),
        "keep: running, but `b` of the same session was created 4m later, only 5m ago, not yet older than 5m"
    );
    // The benchmark that works in it says more than the times of creation do.
    let in_use = [sandbox("a", 60, active(4)), sandbox("b", 50, plain)];
    assert_eq!(
        of_first(&[], &in_use),
        "keep: running, but `b` of the same session was created 10m later; this one has not been active for \
         4m, not yet longer than 5m"
    );
    assert_eq!(goes(&[("duplicates-older-than", "0")], &in_use), ["a"]);
    let future = [
        sandbox("a", 60, |one| one.last_used = Some(NOW + 1)),
        sandbox("b", 50, plain),
    ];
    assert_eq!(goes(&[("duplicates-older-than", "0")], &future), [""; 0]);
}

#[test]
fn what_has_ended_is_archived_instead_if_wanted() {
    let ended = |state| {
        sandbox("a", 60, |one| {
            (one.state, one.finished) = (state, Some(NOW - 30 * MINUTE));
        })
    };
    let said = |state| of_first(&[("ended", "archive")], &[ended(state)]);
    assert!(said(State::Stopped).starts_with("archive: stopped and unchanged for 30m"));
    assert_eq!(said(State::Archived), "keep: archived already");
    assert!(said(State::Failed).starts_with("delete"));
    assert!(of_first(&[], &[ended(State::Stopped)]).starts_with("delete"));
}

#[test]
fn only_what_runs_is_doubled() {
    let ended = |name: &str, state| {
        sandbox(name, 20, |one| {
            (one.state, one.finished) = (state, Some(NOW));
        })
    };
    for state in [
        State::Failed,
        State::Stopped,
        State::Archived,
        State::Removing,
        State::Unknown,
    ] {
        let session = [sandbox("a", 60, plain), ended("b", state)];
        assert_eq!(goes(&[], &session), [""; 0], "{}", state.word());
    }
    // One that is still being made takes the place of the last one, and is itself not touched.
    let made = |name, minutes| sandbox(name, minutes, |one| one.state = State::Pending);
    assert_eq!(goes(&[], &[sandbox("a", 60, plain), made("b", 20)]), ["a"]);
    assert_eq!(
        goes(&[], &[made("a", 60), sandbox("b", 20, plain)]),
        [""; 0]
    );
    let other = sandbox("b", 20, |one| {
        one.unit = Some("other__abc1234__env".to_owned());
    });
    assert_eq!(goes(&[], &[sandbox("a", 60, plain), other]), [""; 0]);
    let foreign = sandbox("b", 20, |one| one.owner = Owner::Unknown);
    assert_eq!(goes(&[], &[sandbox("a", 60, plain), foreign]), [""; 0]);
}

#[test]
fn where_nothing_says_which_is_the_newest_all_stay() {
    let timeless = sandbox("b", 60, |one| one.created = None);
    let equal = sandbox("b", 60, plain);
    for second in [timeless, equal] {
        let session = [sandbox("a", 60, plain), second];
        assert_eq!(
            of_first(&[], &session),
            "keep: running, one of 2 of its session, and the newest is unknown"
        );
        assert_eq!(goes(&[], &session), [""; 0]);
    }
}

#[test]
fn what_runs_goes_when_it_is_old_and_quiet_or_very_old() {
    let says =
        |hours: u64, change: fn(&mut Resource)| of_first(&[], &[sandbox("a", hours * 60, change)]);
    assert_eq!(
        says(13, |_| {}),
        "delete: running, created 13h ago, older than 12h, made by harbor"
    );
    assert_eq!(
        says(12, |_| {}),
        "keep: running, created 12h ago, not yet older than 12h"
    );
    assert_eq!(
        says(26, |one| one.last_used = Some(NOW - 13 * HOUR)),
        "delete: running, created 1d 2h ago and not active for 13h, longer than 12h, made by harbor"
    );
    assert_eq!(
        says(13, |one| one.last_used = Some(NOW - 3 * MINUTE)),
        "keep: running, created 13h ago and not active for 3m only, and not yet older than twice 12h"
    );
    assert_eq!(
        says(25, |one| one.last_used = Some(NOW - 3 * MINUTE)),
        "delete: running, created 1d 1h ago and not active for 3m only, but older than twice 12h, made by harbor"
    );
    for timeless in [
        sandbox("a", 60, |one| one.created = None),
        sandbox("a", 60, |one| one.created = Some(NOW + 1)),
    ] {
        assert_eq!(
            of_first(&[("running-older-than", "0")], &[timeless]),
            "keep: running since an unknown time"
        );
    }
}

#[test]
fn what_failed_or_was_stopped_goes_soon() {
    let ended = |state, finished: Option<u64>, active: Option<u64>| {
        let one = sandbox("a", 180, |one| {
            (one.state, one.finished, one.last_used) = (
                state,
                finished.map(|minutes| NOW - minutes * MINUTE),
                active.map(|minutes| NOW - minutes * MINUTE),
            );
        });
        of_first(&[], &[one])
    };
    assert_eq!(
        ended(State::Failed, None, None),
        "delete: failed and unchanged for 3h, longer than 10m, made by harbor"
    );
    assert_eq!(
        ended(State::Failed, None, Some(9)),
        "keep: failed and unchanged for 9m, not yet longer than 10m"
    );
    assert_eq!(
        ended(State::Stopped, Some(20), Some(5)),
        "delete: stopped and unchanged for 20m, longer than 10m, made by harbor"
    );
    assert!(ended(State::Archived, Some(11), None).starts_with("delete: archived"));
    let timeless = sandbox("a", 60, |one| {
        (one.state, one.created) = (State::Failed, None);
    });
    assert_eq!(
        of_first(&[], &[timeless]),
        "keep: failed since an unknown time"
    );
}

#[test]
fn what_a_deletion_has_only_hidden_is_left_to_its_provider() {
    let hidden = |value: &str| {
        sandbox("a", 180, |one| {
            one.state = State::Failed;
            one.attrs = vec![(HIDDEN.to_owned(), value.to_owned())];
        })
    };
    assert_eq!(
        of_first(&[], &[hidden("true")]),
        "keep: failed, and hidden by a deletion; its provider removes it automatically"
    );
    assert_eq!(goes(&[], &[hidden("false")]), ["a"]);
}

#[test]
fn what_ended_is_never_killed() {
    let failed = sandbox("a", 180, |one| one.state = State::Failed);
    let all = [failed, sandbox("b", 13 * 60, plain)];
    let verdicts = judge(HARBOR, &[]).decide(&context(), &linked(&all));
    let forces: Vec<Force> = verdicts
        .into_iter()
        .map(|verdict| match verdict.action {
            Action::Delete(options) => options.force,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(forces, [Force::Never, Force::Always]);
}
