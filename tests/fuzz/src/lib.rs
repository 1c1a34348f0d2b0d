//! Hostile input for everything that tbengine reads: saved plans, policy modules, and what providers
//! answer, headers such as `Retry-After` included.
//!
//! A target takes bytes and panics if a promise is broken. The inputs are made from a corpus of good ones
//! by a seed, so a failing one is repeated by its number. There is no coverage feedback: that needs a
//! nightly compiler or a second, instrumented build of everything. Mutations know JSON instead, which is
//! what most of the parsers read.
//!
//! - [`corpus`]: the good inputs
//! - [`mutate`]: makes bad ones of them
//! - [`targets`]: what reads them
//! - [`answers`]: a server that answers with an input

pub mod answers;
pub mod corpus;
pub mod mutate;
pub mod targets;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use targets::Target;

/// What a target came to.
#[derive(Debug)]
pub struct Fuzzed {
    /// How many inputs it was given.
    pub inputs: u64,
    /// How many of them were taken for good ones: the others end at the door.
    pub good: u64,
    /// The number of the input that broke a promise, the input, and what was said.
    pub broken: Option<(u64, Vec<u8>, String)>,
}

/// An input that takes longer than this hangs.
const INPUT_TIMEOUT: Duration = Duration::from_secs(20);

/// Gives a target inputs from a number on, for so long and at least one round of its corpus.
pub fn fuzz(target: &Target, from: u64, time: Duration) -> Fuzzed {
    let corpus = corpus::of(target.name);
    let mut run = (target.start)();
    let began = Instant::now();
    let mut number = from;
    let mut good = 0;
    while began.elapsed() < time || number - from < corpus.len() as u64 {
        let input = mutate::input(&corpus, number);
        let start = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| run(&input)));
        let what = match ended {
            Err(panic) => Some(said(&*panic)),
            Ok(_) if start.elapsed() > INPUT_TIMEOUT => {
                Some(format!("it took {:?}", start.elapsed()))
            }
            Ok(taken) => {
                good += u64::from(taken);
                None
            }
        };
        if let Some(what) = what {
            return Fuzzed {
                inputs: number - from + 1,
                good,
                broken: Some((number, input, what)),
            };
        }
        number += 1;
    }
    Fuzzed {
        inputs: number - from,
        good,
        broken: None,
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
