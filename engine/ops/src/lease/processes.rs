//! What still runs under a lease: processes that carry its id in their environment, regardless of their parent
//! is by now.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};

/// The variable that names the lease that a process runs under.
pub const RUN_ID_VARIABLE: &str = "TBENGINE_RUN_ID";

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// After this many rounds of killing, what still forks is left to the next sweep.
const MAX_KILL_ROUNDS: u32 = 20;

/// Ends everything that runs under a lease: asks first, and kills what is left after `grace`. Returns how
/// many processes there were, and how many are left.
pub async fn end(id: &str, grace: Duration) -> (usize, usize) {
    let first = find(id);
    let number = first.len();
    for process in &first {
        process.send(Signal::TERM);
        // What was stopped would not hear it.
        process.send(Signal::CONT);
    }
    let deadline = Instant::now() + grace;
    while !find(id).is_empty() && Instant::now() < deadline {
        sleep(POLL_INTERVAL).await;
    }
    for _ in 0..MAX_KILL_ROUNDS {
        let left = find(id);
        if left.is_empty() {
            return (number, 0);
        }
        for process in left {
            process.send(Signal::KILL);
        }
        sleep(POLL_INTERVAL).await;
    }
    (number, find(id).len())
}

/// A process, held so that its number cannot come to mean another.
struct Process(OwnedFd);

impl Process {
    fn send(&self, signal: Signal) {
        // It may be gone, which is what is wanted.
        pidfd_send_signal(&self.0, signal).ok();
    }
}

/// The processes that carry the id, but for this one.
fn find(id: &str) -> Vec<Process> {
    let mark = format!("{RUN_ID_VARIABLE}={id}");
    let own = std::process::id().cast_signed();
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number| *number != own && is_marked(*number, mark.as_bytes()))
        .filter_map(|number| {
            let process = pidfd_open(Pid::from_raw(number)?, PidfdFlags::empty()).ok()?;
            // Between the look and the handle the number may have changed its owner.
            is_marked(number, mark.as_bytes()).then_some(Process(process))
        })
        .collect()
}

/// Whether a process began with this variable. Those of other users cannot be looked at.
fn is_marked(number: i32, mark: &[u8]) -> bool {
    let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == mark)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn what_carries_the_id_is_ended_and_nothing_else() {
        let start = |id: &str, script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).env(RUN_ID_VARIABLE, id);
            command.spawn().unwrap()
        };
        let mut obedient = start("processes-a", "sleep 1000; true");
        let mut deaf = start("processes-a", "trap '' TERM; while :; do sleep 1; done");
        let mut foreign = start("processes-ab", "sleep 1000; true");
        // Both are past their shell's start, so that the trap is set.
        sleep(Duration::from_millis(200)).await;
        let (_, left) = end("processes-a", Duration::from_millis(300)).await;
        assert_eq!(left, 0);
        assert_eq!(obedient.wait().unwrap().signal(), Some(15));
        assert_eq!(deaf.wait().unwrap().signal(), Some(9));
        assert!(foreign.try_wait().unwrap().is_none());
        end("processes-ab", Duration::ZERO).await;
        foreign.wait().unwrap();
    }
}
