//! `tbengine guard`: runs a command, and deletes what it left behind whatever becomes of it.
//!
//! ```text
//! pre-clean ─► guard ─► report
//! ```
//!
//! - [`signals`]: the signals to it

mod signals;

use std::env::current_exe;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use tbengine_ops::guard::{GcSettings, GuardRequest, guard};
use tbengine_ops::lease::{SweepEnd, Wanted};

use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::args::lease::{GuardedArgs, kept_kinds};
use crate::exit::{Code, Error};
use crate::output::out::write_document;
use crate::output::swept;

use signals::Forwarded;

/// Runs a command under a lease.
pub(crate) fn run(app: &mut App, args: &GuardedArgs) -> Result<Code, Error> {
    let settings = app.settings(&args.policy, &args.safeguards, &args.retry);
    if args.pre_clean
        && !args.no_pre_clean
        && let code @ Code::Interrupted(_) = pre_clean(app, args)?
    {
        return Ok(code);
    }
    let mut signals = Forwarded::listen()?;
    let request = request(app, args)?;
    let (context, mut front) = app.front(true);
    let guarding = guard(context, &settings, request, &mut signals, &mut front);
    let end = block_on(guarding)?;
    drop(front);
    let in_background = "cleanup continues in the background";
    let Some(swept) = end.swept else {
        app.console.warning(in_background);
        return Ok(Code::Command(end.code));
    };
    swept::print_sweep(&app.console, app.global.verbose > 0, &swept);
    if end.in_background {
        let wait = format!("{in_background} once the backend can be reached again");
        app.console.warning(&wait);
    }
    if let Some(path) = &args.report {
        report(path, &swept)?;
    }
    Ok(match end.code {
        0 => swept::code(&swept),
        code => Code::Command(code),
    })
}

/// What `run` would do with the same arguments. What it could not do does not keep the command from
/// running.
fn pre_clean(app: &mut App, args: &GuardedArgs) -> Result<Code, Error> {
    let run = RunArgs {
        scope: args.scope.clone(),
        policy: args.policy.clone(),
        safeguards: args.safeguards.clone(),
        retry: args.retry.clone(),
        plan: None,
        dry_run: false,
        fail_fast: false,
        yes: true,
        no_journal: false,
        // They are named, and the command starts anyway.
        allow_quarantined: true,
    };
    // The standard output is the command's.
    let signals = app.hear_signals()?;
    let cleaned = app.with_output_on_stderr(|app| super::run::run_hearing(app, &run, &signals));
    signals.hand_over();
    let code = cleaned?;
    if !matches!(code, Code::Done) {
        let number = code.number();
        app.console.warning(&format!(
            "the cleanup before the command ended with exit code {number}"
        ));
    }
    Ok(code)
}

fn request(app: &App, args: &GuardedArgs) -> Result<GuardRequest, Error> {
    let program = current_exe().map_err(|source| Error::start("start the reaper", source))?;
    Ok(GuardRequest {
        command: args.command.clone(),
        wanted: Wanted {
            id: args.run_id.clone(),
            backends: args.scope.backend.clone(),
            kept_kinds: kept_kinds(args.no_images),
            own: args.own.own.into(),
            job_dirs: args.own.job_dir.clone(),
            ..Wanted::default()
        },
        settle_time: args.settle_time.after.0,
        timeout: args.timeout.map(|timeout| timeout.0),
        kill_after: args.kill_after.0,
        gc: GcSettings {
            interval: args.gc_interval.0,
            after: args.gc_after.0,
        },
        labels: !args.no_docker_labels,
        on_terminal: io::stdin().is_terminal()
            || io::stdout().is_terminal()
            || io::stderr().is_terminal(),
        program,
        program_options: app.global.to_arguments(),
    })
}

fn report(path: &Path, ended: &SweepEnd) -> Result<(), Error> {
    let write = || write_document(&mut std::fs::File::create(path)?, ended);
    write().map_err(|source| Error::write(path, source))
}
