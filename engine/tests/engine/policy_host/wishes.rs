//! The policies that users ask for can be written: the contract has the facts for them.
//!
//! Each is a guest in Rust, built with the others of the tests, and evaluated against the same rule here.

use tbengine_engine::policy::{Judging, Limits, Policy as _, Proposal, Verdict};
use tbengine_sdk::{Kind, Resource, State, Timestamp, Unit};

use crate::policy_host::support::{
    ENGINE, HOUR, NOW, configured, container, decide, params, resource, user as dependent, using,
};

fn wish(which: &str, resources: &[Resource]) -> Vec<Proposal> {
    let policy = configured(
        tbengine_builtins::WISHES,
        &[("wish", which)],
        Limits::default(),
    )
    .unwrap();
    decide(&policy, resources).unwrap().proposals
}

fn deleted(proposals: &[Proposal]) -> Vec<(&str, i32)> {
    proposals
        .iter()
        .filter(|proposal| matches!(proposal.verdict, Verdict::Delete { .. }))
        .map(|proposal| (proposal.id.rsplit('/').next().unwrap(), proposal.priority))
        .collect()
}

#[test]
fn such_a_policy_sees_everything_at_once() {
    let policy = ENGINE.load(tbengine_builtins::WISHES, "wishes").unwrap();
    assert_eq!(policy.description().judging, Judging::All);
    let configured = policy.configure(&params(&[("wish", "free-20-gb")]), Limits::default());
    // Sizes are slow to find out, so it says that it needs them.
    assert!(configured.unwrap().interest().wants.sizes);
}

#[test]
fn the_newest_five_of_each_unit_are_kept() {
    let resources: Vec<Resource> = (0..14)
        .map(|number| {
            let mut one = container(&format!("c{number:02}"), State::Exited, number);
            one.unit = Some(Unit(format!("unit-{}", number % 2)));
            one
        })
        .collect();
    assert_eq!(
        deleted(&wish("newest-5-per-unit", &resources)),
        [("c10", 0), ("c11", 0), ("c12", 0), ("c13", 0)]
    );
}

#[test]
fn twenty_gigabytes_are_freed_the_largest_first() {
    let sizes = [3, 0, 9, 1, 8, 2];
    let resources: Vec<Resource> = (0..)
        .zip(sizes)
        .map(|(number, gigabytes)| {
            let mut one = resource(Kind::IMAGE, &format!("i{number}"), State::Present, 9);
            one.usage.disk_bytes = (gigabytes > 0).then_some(gigabytes * 1_000_000_000);
            one
        })
        .collect();
    // 9 and 8 are not enough, and with 3 it is; what is of unknown size frees nothing.
    assert_eq!(
        deleted(&wish("free-20-gb", &resources)),
        [("i2", 9000), ("i4", 8000), ("i0", 3000)]
    );
}

#[test]
fn at_most_fifty_sandboxes_stay_and_the_idlest_go() {
    let resources: Vec<Resource> = (0..53)
        .map(|number| {
            let mut one = resource(Kind::SANDBOX, &format!("s{number}"), State::Stopped, 100);
            // The later the number, the longer it is idle; of one nothing is known.
            one.last_activity =
                (number != 52).then(|| Timestamp::from_unix_ms(NOW - number * HOUR));
            one
        })
        .collect();
    let proposals = wish("at-most-50-sandboxes", &resources);
    assert_eq!(deleted(&proposals), [("s51", 51), ("s50", 50), ("s49", 49)]);
}

#[test]
fn what_something_uses_is_reported() {
    let [used, free, unsure] =
        ["used", "free", "unsure"].map(|name| resource(Kind::VOLUME, name, State::Present, 9));
    let user = container("c", State::Exited, 9);
    let users = [dependent(&user, None)];
    let mut candidates = using(&[(&used, &users[..]), (&free, &[]), (&unsure, &[])]);
    candidates[2].users_known = false;
    let policy = configured(
        tbengine_builtins::WISHES,
        &[("wish", "unused-volumes")],
        Limits::default(),
    )
    .unwrap();
    let answer = policy
        .decide(&crate::policy_host::support::context(), &candidates)
        .unwrap();
    assert_eq!(deleted(&answer.proposals), [("free", 0)]);
}

#[test]
fn what_is_idle_is_archived() {
    let mut idle = resource(Kind::SANDBOX, "idle", State::Stopped, 100);
    idle.last_activity = Some(Timestamp::from_unix_ms(NOW - 49 * HOUR));
    let mut busy = idle.clone();
    busy.identity.native = "busy".into();
    busy.last_activity = Some(Timestamp::from_unix_ms(NOW - HOUR));
    let proposals = wish("archive-idle", &[busy, idle]);
    assert!(
        matches!(&proposals[..], [Proposal { id, verdict: Verdict::Archive { grace: None, .. }, .. }] if id == "docker/sandbox/idle"),
        "{proposals:?}"
    );
}
