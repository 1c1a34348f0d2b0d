//! Telling which trials did not take place, to the program that adds them up: a runner that shows no more than
//! whether a trial failed would hide them.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use libtest_mimic::{Completion, Failed};

use super::case::CaseEnd;

/// The variable that names the file to which each trial that did not take place adds a line.
pub const LEFT_OUT: &str = "TESTKIT_LEFT_OUT";

/// What libtest-mimic shows of a trial's end. `kind` and `name` are those of its trial; what did not take
/// place is written to [`LEFT_OUT`] as well.
///
/// # Errors
/// The message of a trial that is broken.
///
/// # Panics
/// If the file cannot be written.
pub fn completion(kind: &str, name: &str, end: CaseEnd) -> Result<Completion, Failed> {
    let (how, reason) = match end {
        CaseEnd::Held => return Ok(Completion::Completed),
        CaseEnd::Failed(message) => return Err(message.into()),
        CaseEnd::NotApplicable(reason) => ("not applicable", reason),
        CaseEnd::Ignored(reason) => ("left out", reason),
    };
    let kind = match kind {
        "" => String::new(),
        kind => format!("[{kind}] "),
    };
    add(&format!("{kind}{name}"), how, &reason);
    Ok(Completion::ignored_with(format!("{how}: {reason}")))
}

/// Tells that a trial is left out, and why: for those that find out themselves that they cannot be tried.
///
/// # Panics
/// If the file cannot be written.
pub fn leave_out(name: &str, reason: &str) {
    add(name, "left out", reason);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program that starts the tests names the file in a variable"
)]
fn add(name: &str, how: &str, reason: &str) {
    let Some(path) = std::env::var_os(LEFT_OUT) else {
        return;
    };
    let mut line = String::new();
    // Cargo tells a test the package that it belongs to.
    if let Ok(package) = std::env::var("CARGO_PKG_NAME") {
        line.push_str(&package);
        line.push(' ');
    }
    writeln!(line, "{name}: {how}: {}", reason.replace('\n', " ")).expect("a text takes all");
    // Trials run side by side, in processes of their own; a short line that is appended stays whole.
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let added = file.and_then(|mut file| file.write_all(line.as_bytes()));
    added.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
