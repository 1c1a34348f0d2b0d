//! What a guest is given, what comes back, and that both are the same every time.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::policy::{
    BackendFacts, FaultKind, Force, LeaseState, Limits, Policy, PolicyEngine, PolicyEngineOptions,
    Proposal, RetryAdvice, Verdict, Zone,
};
use tbengine_sdk::{Damage, Disk, ErrorKind, Owner, Resource, State, Timestamp, Unit};

use crate::policy_host::support::{
    ENGINE, HOUR, NOW, container, context, decide, failure, hostile, params, user, using,
};

fn full() -> Resource {
    let mut full = container("c1", State::Exited, 2);
    full.name = "näme".to_owned();
    full.exit_code = Some(-9);
    full.started = Some(Timestamp::from_unix_ms(NOW - HOUR));
    full.finished = Some(Timestamp::from_unix_ms(-5));
    full.last_activity = Some(Timestamp::from_unix_ms(7));
    full.unit = Some(Unit("u".to_owned()));
    full.owner = Owner::Run("r9".to_owned());
    full.usage.memory_bytes = Some(1 << 40);
    full.usage.reclaimable_bytes = Some(5);
    full.usage.micros_per_hour = Some(6);
    full.arrived = Some(Timestamp::from_unix_ms(NOW - 6_000_000));
    full.damaged = Some(Damage {
        message: "half of it".to_owned(),
        code: None,
    });
    full.labels = [("k1", "v1"), ("k2", "v2")].into_iter().collect();
    full.attrs = [("k1", "w1"), ("k3", "w3")].into_iter().collect();
    full
}

fn echoed(labels: &str) -> String {
    let policy = hostile(
        &[("decides", "tell"), ("labels", labels)],
        Limits::default(),
    );
    let mut context = context();
    (context.claimed, context.dry_run) = (true, true);
    let (other, full) = (container("c0", State::Running, 1), full());
    context.backends = [BackendFacts {
        name: "docker".into(),
        provider: "engine".into(),
        account: "daemon".into(),
        currency: Some("EUR".into()),
        complete: true,
        disks: vec![Disk {
            name: "/data".into(),
            total_bytes: 100,
            free_bytes: 7,
            total_files: Some(10),
            free_files: None,
            kinds: Vec::new(),
        }],
    }]
    .into();
    context.zone = Zone {
        name: "Europe/Berlin".into(),
        offset_minutes: 60,
        next_change: Some((Timestamp::from_unix_ms(1_800_000_000_001), 120)),
    };
    let outside = container("outside", State::Running, 1);
    let users = [user(&other, Some(0)), user(&outside, None)];
    let mut candidates = using(&[(&other, &[]), (&full, &users)]);
    candidates[1].takes_along = &[0];
    candidates[1].unit_runs = true;
    candidates[1].lease = LeaseState::Over;
    candidates[1].users_known = false;
    policy.decide(&context, &candidates).unwrap_err().message
}

#[test]
fn a_guest_sees_every_fact() {
    let given = echoed("everything");
    for part in [
        r#"id: "docker/container/c1""#,
        "backend: 0, kind: 0, class: Class::Compute",
        r#"damaged: Some("half of it")"#,
        "arrived: Some(1799994000000)",
        r#"name: "näme""#,
        "state: State::Exited",
        "exit-code: Some(-9)",
        "created: Some(1799992800000)",
        "started: Some(1799996400000)",
        // Before 1970: not a time that anything ended.
        "finished: None",
        "last-used: Some(7)",
        r#"unit: Some("u")"#,
        r#"owner: Owner::Run("r9")"#,
        "claimed: true",
        "memory-bytes: Some(1099511627776)",
        "reclaimable-bytes: Some(5), micros-per-hour: Some(6)",
        "unit-runs: true",
        "lease: LeaseState::Over",
        "used-by: [0], used-by-others: 1, users-known: false, takes-along: [0]",
        // What nobody knows.
        "idle-since: None, history: None",
        r#"labels: [("k1", "v1"), ("k2", "v2")]"#,
        r#"attrs: [("k1", "w1"), ("k3", "w3")]"#,
        "now: 1800000000000",
        r#"run-id: "run-1""#,
        "dry-run: true",
        r#"zone: Zone { name: "Europe/Berlin", offset-minutes: 60, next-change: Some((1800000000001, 120)) }"#,
        "schedule: None",
        r#"backends: [BackendFacts { name: "docker", provider: "engine", account: "daemon", currency: Some("EUR"), complete: true, disks: [Disk { name: "/data", total-bytes: 100, free-bytes: 7, total-files: Some(10), free-files: None, low-water-bytes: None, high-water-bytes: None }], attrs: [] }]"#,
        r#"kinds: [KindFacts { word: "container", class: Class::Compute, runs: true, shared: false }]"#,
    ] {
        assert!(given.contains(part), "{part} is not in {given}");
    }
}

#[test]
fn only_what_a_policy_asks_for_is_sent() {
    let given = echoed("k1");
    assert!(
        given.contains(r#"labels: [("k1", "v1")], attrs: [("k1", "w1")]"#),
        "{given}"
    );
    let given = echoed("nothing");
    assert!(given.contains("labels: [], attrs: []"), "{given}");
}

#[test]
fn every_sort_of_verdict_comes_through_as_it_was_said() {
    let policy = hostile(&[("decides", "every-verdict")], Limits::default());
    let answer = decide(
        &policy,
        &[
            container("a", State::Exited, 1),
            container("b", State::Exited, 1),
        ],
    )
    .unwrap();
    let proposal = |id: &str, verdict, priority| Proposal {
        id: format!("docker/container/{id}"),
        verdict,
        priority,
    };
    let delete = |force| Verdict::Delete {
        reason: "d".into(),
        force,
        grace: None,
    };
    let stop = || Verdict::Stop {
        reason: "s".into(),
        grace: Some(Duration::from_secs(1)),
    };
    assert_eq!(
        answer.proposals,
        [
            proposal("a", Verdict::Keep { reason: "k".into() }, 0),
            proposal("a", stop(), 1),
            proposal("a", delete(Force::Never), -1),
            proposal("b", Verdict::Keep { reason: "k".into() }, 0),
            proposal("b", stop(), 1),
            proposal("b", delete(Force::OnRetry), -1),
        ]
    );
}

#[test]
fn unknown_and_doubled_ids_reach_the_stage_that_judges_them() {
    let resources = [container("a", State::Exited, 1)];
    let ids = |decides: &str| -> Vec<String> {
        let answer = decide(
            &hostile(&[("decides", decides)], Limits::default()),
            &resources,
        )
        .unwrap();
        answer
            .proposals
            .into_iter()
            .map(|proposal| proposal.id)
            .collect()
    };
    assert_eq!(ids("unknown-id"), ["docker/container/ax"]);
    assert_eq!(
        ids("doubled-id"),
        ["docker/container/a", "docker/container/a"]
    );
}

#[test]
fn a_failure_is_reported_and_the_advice_comes_back() {
    let retry = |retries: &str, kind| {
        hostile(&[("retries", retries)], Limits::default())
            .retry(&context(), &failure(kind, 3))
            .unwrap()
    };
    assert_eq!(
        retry("nothing", ErrorKind::Transient),
        RetryAdvice::NoOpinion
    );
    assert_eq!(
        retry("wait", ErrorKind::Transient),
        RetryAdvice::After {
            delay: Duration::from_millis(1500),
            escalate: true
        }
    );
    let RetryAdvice::GiveUp(given) = retry("echo", ErrorKind::Dependency) else {
        panic!()
    };
    for part in [
        // The resource as it was read last, with what the policy asks for.
        r#"id: "docker/container/c1""#,
        "state: State::Running",
        r#"owner: Owner::Benchmark("harbor")"#,
        "used-by: [], used-by-others: 0, users-known: false",
        "unit-runs: true",
        "operation: Operation::Delete",
        "force: Force::OnRetry",
        r#"reason: "it is too old""#,
        r#"code: Some("docker:500")"#,
        "round: 1",
        "failure: FailureKind::Dependency",
        r#"message: "driver failed""#,
        "attempt: 3",
        "elapsed-ms: 3000",
        "retry-after-ms: Some(1500)",
    ] {
        assert!(given.contains(part), "{part} is not in {given}");
    }
    let RetryAdvice::GiveUp(given) = retry("echo", ErrorKind::NotFound) else {
        panic!()
    };
    assert!(given.contains("failure: FailureKind::Other"), "{given}");
}

/// Four chunks of a policy that evaluates each resource alone.
fn many() -> Vec<Resource> {
    (0..35_000)
        .map(|number| container(&number.to_string(), State::Exited, 1))
        .collect()
}

#[test]
fn chunks_on_several_threads_answer_in_order() {
    let resources = many();
    let engine = PolicyEngine::new(PolicyEngineOptions {
        threads: Some(4),
        ..Default::default()
    })
    .unwrap();
    let policy = engine.load(tbengine_builtins::HOSTILE, "hostile").unwrap();
    let policy = policy
        .configure(&params(&[("decides", "unknown-id")]), Limits::default())
        .unwrap();
    let answer = decide(&policy, &resources).unwrap();
    let expected = resources
        .iter()
        .map(|resource| format!("docker/container/{}x", resource.name));
    assert!(
        answer
            .proposals
            .iter()
            .map(|proposal| proposal.id.clone())
            .eq(expected)
    );
}

#[test]
fn a_fault_in_one_chunk_voids_the_answer() {
    let policy = hostile(&[("decides", "fail-in-the-middle")], Limits::default());
    let fault = decide(&policy, &many()).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Refused, "met number 15000")
    );
}

#[test]
fn two_calls_with_the_same_facts_get_the_same_answer() {
    let resources = many();
    let policy = hostile(&[("decides", "echo")], Limits::default());
    let first = decide(&policy, &resources[..500]).unwrap();
    let second = decide(&policy, &resources[..500]).unwrap();
    assert_eq!(first.proposals, second.proposals);
}

#[test]
fn fuel_is_spent_alike_every_time() {
    // The least fuel that a call needs, found by bisection twice, is the same to the unit.
    let least = || {
        let (mut low, mut high) = (0, 50_000_000);
        while low + 1 < high {
            let fuel = (low + high) / 2;
            let limits = Limits {
                fuel_per_resource: 0,
                ..Limits::default()
            };
            let policy = ENGINE.load(tbengine_builtins::HOSTILE, "hostile").unwrap();
            let enough = match policy
                .configure(&params(&[("decides", "echo")]), Limits { fuel, ..limits })
            {
                Ok(policy) => decide(&policy, &[full()]).is_ok(),
                Err(_) => false,
            };
            if enough { high = fuel } else { low = fuel }
        }
        high
    };
    let first = least();
    assert!(first > 1000);
    assert_eq!(first, least());
}

#[test]
fn compiled_code_is_found_again() {
    let parent = tempfile::tempdir().unwrap();
    let cache_dir = parent.path().join("cache/wasm");
    let load = || {
        let options = PolicyEngineOptions {
            cache_dir: Some(cache_dir.clone()),
            ..Default::default()
        };
        let engine = PolicyEngine::new(options).unwrap();
        let policy = engine.load(tbengine_builtins::HOSTILE, "hostile").unwrap();
        assert_eq!(policy.description().name, "hostile");
        engine.cache_hits_and_misses()
    };
    assert_eq!(load(), (0, 1));
    assert_eq!(load(), (1, 0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&cache_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    assert_eq!(ENGINE.cache_hits_and_misses(), (0, 0));
}

#[tokio::test]
async fn policies_can_be_called_from_async_code_where_blocking_is_allowed() {
    let policy = Arc::new(hostile(&[("decides", "echo")], Limits::default()));
    let calls = (0..8).map(|_| {
        let policy = policy.clone();
        tokio::task::spawn_blocking(move || {
            decide(&policy, &[container("a", State::Exited, 1)])
                .unwrap()
                .proposals
                .len()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), 1);
    }
}
