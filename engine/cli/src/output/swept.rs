//! What became of a sweep, for people; and the exit code that it is worth.

use tbengine_ops::lease::{LeftOver, SweepEnd};

use super::console::Console;
use super::human::count;
use super::span::plain;
use crate::exit::Code;

/// The exit code that a sweep is worth.
pub(crate) fn code(end: &SweepEnd) -> Code {
    match (end.ended, end.incomplete) {
        (true, _) => Code::Done,
        (false, true) => Code::Incomplete,
        (false, false) => Code::Failed,
    }
}

/// The exit code that the leases are worth that were found over. What this run cannot see is not for it to
/// answer for.
pub(crate) fn code_of_left_over(left_over: &[LeftOver]) -> Code {
    let codes = left_over.iter().map(|one| match one {
        LeftOver::Swept(end) if end.is_elsewhere => Code::Done,
        LeftOver::Swept(end) => code(end),
        LeftOver::Later | LeftOver::Failed { .. } => Code::Incomplete,
    });
    let mut bad = codes.rev().filter(|code| *code != Code::Done);
    bad.next().unwrap_or(Code::Done)
}

/// What became of those that could be swept.
pub(crate) fn ends(left_over: &[LeftOver]) -> impl Iterator<Item = &SweepEnd> {
    left_over.iter().filter_map(|one| match one {
        LeftOver::Swept(end) => Some(end),
        LeftOver::Later | LeftOver::Failed { .. } => None,
    })
}

/// Prints the result of a sweep, if there is anything to report.
pub(crate) fn print_sweep(console: &Console, verbose: bool, end: &SweepEnd) {
    for problem in &end.problems {
        console.error(problem, &[]);
    }
    if end.unproven > 0 {
        console.warning(&format!(
            "kept {} created during the run (owner unknown): {}",
            count(end.unproven, "resource"),
            end.unproven_names.join(", ")
        ));
    }
    let counts = end.results.iter();
    let counts: Vec<String> = counts.map(|(how, many)| format!("{many} {how}")).collect();
    let what = match (counts.is_empty(), end.incomplete) {
        (true, true) => "unknown what is left".to_owned(),
        (true, false) => "nothing to clean up".to_owned(),
        (false, _) => counts.join(", "),
    };
    let lease = &end.lease;
    if !end.ended {
        let hint = match end.is_elsewhere {
            false => "the next `tbengine run` or `tbengine resume` continues".to_owned(),
            true => format!("retry with: tbengine lease release {lease} (same configuration)"),
        };
        console.error(
            &format!("lease {lease}: {what}; cleanup is not complete"),
            &[hint],
        );
    } else if !counts.is_empty() || verbose {
        console.line(&[plain(format!("lease {lease}: {what}"))]);
    }
}
