//! The built-in policies as components: what they say reaches the engine. Their rules have tests of
//! their own, in their own workspace.

use std::time::Duration;

use tbengine_engine::policy::{
    Candidate, ConfiguredPolicy, Force, Judging, Limits, Policy, PolicyContext, RetryAdvice,
    Verdict,
};
use tbengine_engine::skew::Skew;
use tbengine_sdk::{ErrorKind, Kind, Resource, State, Timestamp};

use crate::policy_host::support::{
    ENGINE, HOUR, NOW, configured, container, context, decide, failure, of_harbor, resource,
    user as dependent, using, verdicts,
};

fn builtin(name: &str, given: &[(&str, &str)]) -> ConfiguredPolicy {
    configured(
        tbengine_builtins::get(name).unwrap().wasm,
        given,
        Limits::default(),
    )
    .unwrap()
}

#[test]
fn they_describe_themselves() {
    for builtin in tbengine_builtins::ALL {
        let policy = ENGINE.load(builtin.wasm, builtin.name).unwrap();
        let description = policy.description();
        assert_eq!(description.name, builtin.name);
        assert_eq!(description.judging, Judging::Units);
        let names: Vec<&str> = description
            .params
            .iter()
            .map(|param| param.name.as_str())
            .collect();
        let own: &[&str] = match builtin.name {
            "harbor" => &[
                "duplicates-older-than",
                "ended",
                "images",
                "snapshots",
                "image-older-than",
            ],
            "terminal-bench" => &["images", "image-older-than"],
            _ => &["states", "labels", "kinds", "keep-newest", "ended"],
        };
        let effort = [
            "stop-timeout",
            "force",
            "attempts",
            "retry-delay",
            "retry-factor",
        ];
        assert_eq!(
            names,
            [&["dead-older-than", "running-older-than"], own, &effort].concat(),
            "{}",
            builtin.name
        );
        assert!(
            description
                .params
                .iter()
                .all(|param| !param.doc.is_empty() && !param.required)
        );
        assert_eq!(policy.digest().len(), 64);
        // Nothing of the system at all.
        assert!(
            policy
                .imports()
                .iter()
                .all(|name| name.starts_with("tbengine:policy/")),
            "{:?}",
            policy.imports()
        );
    }
}

#[test]
fn the_source_names_the_policy_and_all_parameters_in_force() {
    let source = builtin("default", &[("dead-older-than", "2h")])
        .source()
        .clone();
    assert_eq!(
        (source.name.as_str(), source.version.as_str()),
        ("default", "1.0.0")
    );
    let expected = [
        ("dead-older-than", "2h"),
        ("ended", "delete"),
        ("force", "false"),
        ("keep-newest", "0"),
        ("retry-factor", "2"),
        ("running-older-than", "24h"),
    ];
    assert_eq!(
        source.params,
        crate::policy_host::support::params(&expected)
    );
}

#[test]
fn a_guest_gets_times_by_the_clock_that_it_has() {
    // The provider's clock is five hours behind, so what ended seven hours ago by ours ended two hours ago.
    let mut exited = container("exited", State::Exited, 9);
    exited.finished = Some(Timestamp::from_unix_ms(NOW - 7 * HOUR));
    let policy = builtin("default", &[]);
    let context = PolicyContext {
        clocks: [("docker".into(), Skew::from(-5 * HOUR))]
            .into_iter()
            .collect(),
        ..context()
    };
    let answer = policy.decide(&context, &[Candidate::alone(&exited)]);
    let answer = answer.unwrap();
    assert_eq!(
        verdicts(&answer)["exited"],
        "delete: exited 2h ago, older than 1h"
    );
}

#[test]
fn the_default_deletes_what_ended_and_what_a_benchmark_left() {
    let mut exited = container("exited", State::Exited, 9);
    exited.finished = Some(Timestamp::from_unix_ms(NOW - 3 * HOUR));
    let resources = [
        exited,
        container("fresh", State::Created, 0),
        container("running", State::Running, 1000),
        of_harbor(container("trial", State::Running, 25)),
        of_harbor(container("young-trial", State::Running, 23)),
        container("odd", State::Unknown, 1000),
    ];
    let answer = decide(&builtin("default", &[]), &resources).unwrap();
    let verdicts = verdicts(&answer);
    assert_eq!(verdicts["exited"], "delete: exited 3h ago, older than 1h");
    assert_eq!(
        verdicts["fresh"],
        "keep: never started, created 0s ago, not yet older than 1h"
    );
    assert_eq!(verdicts["running"], "keep: running, owner unknown");
    assert_eq!(
        verdicts["trial"],
        "delete: running, created 1d 1h ago, older than 1d, made by harbor"
    );
    assert_eq!(
        verdicts["young-trial"],
        "keep: running, created 23h ago, not yet older than 1d"
    );
    assert_eq!(verdicts.get("odd"), None);
}

#[test]
fn parameters_reach_the_rules() {
    let mut labelled = container("labelled", State::Exited, 2);
    labelled.labels = [("team", "a")].into_iter().collect();
    let resources = [labelled, container("plain", State::Exited, 2)];
    let answer = decide(&builtin("default", &[("labels", "team=a")]), &resources).unwrap();
    assert_eq!(
        verdicts(&answer).into_keys().collect::<Vec<_>>(),
        ["labelled"]
    );
    let answer = decide(
        &builtin("default", &[("dead-older-than", "3h")]),
        &resources,
    )
    .unwrap();
    assert!(verdicts(&answer)["plain"].starts_with("keep: "));
}

#[test]
fn what_was_used_goes_with_its_last_user() {
    let user = of_harbor(container("user", State::Exited, 5));
    let network = of_harbor(resource(Kind::NETWORK, "net", State::Present, 5));
    let busy = of_harbor(resource(Kind::NETWORK, "busy", State::Present, 5));
    let mut image = resource(Kind::IMAGE, "sha256:1", State::Present, 500);
    image.attrs = [("dangling", "true")].into_iter().collect();
    let elsewhere = container("elsewhere", State::Running, 5);
    let gone = [dependent(&user, Some(2))];
    let stays = [gone[0], dependent(&elsewhere, None)];
    // The network before its user: the order does not matter.
    let candidates = using(&[
        (&network, &gone[..]),
        (&busy, &stays),
        (&user, &[]),
        (&image, &[]),
    ]);
    let answer = builtin("default", &[])
        .decide(&context(), &candidates)
        .unwrap();
    let verdicts = verdicts(&answer);
    assert_eq!(
        verdicts["net"],
        "delete: unused network of harbor, created 5h ago, older than 1h; its users are deleted too"
    );
    assert_eq!(
        verdicts["busy"],
        "keep: used by a resource that is not evaluated with it"
    );
    assert_eq!(
        verdicts["sha256:1"],
        "delete: dangling image, created 20d 20h ago, older than 1h"
    );
}

fn how(policy: &ConfiguredPolicy, resource: Resource) -> (Force, Option<Duration>) {
    match &decide(policy, &[resource]).unwrap().proposals[0].verdict {
        Verdict::Delete { force, grace, .. } => (*force, *grace),
        other => panic!("{other:?}"),
    }
}

#[test]
fn force_and_grace_follow_policy_and_parameters() {
    let (dead, running) = (
        container("d", State::Exited, 5),
        of_harbor(container("r", State::Running, 30)),
    );
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let policy = builtin("default", &[]);
    assert_eq!(how(&policy, dead.clone()), (Force::Never, None));
    assert_eq!(how(&policy, running.clone()), (Force::Always, None));
    let policy = builtin("aggressive", &[]);
    assert_eq!(how(&policy, dead), (Force::OnRetry, seconds(2)));
    assert_eq!(how(&policy, running.clone()), (Force::Always, seconds(2)));
    assert_eq!(
        how(
            &builtin("default", &[("stop-timeout", "7s")]),
            running.clone()
        ),
        (Force::Always, seconds(7))
    );
    assert_eq!(
        how(&builtin("default", &[("force", "true")]), running),
        (Force::Always, seconds(0))
    );
}

#[test]
fn the_schedule_of_the_old_scripts_can_be_asked_for() {
    let policy = builtin(
        "default",
        &[
            ("attempts", "4"),
            ("retry-delay", "2s"),
            ("retry-factor", "2"),
        ],
    );
    let advice = |attempt| {
        policy
            .retry(&context(), &failure(ErrorKind::Transient, attempt))
            .unwrap()
    };
    let after = |seconds| RetryAdvice::After {
        delay: Duration::from_secs(seconds),
        escalate: false,
    };
    assert_eq!(
        [advice(1), advice(2), advice(3)],
        [after(2), after(4), after(8)]
    );
    assert_eq!(
        advice(4),
        RetryAdvice::GiveUp("all 4 attempts failed".to_owned())
    );
    let policy = builtin("default", &[]);
    assert_eq!(
        policy
            .retry(&context(), &failure(ErrorKind::Transient, 1))
            .unwrap(),
        RetryAdvice::NoOpinion
    );
}

#[test]
fn wrong_parameters_are_refused_in_words_that_help() {
    let error = |name: &str, value: &str| {
        configured(
            tbengine_builtins::get("default").unwrap().wasm,
            &[(name, value)],
            Limits::default(),
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        error("dead-older", "1h"),
        "policy `default` has no parameter `dead-older`; did you mean `dead-older-than`?"
    );
    assert!(
        error("dead-older-than", "-1h").starts_with(
            "parameter `dead-older-than` of policy `default`: `-1h` is not a duration"
        )
    );
    assert!(error("states", "").contains("is empty"));
    assert!(
        error("states", "gone").contains("states: `gone` is none of pending, created, running")
    );
    assert!(error("attempts", "0").contains("attempts: must be at least 1"));
}

#[test]
fn a_hundred_thousand_fit_into_the_default_limits() {
    let resources: Vec<Resource> = (0..100_000)
        .map(|number| container(&format!("{number:064x}"), State::Exited, 5))
        .collect();
    let answer = decide(&builtin("default", &[("labels", "a")]), &resources).unwrap();
    assert_eq!(answer.proposals, []);
    let answer = decide(&builtin("aggressive", &[]), &resources).unwrap();
    assert_eq!(answer.proposals.len(), resources.len());
}
