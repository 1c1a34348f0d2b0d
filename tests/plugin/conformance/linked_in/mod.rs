//! Backends that are linked in.

mod daytona;
mod docker;
mod e2b;
mod memory;

use std::panic::catch_unwind;

use libtest_mimic::Trial;
use tbengine_sdk::testkit::{self, Case, Fixture};

/// What the names of a backend's trials begin with, and the trials.
type Suite = (&'static str, fn() -> Vec<Trial>);

const BACKENDS: [Suite; 4] = [
    ("memory", memory::trials),
    ("docker", docker::trials),
    ("daytona", daytona::trials),
    ("e2b", e2b::trials),
];

/// The trials of all that are wanted.
pub(crate) fn all(wanted: impl Fn(&str) -> bool) -> Vec<Trial> {
    let backends = BACKENDS.into_iter().filter(|(name, _)| wanted(name));
    backends
        // Where one cannot be made, for want of a dockerd, the others are tried all the same.
        .flat_map(|(name, trials)| catch_unwind(trials).unwrap_or_else(|_| not_made(name)))
        .collect()
}

fn not_made(name: &str) -> Vec<Trial> {
    let trial = Trial::test("it_can_be_made", || Err("above is why not".into()));
    vec![trial.with_kind(name)]
}

/// The trials of the backend of this name.
fn trials<F: Fixture>(name: &str, fixture: impl FnOnce() -> F) -> Vec<Trial> {
    let trial = |case: Case| {
        let kind = match case.kind {
            Some(kind) => format!("{name} {kind}"),
            None => name.to_owned(),
        };
        let (name, run, shown) = (case.name, case.run, kind.clone());
        let trial = Trial::ignorable_test(name, move || testkit::completion(&shown, name, run()));
        trial.with_kind(kind)
    };
    testkit::cases(fixture).into_iter().map(trial).collect()
}
