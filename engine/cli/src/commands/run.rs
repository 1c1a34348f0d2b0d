//! `tbengine run`: applies a plan.

use tbengine_engine::apply::ErrorMode;
use tbengine_ops::{RunRequest, SavedPlan};

use super::plan;
use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::exit::{Code, Error};
use crate::output::{self, swept};
use crate::signals::Signals;

/// Makes a plan, or takes a saved one, and applies it.
pub(crate) fn run(app: &mut App, args: &RunArgs) -> Result<Code, Error> {
    if args.dry_run {
        let planned = plan::make(app, &args.scope, &args.policy, &args.guards)?;
        return Ok(plan::show(app, &planned));
    }
    let signals = app.hear_signals()?;
    run_hearing(app, args, &signals)
}

/// The same for a command that goes on afterwards, and hears signals itself then.
pub(super) fn run_hearing(app: &mut App, args: &RunArgs, signals: &Signals) -> Result<Code, Error> {
    let settings = app.settings(&args.policy, &args.guards, &args.retry);
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
    let code = output::run::show(app, &end, &settings, signals);
    Ok(match code {
        Code::Done => swept::code_of_left_over(&end.left_over),
        code => code,
    })
}

pub(super) fn error_mode(fail_fast: bool) -> ErrorMode {
    if fail_fast {
        ErrorMode::FailFast
    } else {
        ErrorMode::Aggregate
    }
}
