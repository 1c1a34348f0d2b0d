//! Whose resources are: facts that are missing, and files of rules.

use serde::{Deserialize, Serialize};
use tbengine_engine::owners::example::Example;
use tbengine_engine::owners::{Owners, What};

use super::Run;
use crate::mutate;

/// An example of the embedded rules, by its number, without some of its facts.
#[derive(Serialize, Deserialize)]
struct Input {
    example: usize,
    lacks: Vec<String>,
}

/// Takes facts away from a resource. No rule holds that did not hold before, unless it keeps, and what was nobody's
/// becomes no benchmark's.
///
/// # Panics
/// If the embedded rules have a fault.
pub fn facts() -> Run {
    let (owners, examples) = embedded();
    Box::new(move |input| {
        let Ok(Input { example, lacks }) = serde_json::from_slice(input) else {
            return false;
        };
        let Some(whole) = examples.get(example) else {
            return false;
        };
        let mut less = whole.clone();
        for place in &lacks {
            take_away(&mut less, place);
        }
        let (before, after) = (owners.try_example(whole), owners.try_example(&less));
        for rule in &after.holding {
            let owner = rule.split('/').next().and_then(|name| owners.get(name));
            let keeps = owner.is_some_and(|owner| owner.what == What::Kept);
            assert!(
                keeps || before.holding.contains(rule),
                "without {lacks:?} {rule} holds of {}",
                whole.name
            );
        }
        // What two benchmarks claim is nobody's, and what is kept may be a benchmark's as well.
        let was_free = before.proven.proof.is_none() && before.proven.rivals.is_empty();
        let benchmark = after.proven.proof.map(|proof| proof.owner);
        let benchmark = benchmark.filter(|owner| owner.what == What::Benchmark);
        assert!(
            !was_free || benchmark.is_none(),
            "without {lacks:?} {} is {}",
            whole.name,
            benchmark.map_or_else(String::new, |owner| owner.name.to_string())
        );
        true
    })
}

/// Every fact of every example by itself.
///
/// # Panics
/// If the embedded rules have a fault.
pub fn corpus() -> Vec<Vec<u8>> {
    let (_, examples) = embedded();
    let mut all = Vec::new();
    for (example, whole) in examples.iter().enumerate() {
        all.extend(places(whole).into_iter().map(|place| Input {
            example,
            lacks: vec![place],
        }));
    }
    all.iter().map(text).collect()
}

/// Several facts of one example.
///
/// # Panics
/// Never.
pub fn input(corpus: &[Vec<u8>], number: u64) -> Vec<u8> {
    if let Some(good) = mutate::good(corpus, number) {
        return good.clone();
    }
    let mut random = fastrand::Rng::with_seed(number);
    let read = |one: &Vec<u8>| serde_json::from_slice::<Input>(one).expect("an input");
    let mut first = read(&corpus[random.usize(0..corpus.len())]);
    for one in corpus.iter().map(read) {
        if one.example == first.example && random.bool() {
            first.lacks.extend(one.lacks);
        }
    }
    text(&first)
}

/// Reads a file of rules. What it says of something with no more than a name is that it is no benchmark's: one fact
/// is no proof.
///
/// # Panics
/// Never.
pub fn rules() -> Run {
    Box::new(|input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return false;
        };
        let Ok((owners, _)) = Owners::read("fuzz.toml", text) else {
            return false;
        };
        for kind in ["container", "network", "volume", "image", "sandbox"] {
            let bare = Example {
                provider: "docker".into(),
                kind: kind.into(),
                class: "compute".into(),
                name: "x".into(),
                ..Example::default()
            };
            let tried = owners.try_example(&bare);
            let owner = tried.proven.proof.map(|proof| proof.owner);
            let is_benchmark = owner.is_some_and(|owner| owner.what == What::Benchmark);
            assert!(!is_benchmark, "a {kind} called x is {:?}", tried.holding);
        }
        true
    })
}

/// The rules of each owner that is built in, as a file of its own.
///
/// # Panics
/// If the embedded rules have a fault.
pub fn files() -> Vec<Vec<u8>> {
    let whole = include_str!("../../../../engine/owners.toml");
    let parts = whole.split_inclusive("\n\n");
    let mut files = Vec::new();
    let mut file = String::new();
    for part in parts {
        let begins = part.lines().any(|line| {
            let name = line.strip_prefix("[owner.");
            name.is_some_and(|name| name.ends_with(']'))
        });
        if begins && !file.is_empty() {
            files.push(std::mem::take(&mut file));
        }
        if begins {
            file.push_str("format = 1\n");
        }
        if begins || !file.is_empty() {
            file.push_str(part);
        }
    }
    files.push(file);
    // Some ask for others, and cannot be read alone.
    files.retain(|file| Owners::read("corpus.toml", file).is_ok());
    assert!(files.len() >= 5, "only {} files of rules", files.len());
    files.into_iter().map(String::into_bytes).collect()
}

fn embedded() -> (Owners, Vec<Example>) {
    Owners::embedded_with_examples().expect("the embedded rules can be read")
}

fn text(input: &Input) -> Vec<u8> {
    serde_json::to_vec(input).expect("an input can be written")
}

/// What an example has that may be missing.
fn places(example: &Example) -> Vec<String> {
    // A name that stands beside those of a benchmark keeps an image, so that all of them have to be known or none.
    let mut all: Vec<String> = ["name", "names", "unit", "proven"]
        .map(str::to_owned)
        .into();
    all.extend(example.labels.keys().map(|key| format!("label {key}")));
    all.extend(example.attrs.keys().map(|key| format!("attr {key}")));
    all.extend(
        example
            .uses
            .iter()
            .map(|used| format!("uses {}", used.name)),
    );
    all
}

fn take_away(example: &mut Example, place: &str) {
    match place.split_once(' ') {
        None if place == "name" => example.name.clear(),
        None if place == "names" => example.names.clear(),
        None if place == "unit" => example.unit = None,
        None => example.proven = Default::default(),
        Some(("label", key)) => drop(example.labels.remove(key)),
        Some(("attr", key)) => drop(example.attrs.remove(key)),
        Some((_, name)) => example.uses.retain(|used| used.name != name),
    }
}
