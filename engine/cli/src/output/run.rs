//! What came of a run.

use std::borrow::Cow;

use tbengine_engine::apply::Halt;
use tbengine_engine::plan::{Plan, Refusal, Safeguard};
use tbengine_engine::report::{Report, StepResult};

use super::console::Console;
use super::human::{count, short_id};
use super::span::{Tone, plain, toned};
use crate::args::global::GlobalArgs;

/// How much of what is parked is named on standard error; the plan names all of it.
const PARKED_SHOWN: usize = 10;

/// Says why the journal stopped a run.
pub(crate) fn print_halt(console: &Console, halt: &Halt) {
    let hint = match halt {
        Halt::Journal(_) => "the run stopped there; free disk space, then resume",
        Halt::Lock(_) => "the run stopped there; see `tbengine history`",
    };
    console.error(&format!("the run was stopped: {halt}"), &[hint.into()]);
}

/// What a plan leaves alone because it failed again and again.
pub(crate) fn parked(plan: &Plan) -> Vec<&Refusal> {
    let refusals = plan.refusals.iter();
    let is_parked = |refusal: &&Refusal| refusal.safeguard == Safeguard::Quarantined;
    refusals.filter(is_parked).collect()
}

/// Names what is parked: it stays until somebody looks at it.
pub(crate) fn print_quarantined(console: &Console, parked: &[&Refusal]) {
    let Some(first) = parked.first() else {
        return;
    };
    let named = parked.iter().take(PARKED_SHOWN).map(|refusal| {
        let id = short_id(&refusal.target.native);
        format!("{} {} ({id})", refusal.target.kind, refusal.name)
    });
    let mut names = named.collect::<Vec<_>>().join(", ");
    if let more @ 1.. = parked.len().saturating_sub(PARKED_SHOWN) {
        names += &format!(" and {more} more");
    }
    let what = count(parked.len(), "quarantined resource");
    let hint = format!(
        "`tbengine explain {}` says what failed; --release ID tries again; --allow-quarantined exits with 0",
        short_id(&first.target.native)
    );
    console.error(&format!("left {what} alone: {names}"), &[hint]);
}

/// Says how to continue what is left.
pub(crate) fn print_resume_hint(console: &Console, report: &Report, global: &GlobalArgs) {
    let is_left = |result| matches!(result, StepResult::Cancelled | StepResult::Deferred);
    let left = report
        .outcomes
        .iter()
        .filter(|one| is_left(one.result))
        .count();
    if left == 0 {
        return;
    }
    let command = resume_command(&report.run, global);
    let steps = count(left, "step");
    console.line(&[
        toned(Tone::Good, "hint"),
        plain(format!(": {steps} left; continue with: {command}")),
    ]);
}

/// The command that resumes a run: with the same configuration, state and plugins.
pub(crate) fn resume_command(run: &str, global: &GlobalArgs) -> String {
    let mut command = format!("tbengine resume {run}");
    for word in global.to_arguments() {
        command.push(' ');
        command.push_str(&quoted(&word.to_string_lossy()));
    }
    command
}

/// A word as a shell reads it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:@%+,".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell_where_it_would_read_them_otherwise() {
        for (word, shown) in [
            ("--config", "--config"),
            ("m/one.toml", "m/one.toml"),
            ("my files/one.toml", "'my files/one.toml'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
