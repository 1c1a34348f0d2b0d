//! The host supports an older and a newer version of the contract at once.

use tbengine_engine::policy::{Limits, Policy, RetryAdvice, Verdict, Version, pack};
use tbengine_sdk::{Damage, ErrorKind, Kind, Owner, Resource, State, Timestamp};

use crate::policy_host::support::{
    ENGINE, HOUR, NOW, configured, container, context, decide, failure, resource, user, using,
    verdicts,
};

/// Built with the guest crate as it was when the contract was at 2.0, and never built again. It deletes what ended
/// a day ago, and reports of all else what it was given.
const BUILT_FOR_2: &[u8] = include_bytes!("guests/long-ended-2.0.wasm");

#[test]
fn a_policy_that_was_built_for_the_older_version_goes_on_working() {
    let policy = ENGINE.load(BUILT_FOR_2, "long-ended").unwrap();
    assert_eq!(policy.version(), Version::V2);
    let default = tbengine_builtins::get("default").unwrap().wasm;
    assert_eq!(
        ENGINE.load(default, "default").unwrap().version(),
        Version::V3
    );
    let resources = [container("old", State::Exited, 25)];
    let old = configured(BUILT_FOR_2, &[], Limits::default()).unwrap();
    let new = configured(default, &[], Limits::default()).unwrap();
    // Both in one process, in turns.
    for _ in 0..2 {
        for (policy, reason) in [
            (&old, "ended long ago"),
            (&new, "exited, created 1d 1h ago, older than 1h"),
        ] {
            let answer = decide(policy, &resources).unwrap();
            assert_eq!(verdicts(&answer)["old"], format!("delete: {reason}"));
        }
    }
}

#[test]
fn a_policy_of_the_older_version_decides_as_its_twin_of_the_newer_one() {
    // The template as text, once as it was for the contract 2.0.
    let twins = [
        (include_str!("guests/max-age-2.0.wat"), Version::V2),
        (
            include_str!("../../../../policies/templates/wat/max-age.wat"),
            Version::V3,
        ),
    ]
    .map(|(text, version)| {
        let packed = pack(text.as_bytes(), "max-age.wat", None).unwrap();
        assert_eq!(packed.version, version);
        configured(&packed.component, &[], Limits::default()).unwrap()
    });
    let mut resources = Vec::new();
    for kind in [Kind::CONTAINER, Kind::IMAGE, Kind::fixed("pod")] {
        for state in State::ALL {
            for hours in [-1, 24, 25, 600] {
                let native = format!("{}-{hours}", state.word());
                let mut one = resource(kind, &native, *state, hours);
                match hours {
                    // Both count from the arrival.
                    600 if kind == Kind::IMAGE => {
                        one.arrived = Some(Timestamp::from_unix_ms(NOW - 23 * HOUR));
                    }
                    600 => one.owner = Owner::Kept("kind".to_owned()),
                    24 => one.labels = [("keep", "")].into_iter().collect(),
                    _ => one.usage.disk_bytes = Some(1),
                }
                resources.push(one);
            }
        }
    }
    let [older, newer] = &twins;
    let answers = [older, newer].map(|policy| decide(policy, &resources).unwrap().proposals);
    // Of each kind and state, what carries the label is kept. Of each kind, 7 states that end or run are evaluated at
    // 25 and at 600 hours, but for the images that arrived since.
    assert_eq!(answers[0].len(), 3 * State::ALL.len() + 5 * 7);
    assert_eq!(answers[0], answers[1]);
    for (kind, attempt) in [
        (ErrorKind::Transient, 1),
        (ErrorKind::Transient, 4),
        (ErrorKind::Dependency, 1),
    ] {
        let advice = [older, newer].map(|policy| policy.retry(&context(), &failure(kind, attempt)));
        assert_eq!(advice[0], advice[1]);
        assert!(advice[0].is_ok(), "{advice:?}");
    }
}

/// What a policy of the older version gets to know of a resource.
fn received(
    resource: &Resource,
    change: impl FnOnce(&mut tbengine_engine::policy::Candidate<'_>),
) -> String {
    let policy = configured(BUILT_FOR_2, &[], Limits::default()).unwrap();
    let user_of_it = container("user", State::Running, 1);
    let users = [user(&user_of_it, None)];
    let mut candidates = using(&[(resource, &users)]);
    change(&mut candidates[0]);
    let answer = policy.decide(&context(), &candidates).unwrap();
    match &answer.proposals[0].verdict {
        Verdict::Keep { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_older_version_sees_the_newer_facts_as_far_as_it_has_a_place_for_them() {
    let mut image = resource(Kind::IMAGE, "sha256:1", State::Present, 9);
    image.arrived = Some(Timestamp::from_unix_ms(NOW - HOUR));
    image.owner = Owner::Kept("kind".to_owned());
    image.damaged = Some(Damage {
        message: "layer does not exist".to_owned(),
        code: None,
    });
    let said = received(&image, |_| {});
    for part in [
        "kind: Kind::Image".to_owned(),
        // It counts ages from the creation.
        format!("created: Some({})", NOW - HOUR),
        r#"owner: Owner::Other("kind")"#.to_owned(),
        r#"holders: ["docker/container/user"]"#.to_owned(),
        r#"("tbengine.class", "image")"#.to_owned(),
        r#"("tbengine.damaged", "layer does not exist")"#.to_owned(),
        r#"("tbengine.lease", "none")"#.to_owned(),
        r#"attrs: [("tbengine.zone", "UTC")]"#.to_owned(),
    ] {
        assert!(said.contains(&part), "{part} is not in {said}");
    }
    let mut pod = image.clone();
    pod.identity.kind = Kind::fixed("pod");
    let said = received(&pod, |candidate| {
        candidate.lease = tbengine_engine::policy::LeaseState::Foreign;
    });
    assert!(said.contains("kind: Kind::Other"), "{said}");
    assert!(said.contains(r#"("tbengine.class", "other")"#), "{said}");
    assert!(said.contains(r#"("tbengine.lease", "foreign")"#), "{said}");
}

#[test]
fn the_older_version_is_asked_about_failures_as_before() {
    let policy = configured(BUILT_FOR_2, &[], Limits::default()).unwrap();
    let asked = failure(ErrorKind::Dependency, 3);
    let Ok(RetryAdvice::GiveUp(said)) = policy.retry(&context(), &asked) else {
        panic!()
    };
    for part in [
        r#"id: "docker/container/c1""#,
        r#"operation: "delete""#,
        "failure: FailureKind::Dependency",
        r#"message: "driver failed""#,
        "attempt: 3",
        "retry-after-ms: Some(1500)",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}
