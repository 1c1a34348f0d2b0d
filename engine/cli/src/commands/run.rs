//! `tbengine run`: applies a plan.

use tbengine_engine::apply::ErrorMode;
use tbengine_ops::{RunEnd, RunRequest, SavedPlan};

use super::plan;
use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::exit::{Code, Error};
use crate::output::json::RunDocument;
use crate::output::report::advise;
use crate::output::run::{parked, print_halt, print_resume_hint, tell_parked};
use crate::output::swept;
use crate::signals::Signals;

/// Makes a plan, or takes a saved one, and applies it.
pub(crate) fn run(app: &mut App, args: &RunArgs) -> Result<Code, Error> {
    if args.dry_run {
        let made = plan::make(app, &args.scope, &args.policy, &args.safeguards)?;
        return Ok(plan::show(app, &made));
    }
    let signals = app.hear_signals()?;
    run_hearing(app, args, &signals)
}

/// The same for a command that goes on afterwards, and hears signals itself then.
pub(super) fn run_hearing(app: &mut App, args: &RunArgs, signals: &Signals) -> Result<Code, Error> {
    let settings = app.settings(&args.policy, &args.safeguards, &args.retry);
    let saved = args.plan.as_deref().map(|path| {
        Ok::<_, Error>(SavedPlan {
            path: path.to_owned(),
            plan: plan::read(path)?,
        })
    });
    let request = RunRequest {
        scope: args.scope.scope(),
        saved: saved.transpose()?,
        error_mode: error_mode(args.fail_fast),
        no_journal: args.no_journal,
    };
    let (context, mut front) = app.front(args.yes);
    let running = tbengine_ops::run(context, &settings, request, &mut front, &signals.control);
    let end = block_on(running)?;
    drop(front);
    Ok(show(app, &end, args.allow_quarantined, signals))
}

/// Shows what came of a run, and returns the exit code that it is worth.
pub(super) fn show(
    app: &mut App,
    end: &RunEnd,
    allow_quarantined: bool,
    signals: &Signals,
) -> Code {
    let draft = &end.draft;
    let plan_code = Code::of_plan(&draft.plan, &draft.failures, draft.fault.as_ref());
    let code = match &end.report {
        // Nobody approved it, and nobody waits for an answer.
        None if !draft.is_refused() => return plan_code,
        None => plan_code,
        Some(report) => Code::of_run(report, plan_code, signals.first(), end.halt.as_ref()),
    };
    let parked = parked(&draft.plan);
    let code = match code {
        Code::Done if !parked.is_empty() && !allow_quarantined => Code::Failed,
        Code::Done => swept::code_of_left_over(&end.left_over),
        code => code,
    };
    let came = RunDocument {
        plan: &draft.plan,
        failures: &draft.failures,
        report: end.report.as_ref(),
        sweeps: swept::ends(&end.left_over).collect(),
        fault: draft.fault.as_ref(),
        exit_code: code.number(),
    };
    app.out.show(app.global.output, &came);
    app.out.flush();
    let console = &app.console;
    tell_parked(console, &parked);
    if let Some(report) = &end.report {
        advise(console, report);
        if let Some(halt) = &end.halt {
            print_halt(console, halt);
        }
        if end.is_recorded {
            print_resume_hint(console, report, &app.global);
        }
    }
    code
}

pub(super) fn error_mode(fail_fast: bool) -> ErrorMode {
    if fail_fast {
        ErrorMode::FailFast
    } else {
        ErrorMode::Aggregate
    }
}
