//! What reads the inputs, and what must hold whatever they are.
//!
//! - [`answered`]: what Docker and Daytona answer, byte by byte
//! - [`session`]: sessions with providers in which some values are damaged
//! - [`plan`]: saved plans
//! - [`policy`]: policy modules, and the verdicts of one
//! - [`journal`]: records of runs
//! - [`leases`]: the files of leases
//! - [`owners`]: whose resources are, and files of rules
//! - [`world`]: a provider with one thing for each safeguard, none of which any input may have deleted

pub mod answered;
pub mod journal;
pub mod leases;
pub mod owners;
pub mod plan;
pub mod policy;
pub mod session;
pub mod world;

use crate::mutate;

/// Takes one input, and panics if a promise is broken. Answers whether the input was taken for a good one.
pub type Run = Box<dyn FnMut(&[u8]) -> bool>;

/// Something that reads hostile input.
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Makes it ready.
    pub start: fn() -> Run,
    /// Its good inputs.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// The input of a number, from the good ones; the first are these themselves.
    pub input: fn(&[Vec<u8>], u64) -> Vec<u8>,
}

/// Every target.
pub const ALL: [Target; 13] = [
    Target {
        name: "plan",
        start: plan::start,
        corpus: plan::corpus,
        input: mutate::input,
    },
    Target {
        name: "policy",
        start: policy::modules,
        corpus: || crate::corpus::of("policy"),
        input: mutate::input,
    },
    Target {
        name: "verdicts",
        start: policy::verdicts,
        corpus: policy::told,
        input: mutate::input,
    },
    Target {
        name: "docker",
        start: answered::docker,
        corpus: || crate::corpus::of("docker"),
        input: mutate::input,
    },
    Target {
        name: "daytona",
        start: answered::daytona,
        corpus: || crate::corpus::of("daytona"),
        input: mutate::input,
    },
    Target {
        name: "journal",
        start: journal::start,
        corpus: journal::corpus,
        input: journal::input,
    },
    Target {
        name: "leases",
        start: leases::start,
        corpus: leases::corpus,
        input: session::input,
    },
    Target {
        name: "owners",
        start: owners::facts,
        corpus: owners::corpus,
        input: owners::input,
    },
    Target {
        name: "owner-rules",
        start: owners::rules,
        corpus: owners::files,
        input: mutate::input,
    },
    Target {
        name: "docker-session",
        start: || session::start(0),
        corpus: || session::corpus(0),
        input: session::input,
    },
    Target {
        name: "daytona-session",
        start: || session::start(1),
        corpus: || session::corpus(1),
        input: session::input,
    },
    Target {
        name: "e2b-session",
        start: || session::start(2),
        corpus: || session::corpus(2),
        input: session::input,
    },
    Target {
        name: "plugin-session",
        start: || session::start(3),
        corpus: || session::corpus(3),
        input: session::input,
    },
];
