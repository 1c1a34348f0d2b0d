//! Hostile input for what tbengine reads: saved plans, policy modules and their verdicts, records of runs, files of
//! leases, and what providers answer, headers such as `Retry-After` included.
//!
//! A target takes bytes and panics if a promise is broken. The inputs are made from a corpus of good ones
//! by a seed, so a failing one is repeated by its number. There is no coverage feedback: that needs a
//! nightly compiler or a second, instrumented build of everything. Mutations know JSON instead, which is
//! what most of the parsers read.
//!
//! - [`corpus`]: the good inputs
//! - [`mutate`]: makes bad ones of them
//! - [`targets`]: what reads them
//! - [`damage`]: what can be wrong with one value of a document
//! - [`sessions`]: sessions with providers, to be damaged one value after the other
//! - [`found`]: where what broke a promise is kept
//! - [`answers`]: a server that answers with an input

pub mod answers;
pub mod corpus;
pub mod damage;
pub mod found;
pub mod mutate;
pub mod sessions;
pub mod targets;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use targets::{Run, Target};

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

/// Gives a target inputs from a number on, for so long and at least one.
pub fn fuzz(target: &Target, from: u64, time: Duration) -> Fuzzed {
    let corpus = (target.corpus)();
    let mut run = (target.start)();
    let began = Instant::now();
    let mut number = from;
    let mut good = 0;
    while number == from || began.elapsed() < time {
        let input = (target.input)(&corpus, number);
        let taken = give(&mut run, &input);
        good += u64::from(taken == Ok(true));
        if let Err(what) = taken {
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

/// Gives a target one input. Answers whether it was taken for a good one.
///
/// # Errors
/// The promise that was broken.
pub fn give(run: &mut Run, input: &[u8]) -> Result<bool, String> {
    let start = Instant::now();
    match catch_unwind(AssertUnwindSafe(|| run(input))) {
        Err(panic) => Err(said(&*panic)),
        Ok(_) if start.elapsed() > INPUT_TIMEOUT => Err(format!("it took {:?}", start.elapsed())),
        Ok(taken) => Ok(taken),
    }
}

pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
