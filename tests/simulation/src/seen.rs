//! What occurred in worlds: a run of seeds in which something never does tests nothing of it.

use std::collections::BTreeMap;

use tbengine_engine::plan::{BlastRadius, Safeguard};
use tbengine_engine::report::{Effect, StepResult};
use tbengine_memory::{Chaos, ExternalChange, Fault, Met, REFUSALS};

use crate::world::End;

/// How often what occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<String, u64>);

impl Seen {
    /// Notes that something occurred.
    pub fn note(&mut self, what: impl Into<String>) {
        self.add(what.into(), 1);
    }

    /// Notes what a provider met.
    pub fn met(&mut self, met: (Met, &'static str), times: u64) {
        self.add(name_of(met), times);
    }

    /// Adds what occurred elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what.clone(), *times);
        }
    }

    /// How often something occurred.
    pub fn times(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// What never occurred, of all that has to.
    pub fn missing(&self) -> Vec<String> {
        let all = everything();
        all.into_iter()
            .filter(|what| self.times(what) == 0)
            .collect()
    }

    /// Each with how often it occurred.
    pub fn all(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(what, times)| (&**what, *times))
    }

    fn add(&mut self, what: String, times: u64) {
        *self.0.entry(what).or_default() += times;
    }
}

fn name_of((met, word): (Met, &'static str)) -> String {
    match met {
        Met::Chaos => format!("chaos {word}"),
        Met::Fault => format!("fault {word}"),
        Met::Refusal => format!("refusal {word}"),
        Met::Change => format!("change {word}"),
    }
}

/// A safeguard refused something that it has to refuse.
pub fn fired(safeguard: Safeguard) -> String {
    format!("safeguard {safeguard} fired")
}

/// A safeguard let something pass that is like what it refuses, but for what matters.
pub fn spared(safeguard: Safeguard) -> String {
    format!("safeguard {safeguard} did not fire")
}

/// How a run was cut short.
pub fn ended(end: End) -> &'static str {
    match end {
        End::None => "end by itself",
        End::Stop(_) => "end by a request to stop",
        End::Abort(_) => "end by a request to end at once",
        End::Crash(_) => "end by a crash",
    }
}

/// What refused a plan as a whole.
pub fn tripped(limit: &BlastRadius) -> &'static str {
    match limit {
        BlastRadius::MaxDelete { .. } => "limit max-delete",
        BlastRadius::UnprovenRunning { .. } => "limit unproven-running",
        BlastRadius::VetoFailed { .. } => "limit veto-failed",
        BlastRadius::Unreadable { .. } => "limit unreadable",
    }
}

/// What occurs besides, in words that the run of a world notes.
const OTHERS: [&str; 26] = [
    "end by itself",
    "end by a request to stop",
    "end by a request to end at once",
    "end by a crash",
    "limit max-delete",
    "limit unproven-running",
    "limit veto-failed",
    "limit unreadable",
    "limit max-delete held",
    "limit unproven-running held",
    "a listing that met faults",
    "a plan that was saved",
    "a step that was not listed any more",
    "a step that could not be listed",
    "a run that was resumed",
    "a backend that is followed",
    "a deletion without a read",
    "an exact plan",
    "deleted container",
    "deleted sandbox",
    "deleted network",
    "deleted volume",
    "deleted image",
    "deleted snapshot",
    "deleted build-cache",
    "deleted along",
];

/// Everything that has to occur.
fn everything() -> Vec<String> {
    let mut all: Vec<String> = OTHERS.iter().map(|what| (*what).to_owned()).collect();
    let results = StepResult::ALL.iter();
    all.extend(results.map(|result| format!("result {result}")));
    all.extend(Effect::ALL.iter().map(|effect| format!("effect {effect}")));
    for safeguard in Safeguard::ALL {
        all.push(fired(safeguard));
        all.push(spared(safeguard));
    }
    let words = |met: Met, words: &[&'static str]| -> Vec<String> {
        words.iter().map(|word| name_of((met, word))).collect()
    };
    all.extend(words(Met::Chaos, &Chaos::NAMES));
    all.extend(words(Met::Fault, &Fault::WORDS));
    all.extend(words(Met::Refusal, &REFUSALS));
    all.extend(words(Met::Change, &ExternalChange::WORDS));
    all
}
