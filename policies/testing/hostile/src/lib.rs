//! A guest that misbehaves as its parameters say, for the tests of the host.

use std::hint::black_box;

use tbengine_policy::log;
use tbengine_policy::params::describe;
use tbengine_policy::prelude::*;

struct Hostile {
    decides: String,
    retries: String,
    labels: String,
    tells: String,
}

/// The verdict of one line. A place that is no number is the id itself.
fn told(line: &str, resources: &[Resource]) -> Option<Verdict> {
    let mut words = line.splitn(6, ' ');
    let (place, verdict, force) = (words.next()?, words.next()?, words.next()?);
    let (grace, priority) = (words.next()?, words.next()?);
    let reason = words.next().unwrap_or_default();
    let one = match place.parse::<usize>() {
        Ok(number) => resources.get(number % resources.len().max(1))?,
        Err(_) => resources.first()?,
    };
    let mut verdict = match verdict {
        "stop" => one.stop(reason),
        "archive" => one.archive(reason),
        "keep" => one.keep(reason),
        _ => one.delete(reason),
    };
    if !matches!(verdict.action, Action::Keep(_)) {
        verdict = verdict.priority(priority.parse().unwrap_or(i32::MIN));
        if let Ok(millis) = grace.parse() {
            verdict = verdict.grace(Duration::from_millis(millis));
        }
    }
    if matches!(verdict.action, Action::Delete(_)) {
        verdict = verdict.force(match force {
            "always" => Force::Always,
            "on-retry" => Force::OnRetry,
            _ => Force::Never,
        });
    }
    if place.parse::<usize>().is_err() {
        verdict.id = place.to_owned();
    }
    Some(verdict)
}

impl Policy for Hostile {
    fn describe() -> Description {
        describe(
            "hostile",
            "0.1.0",
            "Misbehaves for the tests of the host.",
            Judging::Each,
        )
        .param(
            "configures",
            ParamType::Text,
            Some("well"),
            "What `configure` does.",
        )
        .param(
            "decides",
            ParamType::Text,
            Some("nothing"),
            "What `decide` does.",
        )
        .param(
            "retries",
            ParamType::Text,
            Some("nothing"),
            "What `retry` does.",
        )
        .param(
            "labels",
            ParamType::Text,
            Some("nothing"),
            "Which labels it asks for.",
        )
        .param(
            "tells",
            ParamType::Text,
            None,
            "What it answers as told: a line with place, verdict, force, grace, priority and reason for each verdict.",
        )
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        match params.required::<String>("configures")?.as_str() {
            "well" => {}
            "never" => return Err(ParamError::new("configures", "is not to my liking")),
            "never-at-length" => return Err(ParamError::new("configures", "x".repeat(1 << 20))),
            other => misbehave(other),
        }
        Ok(Self {
            decides: params.required("decides")?,
            retries: params.required("retries")?,
            labels: params.required("labels")?,
            tells: params.get::<String>("tells")?.unwrap_or_default(),
        })
    }

    fn interest(&self) -> Interest {
        let labels = match self.labels.as_str() {
            "everything" => Selection::Everything,
            "nothing" => Selection::Nothing,
            key => keys([key]),
        };
        Interest::only(labels.clone(), labels)
    }

    fn decide(&self, context: &Context, resources: &[Resource]) -> Result<Vec<Verdict>, String> {
        match self.decides.as_str() {
            "nothing" => Ok(Vec::new()),
            // What only those do that do not decide alike.
            "the-first" => Ok(resources
                .iter()
                .take(1)
                .map(|one| one.delete("first"))
                .collect()),
            "unlabelled" => {
                let unlabelled = resources.iter().filter(|one| one.labels.is_empty());
                Ok(unlabelled.map(|one| one.delete("unlabelled")).collect())
            }
            // Puts into the reasons all that it was given.
            "echo" => Ok(resources
                .iter()
                .map(|one| one.keep(format!("{one:?} {context:?}")))
                .collect()),
            "refuse" => Err("the moon is full".to_owned()),
            "tell" => Err(format!("{resources:?} {context:?}")),
            "refuse-at-length" => Err("é".repeat(1 << 20)),
            "unknown-id" => Ok(resources
                .iter()
                .map(|one| {
                    let mut verdict = one.delete("because");
                    verdict.id.push('x');
                    verdict
                })
                .collect()),
            "doubled-id" => Ok(resources
                .iter()
                .flat_map(|one| [one.delete("twice"), one.keep("or not")])
                .collect()),
            "every-verdict" => Ok(resources
                .iter()
                .zip(
                    [Force::Never, Force::OnRetry, Force::Always]
                        .into_iter()
                        .cycle(),
                )
                .flat_map(|(one, force)| {
                    [
                        one.keep("k"),
                        one.stop("s").priority(1).grace(Duration::from_secs(1)),
                        one.delete("d").priority(-1).force(force),
                    ]
                })
                .collect()),
            "as-told" => Ok(self
                .tells
                .lines()
                .filter_map(|line| told(line, resources))
                .collect()),
            "long-reason" => Ok(vec![resources[0].keep("x".repeat(16 << 20))]),
            "output-flood" => {
                let flood = "x".repeat(16 << 20);
                Ok((0..8).map(|_| resources[0].keep(flood.clone())).collect())
            }
            "fail-in-the-middle" if resources.iter().any(|one| one.name == "15000") => {
                Err("met number 15000".to_owned())
            }
            "fail-in-the-middle" => Ok(Vec::new()),
            other => {
                misbehave(other);
                Ok(Vec::new())
            }
        }
    }

    fn retry(&self, _context: &Context, failure: &Failure) -> Result<RetryAction, String> {
        match self.retries.as_str() {
            "nothing" => Ok(RetryAction::NoOpinion),
            "echo" => Ok(RetryAction::GiveUp(format!("{failure:?}"))),
            "refuse" => Err("ask someone else".to_owned()),
            "give-up-at-length" => Ok(RetryAction::GiveUp("x".repeat(1 << 20))),
            "wait" => Ok(RetryAction::After(Wait {
                delay_ms: 1500,
                escalate: true,
            })),
            other => {
                misbehave(other);
                Ok(RetryAction::NoOpinion)
            }
        }
    }
}

fn misbehave(how: &str) {
    match how {
        "loop" => {
            let mut count: u64 = 0;
            loop {
                count = black_box(count.wrapping_add(1));
            }
        }
        "panic" => panic!("I never could stand Mondays"),
        "memory-bomb" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "stack-overflow" => {
            black_box(recurse(1));
        }
        "log-flood" => {
            for line in 0..100_000 {
                log::info(&format!("line {line}"));
            }
        }
        "log-flood-and-panic" => {
            misbehave("log-flood");
            misbehave("panic");
        }
        "long-log-lines" => {
            for _ in 0..10 {
                log::info(&"x".repeat(20 << 10));
            }
        }
        other => panic!("no such misbehaviour: {other}"),
    }
}

/// Keeps nothing in memory, so that it is the engine's stack that overflows.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if black_box(depth) == 0 {
        0
    } else {
        recurse(black_box(depth + 1)) + 1
    }
}

tbengine_policy::export!(Hostile);
