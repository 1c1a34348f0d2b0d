//! `tbengine run`: applies a plan.

use std::borrow::Cow;

use tbengine_engine::apply::ErrorMode;
use tbengine_engine::discover::ListFailure;
use tbengine_ops::{RunEnd, RunRequest, SavedPlan};

use super::plan;
use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::exit::{self, Code, Error};
use crate::output::json::RunDocument;
use crate::output::report::advise;
use crate::output::run::{parked, print_halt, print_quarantined, print_resume_hint};
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
    if end.report.is_none() && !draft.is_refused() {
        // Nobody approved it, and nobody waits for an answer.
        return code_of_plan(end);
    }
    let code_of = |end: &RunEnd| {
        let plan_code = code_of_plan(end);
        match &end.report {
            None => plan_code,
            Some(report) => Code::of_run(report, plan_code, signals.first(), end.halt.as_ref()),
        }
    };
    let ends = || end.all();
    // A plan and its report can be large, and mostly there is one of each.
    let (mut plan, mut report) = (
        Cow::Borrowed(&draft.plan),
        end.report.as_ref().map(Cow::Borrowed),
    );
    for later in ends().skip(1) {
        plan = Cow::Owned(plan.into_owned().followed_by(&later.draft.plan));
        report = match (report, &later.report) {
            (Some(first), Some(later)) => Some(Cow::Owned(first.into_owned().followed_by(later))),
            (first, _) => first,
        };
    }
    let failed = end.later_error.as_ref().map_or(Code::Done, exit::code_of);
    let code = ends().map(code_of).fold(failed, Code::or_worse);
    let parked = parked(&plan);
    let code = match code {
        Code::Done if !parked.is_empty() && !allow_quarantined => Code::Failed,
        Code::Done => swept::code_of_left_over(&end.left_over),
        code => code,
    };
    let failures = ends().flat_map(|end| end.draft.failures.iter().cloned());
    let failures: Vec<ListFailure> = failures.collect();
    let came = RunDocument {
        plan: &plan,
        failures: &failures,
        report: report.as_deref(),
        sweeps: swept::ends(&end.left_over).collect(),
        fault: ends().find_map(|end| end.draft.fault.as_ref()),
        exit_code: code.number(),
    };
    app.out.show(app.global.output, &came);
    app.out.flush();
    let console = &app.console;
    print_quarantined(console, &parked);
    for end in ends() {
        let Some(report) = &end.report else {
            continue;
        };
        advise(console, report);
        if let Some(halt) = &end.halt {
            print_halt(console, halt);
        }
        if end.is_recorded {
            print_resume_hint(console, report, &app.global);
        }
    }
    if let Some(error) = &end.later_error {
        let what = "what was listed later was not cleaned up";
        console.error(
            &format!("{what}: {}", exit::text(error)),
            &exit::hints(error),
        );
    }
    code
}

fn code_of_plan(end: &RunEnd) -> Code {
    let draft = &end.draft;
    Code::of_plan(&draft.plan, &draft.failures, draft.fault.as_ref())
}

pub(super) fn error_mode(fail_fast: bool) -> ErrorMode {
    if fail_fast {
        ErrorMode::FailFast
    } else {
        ErrorMode::Aggregate
    }
}
