//! When a unit goes, and what goes with it.

use tbengine_policy::types::{Action, Owner, State};

use super::*;
use crate::preset::profile::{HARBOR, TERMINAL_BENCH};
use crate::preset::samples::{
    MINUTE, UNIT, answers, goes, judge, killed, member, of_first, running, used,
};
use crate::samples::{HOUR, Kind, NOW, container, context, linked};

fn network(dependents: &[&str]) -> Resource {
    used(Kind::Network, dependents)
}

#[test]
fn what_a_double_ctrl_c_left_goes_as_a_whole() {
    let left = [
        killed("main", 120),
        network(&["main"]),
        used(Kind::Volume, &["main"]),
    ];
    let over = "nothing of its unit has run for 2h, longer than 10m";
    assert_eq!(
        answers(HARBOR, &[], &left),
        [
            (
                "main".to_owned(),
                format!("delete: exited (137) 2h ago; {over}")
            ),
            ("network".to_owned(), format!("delete: {over}")),
            ("volume".to_owned(), format!("delete: {over}")),
        ]
    );
    assert_eq!(
        goes(&[("dead-older-than", "7200000")], &left),
        [""; 0],
        "not older than two hours"
    );
    assert_eq!(
        of_first(&[("dead-older-than", "10800000")], &left),
        "keep: exited (137) 2h ago; nothing of its unit has run for 2h, not yet longer than 3h"
    );
    let zero = &[("dead-older-than", "0")];
    assert_eq!(
        of_first(zero, &left),
        "delete: exited (137) 2h ago; nothing of its unit has run for 2h"
    );
}

#[test]
fn a_unit_is_as_old_as_the_last_that_happened_in_it() {
    let fresh = [
        killed("main", 120),
        killed("db", 9),
        network(&["main", "db"]),
    ];
    assert_eq!(goes(&[], &fresh), [""; 0]);
    assert_eq!(
        of_first(&[], &fresh),
        "keep: exited (137) 2h ago; nothing of its unit has run for 9m, not yet longer than 10m"
    );
    // It is being started again: its network is newer than the end of what used the last one.
    let mut again = network(&["main"]);
    again.created = Some(NOW - 5 * MINUTE);
    assert_eq!(goes(&[], &[killed("main", 120), again]), [""; 0]);
}

#[test]
fn what_never_started_counts_from_its_creation() {
    let created = |minutes: u64| {
        member("main", |one| {
            (one.state, one.exit_code, one.finished) = (State::Created, None, None);
            one.created = Some(NOW - minutes * MINUTE);
        })
    };
    assert_eq!(
        of_first(&[], &[created(11)]),
        "delete: never started, created 11m ago; nothing of its unit has run for 11m, longer than 10m"
    );
    assert_eq!(goes(&[], &[created(9)]), [""; 0]);
}

#[test]
fn nothing_of_a_unit_that_runs_goes() {
    let alive = [
        running("main", 180),
        killed("setup", 170),
        network(&["main", "setup"]),
    ];
    let made = "its unit runs, made by harbor 3h ago, not yet older than 12h";
    assert_eq!(
        answers(HARBOR, &[], &alive),
        [
            (
                "main".to_owned(),
                format!("keep: running, created 3h ago; {made}")
            ),
            ("network".to_owned(), format!("keep: {made}")),
            (
                "setup".to_owned(),
                format!("keep: exited (137) 2h 50m ago; {made}")
            ),
        ]
    );
    for state in [State::Paused, State::Restarting, State::Pending] {
        let mut other = running("other", 180);
        other.state = state;
        assert_eq!(goes(&[], &[killed("setup", 170), other]), [""; 0]);
    }
}

#[test]
fn a_unit_that_ran_longer_than_any_trial_goes_as_a_whole() {
    let old = [
        running("main", 13 * 60),
        killed("setup", 12 * 60),
        network(&["main", "setup"]),
    ];
    assert_eq!(goes(&[], &old), ["main", "network", "setup"]);
    assert_eq!(
        of_first(&[], &old),
        "delete: running, created 13h ago; its unit runs, made by harbor 13h ago, older than 12h"
    );
    // The youngest of what runs counts.
    let renewed = [running("main", 13 * 60), running("db", 11 * 60)];
    assert_eq!(goes(&[], &renewed), [""; 0]);
    assert_eq!(
        goes(&[("running-older-than", "36000000")], &renewed).len(),
        2
    );
    let unknown = member("db", |one| {
        (one.state, one.created) = (State::Running, None);
    });
    assert_eq!(
        of_first(&[], &[running("main", 13 * 60), unknown]),
        "keep: running, created 13h ago; how long its unit has run is unknown"
    );
}

#[test]
fn a_unit_is_over_when_its_main_container_has_ended() {
    let headless = [
        running("db", 180),
        killed("main", 60),
        network(&["db", "main"]),
    ];
    let over = "its unit is finished: `main` exited (137) 1h ago, older than 10m";
    assert_eq!(
        answers(HARBOR, &[], &headless),
        [
            (
                "db".to_owned(),
                format!("delete: running, created 3h ago; {over}")
            ),
            (
                "main".to_owned(),
                format!("delete: exited (137) 1h ago; {over}")
            ),
            ("network".to_owned(), format!("delete: {over}")),
        ]
    );
    let barely = [running("db", 180), killed("main", 10)];
    assert_eq!(
        of_first(&[], &barely),
        "keep: running, created 3h ago; its unit is finished: `main` exited (137) 10m ago, not yet older than 10m"
    );
    // Made since the main container ended: someone continues it.
    assert_eq!(goes(&[], &[running("db", 30), killed("main", 60)]), [""; 0]);
    // One that was never started has not ended.
    let created = member("main", |one| one.state = State::Created);
    assert_eq!(goes(&[], &[running("db", 180), created]), [""; 0]);
    // One main container of two.
    let mut second = running("main", 180);
    second.id.push('2');
    assert_eq!(
        goes(&[], &[running("db", 180), killed("main", 60), second]),
        [""; 0]
    );
    // Of two that have both ended the last one counts.
    let mut last = killed("main", 5);
    last.id.push('2');
    assert_eq!(
        goes(&[], &[running("db", 180), killed("main", 60), last]),
        [""; 0]
    );
    let unknown = member("main", |one| one.finished = None);
    assert_eq!(goes(&[], &[running("db", 180), unknown]), [""; 0]);
}

#[test]
fn what_is_left_of_a_unit_without_containers_goes() {
    let left = [network(&[]), used(Kind::Volume, &[])];
    assert_eq!(
        of_first(&[], &left),
        "delete: its unit has no containers; created 3h ago, older than 10m"
    );
    assert_eq!(goes(&[], &left), ["network", "volume"]);
    let mut fresh = used(Kind::Volume, &[]);
    fresh.created = Some(NOW - 10 * MINUTE);
    assert_eq!(goes(&[], &[network(&[]), fresh.clone()]), [""; 0]);
    fresh.created = None;
    assert_eq!(of_first(&[], &[network(&[]), fresh]), "keep: age unknown");
}

#[test]
fn what_something_else_uses_stays() {
    let outsider = container("outsider");
    let left = [network(&["main", "outsider"]), killed("main", 60), outsider];
    assert_eq!(goes(&[], &left), ["main"]);
    assert_eq!(
        of_first(&[], &left),
        "keep: used by docker/container/outsider, which stays"
    );
}

#[test]
fn members_out_of_scope_leave_the_whole_in_the_dark() {
    let left = [killed("setup", 60), network(&["setup", "unseen"])];
    assert_eq!(goes(&[], &left), [""; 0]);
    assert_eq!(
        of_first(&[], &left),
        "keep: exited (137) 1h ago; something out of scope uses \
         `solve__abc1234__env_default` of its unit"
    );
}

#[test]
fn a_state_or_time_that_nobody_knows_keeps_the_whole() {
    for (state, why) in [
        (State::Unknown, "the state of `other` is unknown"),
        (State::Removing, "its unit is being removed"),
    ] {
        let other = member("other", |one| one.state = state);
        let unit = [killed("main", 60), other];
        assert_eq!(
            answers(HARBOR, &[], &unit),
            [(
                "main".to_owned(),
                format!("keep: exited (137) 1h ago; {why}")
            )]
        );
    }
    let timeless = member("other", |one| (one.created, one.finished) = (None, None));
    let future = member("other", |one| one.finished = Some(NOW + 1));
    for other in [timeless, future] {
        assert_eq!(
            of_first(&[("dead-older-than", "0")], &[killed("main", 60), other]),
            "keep: exited (137) 1h ago; how long its unit has been stopped is unknown"
        );
    }
}

#[test]
fn nobody_elses_resources_get_an_opinion() {
    let of = |owner: Owner| member("main", |one| one.owner = owner);
    let all = [
        ("images", "true"),
        ("snapshots", "true"),
        ("dead-older-than", "0"),
    ];
    for owner in [
        Owner::Unknown,
        Owner::Other("kind".to_owned()),
        Owner::Run("r".to_owned()),
        Owner::Benchmark("terminal-bench".to_owned()),
    ] {
        let mut claimed = of(owner.clone());
        claimed.claimed = true;
        for kind in [
            Kind::Network,
            Kind::Volume,
            Kind::Sandbox,
            Kind::Image,
            Kind::Snapshot,
            Kind::Other,
        ] {
            let mut used = used(kind, &[]);
            used.owner = owner.clone();
            assert_eq!(answers(HARBOR, &all, &[claimed.clone(), used]), []);
        }
        let ours = of(Owner::Benchmark("harbor".to_owned()));
        assert_eq!(answers(TERMINAL_BENCH, &all, &[ours]), []);
    }
}

#[test]
fn one_member_proves_those_that_no_fact_ascribes_to_someone_else() {
    let sibling = |owner: Owner| member("db", |one| one.owner = owner);
    assert_eq!(
        goes(
            &[],
            &[
                sibling(Owner::Unknown),
                killed("main", 60),
                network(&["db", "main"])
            ]
        ),
        ["db", "main", "network"]
    );
    for foreign in [
        Owner::Run("r".to_owned()),
        Owner::Other("kind".to_owned()),
        Owner::Benchmark("terminal-bench".to_owned()),
    ] {
        assert_eq!(
            goes(
                &[],
                &[
                    sibling(foreign),
                    killed("main", 60),
                    network(&["db", "main"])
                ]
            ),
            ["main"]
        );
    }
    // The name of a network proves nothing about containers that nothing else proves.
    let unproven = killed("main", 60);
    let unproven = Resource {
        owner: Owner::Unknown,
        ..unproven
    };
    assert_eq!(answers(HARBOR, &[], &[unproven, network(&["main"])]), []);
}

#[test]
fn units_of_one_name_on_two_hosts_are_two() {
    let elsewhere = |mut one: Resource| {
        one.backend = 2;
        one.id = one.id.replace("docker", "other") + "2";
        one
    };
    let both = [killed("main", 60), elsewhere(running("main", 60))];
    assert_eq!(goes(&[], &both), ["main"]);
}

#[test]
fn what_ran_may_be_killed_and_what_did_not_never() {
    let unit = [running("db", 180), killed("main", 60), network(&["db"])];
    let how = |given: &[(&str, &str)]| -> Vec<_> {
        let verdicts = judge(HARBOR, given).decide(&context(), &linked(&unit));
        let deletions = verdicts.into_iter().map(|verdict| match verdict.action {
            Action::Delete(options) => (options.force, options.grace_ms),
            other => panic!("{other:?}"),
        });
        deletions.collect()
    };
    use Force::{Always, Never};
    assert_eq!(how(&[]), [(Always, None), (Never, None), (Never, None)]);
    let at_once = how(&[("force", "true"), ("stop-timeout", "3000")]);
    assert_eq!(
        at_once,
        [(Always, Some(0)), (Never, Some(3000)), (Never, Some(3000))]
    );
}

const RUN: &str = "hello-1-of-1-2027-01-15__03-00-00";

/// A container of a trial of Terminal-Bench that exited two hours before 2027-01-15 08:00 UTC.
fn client(change: impl FnOnce(&mut Resource)) -> Resource {
    member("client", |one| {
        one.owner = Owner::Benchmark("terminal-bench".to_owned());
        one.name = RUN.to_owned();
        one.unit = Some(RUN.to_owned());
        change(one);
    })
}

fn tb(resources: &[Resource]) -> String {
    let answers = answers(TERMINAL_BENCH, &[], resources);
    answers
        .first()
        .map(|(_, text)| text.clone())
        .unwrap_or_default()
}

#[test]
fn trials_of_terminal_bench_are_judged_alike() {
    assert_eq!(
        tb(&[client(|_| {})]),
        "delete: exited (0) 2h ago; nothing of its unit has run for 2h, longer than 10m"
    );
    // Its main container is the one that is called as the unit is.
    let db = client(|one| {
        (one.state, one.finished) = (State::Running, None);
        (one.id, one.name) = ("docker/container/a-db".to_owned(), format!("{RUN}-db-1"));
    });
    assert_eq!(
        tb(&[client(|_| {}), db]),
        format!(
            "delete: running, created 3h ago; its unit is finished: `{RUN}` exited (0) 2h ago, older than 10m"
        )
    );
    let old = |hours: u64| {
        client(|one| {
            (one.state, one.finished) = (State::Running, None);
            one.created = Some(NOW - hours * HOUR);
        })
    };
    assert!(tb(&[old(12)]).starts_with("keep: running"));
    assert!(tb(&[old(13)]).starts_with("delete: running"));
}

#[test]
fn a_trial_that_is_older_than_its_run_has_a_wrong_clock() {
    // The name has a time of 5 hours ago, on a clock of up to 14 hours ahead.
    let made = |hours: u64| client(|one| one.created = Some(NOW - hours * HOUR));
    assert!(tb(&[made(19)]).starts_with("delete"));
    assert_eq!(
        tb(&[made(20)]),
        "keep: exited (0) 2h ago; its name dates its run after its creation, so a clock is wrong"
    );
    // Harbor's names have no time.
    let harbor = member("main", |one| {
        (one.unit, one.created) = (Some(RUN.to_owned()), Some(NOW - 20 * HOUR));
    });
    assert_eq!(goes(&[], &[harbor]), ["main"]);
    assert_ne!(UNIT, RUN);
}
