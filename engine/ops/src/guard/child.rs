//! The command while it runs: its signals, its time, its orphans, and its exit code.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper,
    waitpid,
};
use tbengine_store::HeldLease;
use tokio::process;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::GuardRequest;
use super::exec::EXEC;
use super::gc::GcLoop;
use super::signals::{GuardSignal, GuardSignals};
use crate::error::Error;
use crate::front::{Front, Notice};
use crate::lease::processes::RUN_ID_VARIABLE;

/// What timeout(1) answers for a command that it ended.
const TIMED_OUT: u8 = 124;
/// After so many requests to end, the command is killed.
const MAX_STOP_REQUESTS: u32 = 3;

/// The command.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    pid: Pid,
    /// Whether it leads a group of its own, so that only we send it signals.
    own_group: bool,
}

impl Child {
    /// Starts it. What it leaves without a parent becomes ours.
    pub(super) fn start(
        request: &GuardRequest,
        command: &[OsString],
        environment: Vec<(String, Option<String>)>,
        held: &dyn HeldLease,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "start the command",
            source,
        };
        set_child_subreaper(Some(getpid())).map_err(|error| failed(error.into()))?;
        let mut starting = process::Command::new(&request.program);
        starting
            .arg(EXEC)
            .arg(getpid().as_raw_nonzero().to_string());
        starting.args(command);
        for (name, value) in environment {
            match value {
                Some(value) => starting.env(name, value),
                None => starting.env_remove(name),
            };
        }
        starting.env(RUN_ID_VARIABLE, &held.lease().id);
        // On a terminal it must be in the foreground group to read, and Ctrl-C and Ctrl-Z mean both of us.
        if !request.on_terminal {
            starting.process_group(0);
        }
        let process = starting.spawn().map_err(failed)?;
        let pid = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| failed(io::Error::other("no process id")))?;
        tracing::info!(pid = pid.as_raw_nonzero().get(), "the command runs");
        Ok(Self {
            process,
            pid,
            own_group: !request.on_terminal,
        })
    }

    /// Waits until it has ended, and returns its exit code as a shell would.
    pub(super) async fn wait(
        &mut self,
        request: &GuardRequest,
        mut gc: GcLoop<'_>,
        signals: &mut dyn GuardSignals,
        front: &mut dyn Front,
    ) -> u8 {
        let mut requests = 0;
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        let mut deadline = Instant::now() + request.timeout.unwrap_or(far);
        let mut timed_out = false;
        let mut children = signal(SignalKind::child()).ok();
        loop {
            tokio::select! {
                ended = self.process.wait() => {
                    let code = ended.map_or(1, code_of);
                    return if timed_out { TIMED_OUT } else { code };
                }
                received = signals.next() => {
                    requests += u32::from(received.ends());
                    self.forward(received, requests);
                }
                () = sleep_until(deadline) => {
                    let signal = if timed_out { Signal::KILL } else { Signal::TERM };
                    front.notice(Notice::TimeOver { killed: timed_out });
                    timed_out = true;
                    deadline = Instant::now() + request.kill_after;
                    self.send(signal);
                }
                () = one_more(children.as_mut()) => self.reap_orphans(),
                () = gc.next() => {}
            }
        }
    }

    /// Passes a signal on, unless the terminal has sent it to the command itself. The third request to end
    /// is the last.
    fn forward(&self, received: GuardSignal, requests: u32) {
        if received.ends() && requests >= MAX_STOP_REQUESTS {
            self.send(Signal::KILL);
        } else if self.own_group || !received.from_terminal {
            received
                .signal()
                .into_iter()
                .for_each(|signal| self.send(signal));
        }
    }

    fn send(&self, signal: Signal) {
        // It may have ended meanwhile.
        if self.own_group {
            kill_process_group(self.pid, signal).ok();
        } else {
            kill_process(self.pid, signal).ok();
        }
    }

    /// Collects children of the command that outlived their parents and have ended, as process 1 does.
    fn reap_orphans(&self) {
        for pid in children_of(getpid()) {
            if pid != self.pid {
                waitpid(Some(pid), WaitOptions::NOHANG).ok();
            }
        }
    }
}

async fn one_more(children: Option<&mut tokio::signal::unix::Signal>) {
    match children {
        Some(children) => drop(children.recv().await),
        None => std::future::pending().await,
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The children of a process, by what the kernel lists for each of its threads.
fn children_of(pid: Pid) -> Vec<Pid> {
    let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
    let tasks = std::fs::read_dir(tasks).into_iter().flatten();
    let lists =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let numbers: Vec<i32> = lists
        .flat_map(|list| {
            let numbers = list
                .split_whitespace()
                .filter_map(|number| number.parse().ok());
            numbers.collect::<Vec<i32>>()
        })
        .collect();
    numbers.into_iter().filter_map(Pid::from_raw).collect()
}
