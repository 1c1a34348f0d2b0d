//! What a guard is: a command runs under a lease, and what it left behind is deleted whatever becomes of it.
//!
//! ```text
//! baseline, lease ─► reaper ─► command ─► sweep, second sweep
//! ```
//!
//! The reaper is a `lease hold` of the same program in a session of its own. It shares the lease's lock, and
//! sees by a socket that this process is gone; then it does what this one would have done. Where both are gone,
//! so is the lock, and the next run finds the lease over.
//!
//! - `reaper`: starting the process that outlives this one
//! - [`keeper`]: what that does
//! - [`program`]: whether a program does that
//! - `observe`: labelling what the command creates
//! - [`part`]: what the processes are for that it starts
//! - [`exec`]: becomes the command
//! - `child`: the command while it runs
//! - [`signals`]: the signals to it
//! - [`gc`]: removing finished units while it runs

mod child;
pub mod exec;
pub mod gc;
pub mod keeper;
mod observe;
pub mod part;
pub mod program;
mod reaper;
pub mod signals;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tbengine_engine::apply::Control;
use tbengine_engine::discover::ListFailure;
use tbengine_store::HeldLease;
use tokio::sync::mpsc;

use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice};
use crate::lease::end::end_reporting;
use crate::lease::{Passes, SweepEnd, Wanted, sweep_expired_leases, take};

use child::Child;
use gc::GcLoop;
pub use gc::GcSettings;
use observe::Labels;
pub use part::Part;
use reaper::Reaper;
pub use signals::{GuardSignal, GuardSignals, NoSignals};

/// What in an argument stands for the id of the run.
const PLACEHOLDER: &str = "{TBENGINE_RUN_ID}";
/// How long a command may take to end after the request to stop, unless set otherwise.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// What is to be guarded.
#[derive(Clone, Debug)]
pub struct GuardRequest {
    /// The command and its arguments. In each of them, what stands for the id of the run is replaced.
    pub command: Vec<OsString>,
    /// The lease. Its program is the command, and relative paths are made absolute.
    pub wanted: Wanted,
    /// How long to wait, once the command has ended, before looking once more.
    pub settle_time: Duration,
    /// The command is asked to stop after this long.
    pub timeout: Option<Duration>,
    /// Grace period between SIGTERM and SIGKILL.
    pub kill_after: Duration,
    /// When finished units are removed while the command runs.
    pub gc: GcSettings,
    /// Whether what the command creates is to get the label of the run by itself, where it can.
    pub labels: bool,
    /// Whether this process has a terminal. Then the command stays in its group, to read from it.
    pub on_terminal: bool,
    /// This program. It asks [`Part::requested`] first of all, or answers to the arguments of each part itself.
    pub program: PathBuf,
    /// Options of its `lease hold`, which say where configuration and state lie.
    pub program_options: Vec<OsString>,
}

impl GuardRequest {
    /// A command with its arguments, whose program is this one. What it creates in any backend of the configuration
    /// is deleted.
    pub fn new(program: PathBuf, command: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            command: command.into_iter().collect(),
            wanted: Wanted::default(),
            settle_time: Passes::default().again_after,
            timeout: None,
            kill_after: KILL_AFTER,
            gc: GcSettings::default(),
            labels: true,
            on_terminal: false,
            program,
            program_options: Vec::new(),
        }
    }

    fn wanted(&self) -> Wanted {
        let program = self.command.first();
        let program = program.map(|program| Path::new(program).file_name().unwrap_or(program));
        let job_dirs = self.wanted.job_dirs.iter();
        Wanted {
            job_dirs: job_dirs.map(|path| absolute(path)).collect(),
            program: program.map(|program| program.to_string_lossy().into_owned()),
            ..self.wanted.clone()
        }
    }

    /// The command with the id of the run in place of its placeholder. Arguments that are not UTF-8 are
    /// left as they are.
    fn filled(&self, id: &str) -> Vec<OsString> {
        let fill = |argument: &OsString| match argument.to_str() {
            Some(text) if text.contains(PLACEHOLDER) => text.replace(PLACEHOLDER, id).into(),
            _ => argument.clone(),
        };
        self.command.iter().map(fill).collect()
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// How a guard ended.
#[derive(Debug)]
pub struct GuardEnd {
    /// The exit code of the command, as a shell would have it.
    pub code: u8,
    /// What became of what it left behind, as far as it went; `None` if a signal left it to the background.
    pub swept: Option<SweepEnd>,
    /// Whether the cleanup goes on in the background.
    pub in_background: bool,
}

/// Sweeps expired leases, and runs a command under a lease.
///
/// The command is asked to stop when the thread that polls this ends, so that is to be one that lives as long as the
/// process, like the main thread with a runtime of one thread. This process adopts orphans of the command.
///
/// # Errors
/// Why nothing was started, or what it left behind could not be swept at all.
pub async fn guard(
    context: &Context,
    settings: &Settings,
    request: GuardRequest,
    signals: &mut dyn GuardSignals,
    front: &mut dyn Front,
) -> Result<GuardEnd, Error> {
    let asked = context.world.variable(program::ASKED_VARIABLE).is_some();
    program::check(&request.program, asked)
        .map_err(|source| Error::start("start the reaper", source))?;
    let control = Control::default();
    let backends = &request.wanted.backends;
    sweep_expired_leases(context, settings, backends, front, &control).await?;
    let mut held = take(context, settings, request.wanted()).await?;
    let mut reaper = match Reaper::start(&request, &*held) {
        Ok(reaper) => reaper,
        Err(error) => {
            // Nothing was started under it.
            held.end(context.world.refresh().now).await?;
            return Err(error);
        }
    };
    let labels = match request.labels {
        true => Labels::start(context, &*held, front).await,
        false => Labels::default(),
    };
    let command = request.filled(&held.lease().id);
    let mut child = Child::start(&request, &command, labels.environment(context), &*held)?;
    let gc = GcLoop::new(context, settings, &*held, request.gc);
    let code = child.wait(&request, gc, signals, front).await;
    let passes = Passes {
        once: labels.are_all_that_can_come(&*held),
        ..Passes::again_after(request.settle_time)
    };
    let passes = passes.waiting(settings.outage_deadline.value);
    let ended = clean_up(context, settings, passes, &mut *held, signals, front).await;
    // Where a backend is still unreachable, or nothing could be swept at all, the reaper keeps running.
    let is_done = |end: &SweepEnd| end.ended || !end.is_unreachable;
    let in_background = !matches!(&ended, Some(Ok(end)) if is_done(end));
    if !in_background {
        reaper.done();
    }
    Ok(GuardEnd {
        code,
        swept: ended.transpose()?,
        in_background,
    })
}

/// Deletes what the command left behind. The first signal to end is only noted, since this is the end;
/// with the second the rest is left to the reaper, and the answer is `None`.
async fn clean_up(
    context: &Context,
    settings: &Settings,
    passes: Passes,
    held: &mut dyn HeldLease,
    signals: &mut dyn GuardSignals,
    front: &mut dyn Front,
) -> Option<Result<SweepEnd, Error>> {
    let control = Control::default();
    let (send, mut outages) = mpsc::unbounded_channel();
    let on_outage = |failures: &[ListFailure]| drop(send.send(failures.to_vec()));
    let ending = end_reporting(context, settings, held, passes, &control, &on_outage);
    tokio::pin!(ending);
    let mut is_reported = false;
    loop {
        tokio::select! {
            ended = &mut ending => return Some(ended),
            Some(failures) = outages.recv() => front.notice(Notice::Unreachable {
                failures: &failures,
                wait: passes.outage,
            }),
            signal = signals.next() => {
                if !signal.ends() {
                    continue;
                }
                if is_reported {
                    return None;
                }
                is_reported = true;
                front.notice(Notice::CleaningUp);
            }
        }
    }
}
