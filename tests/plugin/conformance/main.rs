//! The conformance kit over every backend that comes with tbengine.
//!
//! - `linked_in`: each with a fixture of its own
//! - `outside`: the simulated provider as a library and as a program, and the templates
//!
//! The template in Rust has a suite of its own as well, since a plugin that copies it needs that.

// Checkers of memory look at what is unsafe alone: at what comes from outside.
#[cfg(not(any(miri, address_sanitizer)))]
mod linked_in;
mod outside;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Several cases compare whole listings, and count the answers of one library.
    arguments.test_threads = Some(1);
    // A runner that gives each trial a process of its own names it, and needs the others not even made.
    let named = arguments.filter.as_ref().filter(|_| arguments.exact);
    let wanted = |subject: &str| {
        let begins = |name: &String| {
            let rest = name.strip_prefix('[')?.strip_prefix(subject)?;
            Some(rest.starts_with([' ', ']']))
        };
        named.is_none_or(|name| begins(name) == Some(true))
    };
    let mut trials: Vec<Trial> = Vec::new();
    #[cfg(not(any(miri, address_sanitizer)))]
    trials.extend(linked_in::all(wanted));
    let mut built = None;
    for way in outside::WAYS.into_iter().filter(|(way, ..)| wanted(way)) {
        trials.extend(outside::trials(way, &mut built));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
