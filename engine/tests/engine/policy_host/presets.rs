//! The built-in policies for one benchmark as components: facts, labels and attributes reach their rules.

use std::time::Duration;

use tbengine_engine::policy::{
    Candidate, ConfiguredPolicy, Force, Limits, Policy, RetryAdvice, Verdict,
};
use tbengine_sdk::{ErrorKind, Kind, Owner, Resource, State, Timestamp, Unit};

use crate::policy_host::support::{
    HOUR, NOW, configured, container, context, decide, failure, resource, user, using, verdicts,
};

const MINUTE: i64 = HOUR / 60;

fn preset(name: &str, given: &[(&str, &str)]) -> ConfiguredPolicy {
    let wasm = tbengine_builtins::get(name).unwrap().wasm;
    configured(wasm, given, Limits::default()).unwrap()
}

/// A resource of a unit that a benchmark made.
fn of(benchmark: &str, unit: &str, mut resource: Resource) -> Resource {
    resource.owner = Owner::Benchmark(benchmark.to_owned());
    resource.unit = Some(Unit(unit.to_owned()));
    resource
}

fn service(name: &str, mut resource: Resource) -> Resource {
    resource.labels = [("com.docker.compose.service", name), ("other", "label")]
        .into_iter()
        .collect();
    resource
}

/// It ended with 137 so many minutes ago.
fn killed(mut resource: Resource, minutes: i64) -> Resource {
    (resource.state, resource.exit_code) = (State::Exited, Some(137));
    resource.finished = Some(Timestamp::from_unix_ms(NOW - minutes * MINUTE));
    resource
}

#[test]
fn harbor_takes_units_down_as_a_whole_and_leaves_the_rest_without_an_opinion() {
    let network = |native: &str, unit: &str| {
        of(
            "harbor",
            unit,
            resource(Kind::NETWORK, native, State::Present, 5),
        )
    };
    let ran = |native: &str, unit: &str| of("harbor", unit, container(native, State::Running, 5));
    let twice = (
        killed(service("main", ran("twice", "a__abc1234__env")), 90),
        network("twice-net", "a__abc1234__env"),
    );
    let live = (
        service("main", ran("live", "b__abc1234__env")),
        network("live-net", "b__abc1234__env"),
    );
    let headless = (
        killed(service("main", ran("head", "c__abc1234__env")), 30),
        service("db", ran("body", "c__abc1234__env")),
    );
    let mut foreign = killed(container("foreign", State::Running, 5), 90);
    foreign.unit = Some(Unit("shop".to_owned()));
    let theirs = of(
        "terminal-bench",
        "x-1-of-1-2026-01-02__03-04-05",
        killed(container("theirs", State::Running, 5), 90),
    );
    let users = [[user(&twice.0, Some(2))], [user(&live.0, Some(3))]];
    let candidates = using(&[
        (&twice.1, &users[0][..]),
        (&live.1, &users[1]),
        (&twice.0, &[]),
        (&live.0, &[]),
        (&headless.0, &[]),
        (&headless.1, &[]),
        (&foreign, &[]),
        (&theirs, &[]),
    ]);
    let policy = preset("harbor", &[]);
    let answer = policy.decide(&context(), &candidates).unwrap();
    let said = verdicts(&answer);
    let expected = [
        (
            "body",
            "delete: running, created 5h ago; its unit is finished: `head` exited (137) 30m ago, older than 10m",
        ),
        (
            "head",
            "delete: exited (137) 30m ago; its unit is finished: `head` exited (137) 30m ago, older than 10m",
        ),
        (
            "live",
            "keep: running, created 5h ago; its unit runs, made by harbor 5h ago, not yet older than 12h",
        ),
        (
            "live-net",
            "keep: its unit runs, made by harbor 5h ago, not yet older than 12h",
        ),
        (
            "twice",
            "delete: exited (137) 1h 30m ago; nothing of its unit has run for 1h 30m, longer than 10m",
        ),
        (
            "twice-net",
            "delete: nothing of its unit has run for 1h 30m, longer than 10m",
        ),
    ];
    assert_eq!(
        said,
        expected.map(|(id, text)| (id, text.to_owned())).into()
    );
    for proposal in &answer.proposals {
        if let Verdict::Delete { force, .. } = &proposal.verdict {
            let runs = proposal.id.ends_with("body");
            assert_eq!(*force == Force::Always, runs, "{}", proposal.id);
        }
    }
}

#[test]
fn harbor_knows_doubled_and_hidden_sandboxes() {
    let sandbox = |native: &str, state, minutes: i64| {
        let mut sandbox = of(
            "harbor",
            "a__AbC1234__env",
            resource(Kind::SANDBOX, native, state, 0),
        );
        sandbox.identity.created = Some(Timestamp::from_unix_ms(NOW - minutes * MINUTE));
        sandbox
    };
    let mut hidden = sandbox("hidden", State::Failed, 300);
    hidden.attrs = [("hidden", "true"), ("state", "error")]
        .into_iter()
        .collect();
    let session = [
        sandbox("first", State::Running, 62),
        sandbox("second", State::Running, 61),
        sandbox("third", State::Running, 60),
        sandbox("failed", State::Failed, 300),
        hidden,
    ];
    let answer = decide(&preset("harbor", &[]), &session).unwrap();
    let said = verdicts(&answer);
    assert_eq!(
        said["first"],
        "delete: running, but `third` of the same session was created 2m later; this one has not been \
         active for 1h 2m, longer than 5m, made by harbor"
    );
    assert!(said["second"].starts_with("delete: running, but `third`"));
    assert!(said["third"].starts_with("keep: running"));
    assert!(said["failed"].starts_with("delete: failed"));
    assert_eq!(
        said["hidden"],
        "keep: failed, and hidden by a deletion; its provider removes it automatically"
    );
    let patient = preset("harbor", &[("duplicates-older-than", "2h")]);
    let answer = decide(&patient, &session).unwrap();
    assert!(verdicts(&answer)["first"].starts_with("keep: "));
}

#[test]
fn terminal_bench_tells_its_main_container_by_its_name() {
    let unit = "hello-1-of-1-2027-01-15__03-00-00";
    let of_trial = |resource| of("terminal-bench", unit, resource);
    let mut client = killed(of_trial(container("client", State::Running, 3)), 30);
    client.name = unit.to_owned();
    let trial = [client, of_trial(container("db", State::Running, 3))];
    let policy = preset("terminal-bench", &[]);
    let said = decide(&policy, &trial).unwrap();
    assert_eq!(
        verdicts(&said)["db"],
        format!(
            "delete: running, created 3h ago; its unit is finished: `{unit}` exited (137) 30m ago, older than 10m"
        )
    );
    let harbors = decide(&preset("harbor", &[]), &trial).unwrap();
    assert_eq!(harbors.proposals, []);
}

#[test]
fn what_trials_share_goes_on_request_only() {
    let mut image = resource(Kind::IMAGE, "sha256:1", State::Present, 24 * 8);
    image.owner = Owner::Benchmark("harbor".to_owned());
    let mut snapshot = resource(Kind::SNAPSHOT, "s", State::Present, 24 * 8);
    snapshot.owner = image.owner.clone();
    let shared = [image, snapshot];
    let answered = |given: &[(&str, &str)]| {
        let answer = decide(&preset("harbor", given), &shared).unwrap();
        let ids = verdicts(&answer).into_keys().map(str::to_owned);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(answered(&[]), [""; 0]);
    assert_eq!(answered(&[("images", "true")]), ["sha256:1"]);
    assert_eq!(answered(&[("snapshots", "true")]), ["s"]);
}

#[test]
fn presets_advise_as_the_default_policy_does() {
    for name in ["harbor", "terminal-bench"] {
        let advice = |given: &[(&str, &str)], attempt| {
            preset(name, given)
                .retry(&context(), &failure(ErrorKind::Transient, attempt))
                .unwrap()
        };
        assert_eq!(advice(&[], 1), RetryAdvice::NoOpinion);
        let schedule = [("attempts", "2"), ("retry-delay", "3s")];
        assert_eq!(
            advice(&schedule, 1),
            RetryAdvice::After {
                delay: Duration::from_secs(3),
                escalate: false,
            }
        );
        assert!(matches!(advice(&schedule, 2), RetryAdvice::GiveUp(_)));
    }
}

#[test]
fn a_hundred_thousand_members_of_units_fit_into_the_default_limits() {
    let natives: Vec<String> = (0..100_000)
        .map(|number| format!("{number:064x}"))
        .collect();
    let resources: Vec<Resource> = natives
        .iter()
        .enumerate()
        .map(|(number, native)| {
            let unit = format!("task__{:07}__env", number / 2);
            let kind = [Kind::CONTAINER, Kind::NETWORK][number % 2];
            let state = [State::Exited, State::Present][number % 2];
            of(
                "harbor",
                &unit,
                service("main", resource(kind, native, state, 5)),
            )
        })
        .collect();
    // Each network is used by the container before it.
    let users: Vec<_> = resources
        .iter()
        .enumerate()
        .map(|(index, resource)| [user(resource, Some(index))])
        .collect();
    let candidates: Vec<_> = resources
        .iter()
        .enumerate()
        .map(|(index, resource)| Candidate {
            used_by: match index % 2 {
                0 => &[],
                _ => &users[index - 1],
            },
            group: index / 2,
            ..Candidate::alone(resource)
        })
        .collect();
    let answer = preset("harbor", &[])
        .decide(&context(), &candidates)
        .unwrap();
    assert_eq!(answer.proposals.len(), resources.len());
    let deleted = |verdict: &Verdict| matches!(verdict, Verdict::Delete { .. });
    assert!(answer.proposals.iter().all(|one| deleted(&one.verdict)));
}
