//! The rules of the policy `max-age`, once more and natively, and resources to judge.

use std::time::Duration;

use tbengine_engine::policy::{Failure, Force, PolicyContext, Proposal, RetryAdvice, Verdict};
use tbengine_sdk::{
    Damage, Error, ErrorKind, Identity, Kind, Owner, Resource, State, Timestamp, Unit,
};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

pub(crate) fn context() -> PolicyContext {
    PolicyContext {
        dry_run: true,
        ..PolicyContext::new(Timestamp::from_unix_ms(NOW), "run-1")
    }
}

/// Kinds of every class, one of them only known to its backend.
const KINDS: [Kind; 7] = [
    Kind::CONTAINER,
    Kind::SANDBOX,
    Kind::NETWORK,
    Kind::VOLUME,
    Kind::IMAGE,
    Kind::SNAPSHOT,
    Kind::fixed("pod"),
];

/// Resources of every kind and state, of ages around every bound, with labels that nearly match.
pub(crate) fn resources() -> Vec<Resource> {
    let ages = [
        None,
        Some(-1),
        Some(0),
        Some(HOUR),
        Some(HOUR + 1),
        Some(24 * HOUR),
        Some(24 * HOUR + 1),
        Some(499_999 * HOUR),
    ];
    let labels = ["", "keep", "keeper", "kee", "ключ", "KEEP"];
    let mut resources = Vec::new();
    for (number, state) in (0..).zip(State::ALL.iter().cycle().take(13 * 48)) {
        let kind = KINDS[number % KINDS.len()];
        let age: Option<i64> = ages[number / 13 % ages.len()];
        let identity = Identity {
            backend: if number % 5 == 0 {
                "cloud".into()
            } else {
                "docker".into()
            },
            account: "a".into(),
            kind,
            native: format!("{number:04}-ünïcödé-🧹"),
            created: age.map(|age| Timestamp::from_unix_ms(NOW - age)),
        };
        let mut resource = Resource::new(identity, format!("name \"{number}\""), *state);
        resource.arrived = match number % 9 {
            // Later than it was created, and the age counts from then on; or of no consequence.
            0 => Some(Timestamp::from_unix_ms(NOW - 30 * HOUR)),
            1 => Some(Timestamp::from_unix_ms(NOW - 400_000 * HOUR)),
            _ => None,
        };
        resource.damaged = (number % 7 == 0).then(|| Damage {
            message: "layer \"überlay\" is missing".into(),
            code: None,
        });
        resource.last_activity = (number % 5 == 1).then(|| Timestamp::from_unix_ms(NOW - 7));
        resource.exit_code = (number % 3 == 0).then_some(-1);
        resource.finished = (number % 4 == 0).then(|| Timestamp::from_unix_ms(NOW - 5));
        resource.unit = (number % 2 == 0).then(|| Unit(format!("unit-{}", number / 10)));
        resource.owner = match number % 5 {
            0 => Owner::Run("r".into()),
            1 => Owner::Benchmark("harbor".into()),
            2 => Owner::Other("someone".into()),
            3 => Owner::Kept("toolbox".into()),
            _ => Owner::Unknown,
        };
        resource.usage.disk_bytes = (number % 6 == 0).then_some(number as u64 * 1_000_000);
        let label = labels[number / (13 * 8) % labels.len()];
        if !label.is_empty() {
            resource.labels = [("a", "b"), (label, ""), ("team", "evals")]
                .into_iter()
                .collect();
        }
        resources.push(resource);
    }
    resources
}

/// What the policy says to them.
pub(crate) fn decide(resources: &[Resource], older_than_hours: i64, keep: &str) -> Vec<Proposal> {
    let judge = |resource: &Resource| {
        if resource.labels.get(keep).is_some() {
            let reason = "labelled to be kept".to_owned();
            return Some((Verdict::Keep { reason }, 0));
        }
        let since = resource.born()?;
        let age = NOW - since.as_unix_ms();
        if age <= older_than_hours * HOUR {
            return None;
        }
        let reason = "older than allowed".to_owned();
        let verdict = match resource.state {
            State::Created | State::Exited | State::Stopped | State::Failed | State::Dead => {
                Verdict::Delete {
                    reason,
                    force: Force::Never,
                    grace: None,
                }
            }
            State::Running | State::Paused => Verdict::Stop {
                reason,
                grace: Some(Duration::from_secs(5)),
            },
            _ => return None,
        };
        Some((verdict, i32::try_from(age / HOUR).unwrap_or(i32::MAX)))
    };
    resources
        .iter()
        .filter_map(|resource| {
            let (verdict, priority) = judge(resource)?;
            Some(Proposal {
                id: resource.identity.id().to_string(),
                verdict,
                priority,
            })
        })
        .collect()
}

/// Failed attempts, and what the policy advises.
pub(crate) fn failures() -> Vec<(Failure, RetryAdvice)> {
    let failure = |kind, attempt| {
        let mut resource = resources().swap_remove(1);
        resource.name = "c1 \"ünïcödé\"".into();
        let mut error = Error::new(kind, "driver \"überlay\" failed");
        error.code = (attempt == 3).then(|| "docker:500".into());
        error.retry_after = (attempt == 2).then(|| Duration::from_millis(1500));
        Failure {
            reason: "older than allowed".into(),
            elapsed: Duration::from_secs(3),
            ..Failure::new(resource, error, attempt)
        }
    };
    let after = |seconds| RetryAdvice::After {
        delay: Duration::from_secs(seconds),
        escalate: false,
    };
    vec![
        (failure(ErrorKind::Transient, 1), after(1)),
        (failure(ErrorKind::Transient, 2), after(2)),
        (failure(ErrorKind::Transient, 3), after(3)),
        (
            failure(ErrorKind::Transient, 4),
            RetryAdvice::GiveUp("tried often enough".into()),
        ),
        (failure(ErrorKind::Dependency, 1), RetryAdvice::NoOpinion),
        (failure(ErrorKind::Internal, 9), RetryAdvice::NoOpinion),
    ]
}
