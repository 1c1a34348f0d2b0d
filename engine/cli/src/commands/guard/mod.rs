//! `tbengine guard`: runs a command, and deletes what it left behind whatever becomes of it.
//!
//! ```text
//! pre-clean ─► baseline, lease ─► reaper ─► command ─► sweep, second look ─► report
//! ```
//!
//! The reaper is a `tbengine lease hold` in a session of its own. It shares the lease's lock, and sees by
//! a socket that this process is gone; then it does what this one would have done. Where both are gone,
//! so is the lock, and the next `tbengine run` finds the lease over.
//!
//! - [`reaper`]: the process that outlives this one
//! - [`labels`]: labelling what the command makes in Docker
//! - [`exec`]: becomes the command
//! - [`command`]: the command while it runs
//! - [`signals`]: what it is told
//! - [`tidy`]: removing units that are over while it runs

mod command;
pub(crate) mod exec;
mod labels;
mod reaper;
mod signals;
mod tidy;

use std::ffi::OsString;
use std::path::Path;

use tbengine_engine::apply::Control;
use tbengine_store::HeldLease;
use tokio_util::sync::CancellationToken;

use crate::app::{App, block_on};
use crate::args::RunArgs;
use crate::args::lease::GuardedArgs;
use crate::exit::{Code, Error};
use crate::output::out::write_document;
use crate::output::swept;
use tbengine_ops::config::Settings;
use tbengine_ops::lease::{Passes, SweepEnd, Wanted, end, sweep_those_over, take};

use command::Command;
use labels::Labels;
use reaper::Reaper;
use signals::Forwarded;

/// What in an argument stands for the id of the run.
const PLACEHOLDER: &str = "{TBENGINE_RUN_ID}";

/// Runs a command under a lease.
pub(crate) fn run(app: &mut App, args: &GuardedArgs) -> Result<Code, Error> {
    let settings = app.settings(&args.policy, &args.guards, &args.retry);
    if args.pre_clean
        && !args.no_pre_clean
        && let code @ Code::Interrupted(_) = pre_clean(app, args)?
    {
        return Ok(code);
    }
    let mut signals = Forwarded::listen()?;
    block_on(async {
        let control = Control::default();
        let (context, mut front) = app.front(true);
        let backends = &args.scope.backend;
        sweep_those_over(context, &settings, backends, &mut front, &control).await?;
        drop(front);
        let mut held = take(&app.context, &settings, wanted(args)).await?;
        let mut reaper = match Reaper::start(app, args, &*held) {
            Ok(reaper) => reaper,
            Err(error) => {
                // Nothing was started under it.
                held.end(app.context.world.again().now).await?;
                return Err(error);
            }
        };
        let labels = Labels::start(app, args, &*held).await;
        let mut command = Command::start(&*held, &filled(args, &*held), labels.environment(app))?;
        let code = command
            .wait(app, &settings, args, &*held, &mut signals)
            .await;
        let looks = Passes {
            once: labels.are_all_that_can_come(&*held),
            ..Passes::again_after(args.second_look.after.0)
        };
        let ended = clean_up(app, &settings, looks, &mut *held, &mut signals).await;
        match ended {
            Some(ended) => {
                reaper.done();
                let ended = ended?;
                swept::tell(&app.console, app.global.verbose > 0, &ended);
                if let Some(path) = &args.report {
                    report(path, &ended)?;
                }
                Ok(match code {
                    0 => swept::code(&ended),
                    code => Code::Command(code),
                })
            }
            None => {
                app.console.warning("cleaning up goes on in the background");
                Ok(Code::Command(code))
            }
        }
    })
}

/// What `run` would do with the same arguments. What it could not do does not keep the command from
/// running.
fn pre_clean(app: &mut App, args: &GuardedArgs) -> Result<Code, Error> {
    let run = RunArgs {
        scope: args.scope.clone(),
        policy: args.policy.clone(),
        guards: args.guards.clone(),
        retry: args.retry.clone(),
        plan: None,
        dry_run: false,
        fail_fast: false,
        yes: true,
        no_journal: false,
    };
    // The standard output is the command's.
    let signals = app.hear_signals()?;
    let cleaned = app.with_output_on_stderr(|app| super::run::run_hearing(app, &run, &signals));
    signals.hand_over();
    let code = cleaned?;
    if !matches!(code, Code::Done) {
        let number = code.number();
        app.console
            .warning(&format!("cleaning up first ended with exit code {number}"));
    }
    Ok(code)
}

fn wanted(args: &GuardedArgs) -> Wanted {
    let program = args.command.first();
    let program = program.map(|program| Path::new(program).file_name().unwrap_or(program));
    Wanted {
        id: args.run_id.clone(),
        backends: args.scope.backend.clone(),
        own: args.own.own.into(),
        job_dirs: args.own.job_dir.iter().map(|path| absolute(path)).collect(),
        program: program.map(|program| program.to_string_lossy().into_owned()),
        ..Wanted::default()
    }
}

fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The command with the id of the run in place of what stands for it. Arguments that are no UTF-8 are
/// left as they are.
fn filled(args: &GuardedArgs, held: &dyn HeldLease) -> Vec<OsString> {
    let id = &held.lease().id;
    let fill = |argument: &OsString| match argument.to_str() {
        Some(text) if text.contains(PLACEHOLDER) => text.replace(PLACEHOLDER, id).into(),
        _ => argument.clone(),
    };
    args.command.iter().map(fill).collect()
}

/// Deletes what the command left behind. The first signal to end is only noted, since this is the end;
/// with the second the rest is left to the reaper, and the answer is `None`.
async fn clean_up(
    app: &App,
    settings: &Settings,
    looks: Passes,
    held: &mut dyn HeldLease,
    signals: &mut Forwarded,
) -> Option<Result<SweepEnd, Error>> {
    let control = Control {
        stop: CancellationToken::new(),
        abort: CancellationToken::new(),
    };
    let ending = end(&app.context, settings, held, looks, &control);
    tokio::pin!(ending);
    let mut told = false;
    loop {
        tokio::select! {
            ended = &mut ending => return Some(ended.map_err(Error::from)),
            heard = signals.next() => {
                if !heard.ends() {
                    continue;
                }
                if told {
                    return None;
                }
                told = true;
                app.console.warning("cleaning up; once more leaves it to the background");
            }
        }
    }
}

fn report(path: &Path, ended: &SweepEnd) -> Result<(), Error> {
    let write = || write_document(&mut std::fs::File::create(path)?, ended);
    write().map_err(|source| Error::write(path, source))
}
