//! What came of a run.

use tbengine_engine::apply::Halt;
use tbengine_engine::report::{Report, StepResult};
use tbengine_ops::config::Settings;
use tbengine_ops::config::settings::Source;

use super::console::Console;
use super::human::count;
use super::span::{Tone, plain, toned};

/// Says why the journal stopped a run.
pub(crate) fn print_halt(console: &Console, halt: &Halt) {
    let hint = match halt {
        Halt::Journal(_) => "the run stopped there; free disk space, then resume",
        Halt::Lock(_) => "the run stopped there; see `tbengine history`",
    };
    console.error(&format!("the run was stopped: {halt}"), &[hint.into()]);
}

/// Says how to go on with what is left.
pub(crate) fn print_resume_hint(console: &Console, report: &Report, settings: &Settings) {
    let is_left = |result| matches!(result, StepResult::Cancelled | StepResult::Deferred);
    let left = report
        .outcomes
        .iter()
        .filter(|one| is_left(one.result))
        .count();
    if left == 0 {
        return;
    }
    let command = resume_command(&report.run, settings);
    let steps = count(left, "step");
    console.line(&[
        toned(Tone::Good, "hint"),
        plain(format!(": {steps} left; continue with: {command}")),
    ]);
}

/// The command that resumes a run.
pub(crate) fn resume_command(run: &str, settings: &Settings) -> String {
    let mut command = format!("tbengine resume {run}");
    if let (Some(dir), Source::Flag) = (&settings.state_dir.value, settings.state_dir.source) {
        command.push_str(&format!(" --state-dir {}", dir.display()));
    }
    command
}
