//! What came of a run.

use tbengine_engine::apply::Halt;
use tbengine_engine::report::{Report, StepResult};
use tbengine_ops::RunEnd;
use tbengine_ops::config::Settings;
use tbengine_ops::config::settings::Source;

use super::console::Console;
use super::human::count;
use super::json::RunDocument;
use super::report::advise;
use super::span::{Tone, plain, toned};
use crate::app::App;
use crate::exit::Code;
use crate::signals::Signals;

/// Shows what came of a run, and returns the exit code that it is worth.
pub(crate) fn show(app: &mut App, end: &RunEnd, settings: &Settings, signals: &Signals) -> Code {
    let draft = &end.draft;
    let plan_code = Code::of_plan(&draft.plan, &draft.failures, draft.fault.as_ref());
    let code = match &end.report {
        // Nobody approved it, and nobody waits for an answer.
        None if !draft.is_refused() => return plan_code,
        None => plan_code,
        Some(report) => Code::of_run(report, plan_code, signals.first(), end.halt.as_ref()),
    };
    let came = RunDocument {
        plan: &draft.plan,
        failures: &draft.failures,
        report: end.report.as_ref(),
        fault: draft.fault.as_ref(),
        exit_code: code.number(),
    };
    app.out.show(app.global.output, &came);
    app.out.flush();
    let console = &app.console;
    if let Some(report) = &end.report {
        advise(console, report);
        if let Some(halt) = &end.halt {
            tell_halt(console, halt);
        }
        if end.is_recorded {
            tell_resumable(console, report, settings);
        }
    }
    code
}

fn tell_halt(console: &Console, halt: &Halt) {
    let hint = match halt {
        Halt::Journal(_) => {
            "nothing more was done once that was known; make room or mend the disk, then resume"
        }
        Halt::Lease(_) => "nothing more was done once that was known; see `tbengine history`",
    };
    console.error(&format!("the run was stopped: {halt}"), &[hint.into()]);
}

/// Says how to go on with what is left.
fn tell_resumable(console: &Console, report: &Report, settings: &Settings) {
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
        plain(format!(": {steps} can be done later: {command}")),
    ]);
}

/// The command that goes on with a run.
pub(crate) fn resume_command(run: &str, settings: &Settings) -> String {
    let mut command = format!("tbengine resume {run}");
    if let (Some(dir), Source::Flag) = (&settings.state_dir.value, settings.state_dir.source) {
        command.push_str(&format!(" --state-dir {}", dir.display()));
    }
    command
}
