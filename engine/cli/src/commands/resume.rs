//! `tbengine resume`: finishes a run that was cut short.

use tbengine_ops::{ResumeRequest, Resumed};

use super::run::{self, error_mode};
use crate::app::{App, block_on};
use crate::args::ResumeArgs;
use crate::args::tuning::PolicyArgs;
use crate::exit::{Code, Error};
use crate::output::swept;

/// Finishes a run.
pub(crate) fn run(app: &mut App, args: &ResumeArgs) -> Result<Code, Error> {
    let signals = app.hear_signals()?;
    let settings = app.settings(&PolicyArgs::default(), &args.safeguards, &args.retry);
    let request = ResumeRequest {
        run: args.run.clone(),
        replan: args.replan,
        error_mode: error_mode(args.fail_fast),
    };
    let (context, mut front) = app.front(args.yes);
    let resuming = tbengine_ops::resume(context, &settings, request, &mut front, &signals.control);
    let end = block_on(resuming)?;
    drop(front);
    let left_over = swept::code_of_left_over(&end.left_over);
    let code = match &end.resumed {
        Resumed::Nothing => {
            if left_over == Code::Done {
                app.console.warning("no run to resume");
            }
            Code::Done
        }
        Resumed::Finished(run) => {
            app.console
                .warning(&format!("run {run} is finished; nothing to resume"));
            Code::Done
        }
        Resumed::LeaseEnded(lease) => {
            app.console
                .warning(&format!("lease {lease} has ended meanwhile"));
            Code::Done
        }
        Resumed::Swept(end) => {
            swept::print_sweep(&app.console, app.global.verbose > 0, end);
            swept::code(end)
        }
        Resumed::Ran(end) => run::show(app, end, args.allow_quarantined, &signals),
    };
    // A lease that could not be swept is not forgotten for what else was done.
    Ok(match code {
        Code::Done => left_over,
        code => code,
    })
}
