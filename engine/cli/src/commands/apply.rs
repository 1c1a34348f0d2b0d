//! What `run` and `resume` have in common: the journal, carrying a plan out, the report.

use tbengine_engine::Engine;
use tbengine_engine::apply::Halt;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::Plan;
use tbengine_engine::policy::Fault;
use tbengine_engine::report::{Report, StepResult};
use tbengine_store::journal::{Journal, StateDir, prune};

use crate::app::App;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::json::RunDocument;
use crate::output::span::{Tone, plain, toned};
use crate::output::watcher::Watcher;
use crate::signals::Signals;
use tbengine_ops::config::Settings;
use tbengine_ops::config::settings::Source;
use tbengine_ops::facts::existing_state;
use tbengine_ops::policies::Chosen;

/// A plan on its way to being applied.
pub(super) struct Approved {
    pub(super) plan: Plan,
    pub(super) failures: Vec<ListFailure>,
    pub(super) fault: Option<Fault>,
}

impl Approved {
    pub(super) fn code(&self) -> Code {
        Code::of_plan(&self.plan, &self.failures, self.fault.as_ref())
    }
}

/// The state directory, made where it does not exist.
pub(super) fn state(settings: &Settings) -> Result<StateDir, Error> {
    match &settings.state_dir.value {
        Some(path) => Ok(StateDir::create(path)?),
        None => Err(Error::config(
            "there is no directory to record runs in, because HOME is not set",
        )
        .hint("name one with --state-dir")
        .hint("--no-journal runs without a record, where none can be kept")),
    }
}

/// Carries a plan out and reports.
pub(super) async fn carry_out(
    app: &mut App,
    engine: &Engine,
    approved: &Approved,
    chosen: &Chosen,
    journal: Option<Journal>,
    signals: &Signals,
    settings: &Settings,
) -> Code {
    let plan_code = approved.code();
    let mut watcher = watcher(app);
    let mut see = |event: &_| watcher.see(event);
    let plan = approved.plan.clone();
    let (policy, control) = (&chosen.policy, &signals.control);
    let ledger = journal.as_ref().map(Journal::ledger);
    let report = engine
        .apply(plan, policy, control, ledger.as_ref(), &mut see)
        .await;
    let halt = journal.as_ref().and_then(Journal::halted);
    let code = Code::of_run(&report, plan_code, signals.first(), halt);
    show(app, approved, Some(&report), code);
    if let Some(halt) = halt {
        tell_halt(app, halt);
    }
    if journal.is_some() {
        tell_resumable(app, &report, settings);
        forget_old_runs(app, settings);
    }
    code
}

pub(super) fn watcher(app: &mut App) -> Watcher<'_> {
    let stream = app.global.output == Format::Jsonl;
    Watcher::new(
        &mut app.out,
        app.console.clone(),
        stream,
        app.global.verbose > 0,
    )
}

/// Shows what came of a plan.
pub(super) fn show(app: &mut App, approved: &Approved, report: Option<&Report>, code: Code) {
    let came = RunDocument {
        plan: &approved.plan,
        failures: &approved.failures,
        report,
        fault: approved.fault.as_ref(),
        exit_code: code.number(),
    };
    app.out.show(app.global.output, &came);
    app.out.flush();
    if let Some(report) = report {
        crate::output::report::advise(&app.console, report);
    }
}

/// Forgets runs that are long over. That this fails is no fault of the run.
fn forget_old_runs(app: &App, settings: &Settings) {
    let kept = settings.keep.value;
    if kept.is_zero() {
        return;
    }
    let before = app.context.world.now.minus(kept);
    let pruned = existing_state(settings).and_then(|state| match state {
        Some(state) => prune(&state, &app.context.world.host, before),
        None => Ok(0),
    });
    match pruned {
        Ok(pruned) => tracing::debug!(pruned, "forgot old runs"),
        Err(error) => tracing::warn!(%error, "old runs cannot be forgotten"),
    }
}

fn tell_halt(app: &App, halt: &Halt) {
    let hint = match halt {
        Halt::Journal(_) => {
            "nothing more was done once that was known; make room or mend the disk, then resume"
        }
        Halt::Lease(_) => "nothing more was done once that was known; see `tbengine history`",
    };
    app.console
        .error(&format!("the run was stopped: {halt}"), &[hint.into()]);
}

/// Says how to go on with what is left.
fn tell_resumable(app: &App, report: &Report, settings: &Settings) {
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
    let steps = crate::output::human::count(left, "step");
    app.console.line(&[
        toned(Tone::Good, "hint"),
        plain(format!(": {steps} can be done later: {command}")),
    ]);
}

/// The command that goes on with a run.
pub(super) fn resume_command(run: &str, settings: &Settings) -> String {
    let mut command = format!("tbengine resume {run}");
    if let (Some(dir), Source::Flag) = (&settings.state_dir.value, settings.state_dir.source) {
        command.push_str(&format!(" --state-dir {}", dir.display()));
    }
    command
}
