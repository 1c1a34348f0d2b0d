//! A job under `tbengine guard`.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tbengine_harness::processes::keepers;

use super::api::Api;
use super::program::Program;

/// A job under `tbengine guard`. Dropping it kills the guard and its reaper, as a machine does that is switched off: the
/// lease has expired, and nothing was cleaned up.
pub struct Guarded {
    /// The daemon as the job finds it: what it creates there is labelled.
    pub api: Api,
    guard: Child,
    lease: String,
}

/// Writes where the daemon is to be found, and the lease; then it waits until no process holds the other end of its standard
/// input, so that neither it nor the guard outlives this process.
const JOB: &str = r#"printf '%s\n%s\n' "$DOCKER_HOST" "$TBENGINE_RUN_ID" >"$0.new" && mv "$0.new" "$0" && exec cat >/dev/null"#;
const PATIENCE: Duration = Duration::from_secs(30);

impl Guarded {
    /// Starts a guard, and waits until its job runs.
    ///
    /// # Errors
    /// If it does not.
    pub fn start(program: &Program, name: &str) -> Result<Self, String> {
        let file = program.home().join(name);
        let file_name = file.display().to_string();
        let words = ["guard", "--gc-interval", "1h", "--", "sh", "-c", JOB];
        let mut arguments: Vec<String> = words.map(str::to_owned).into();
        arguments.push(file_name);
        let mut command = program.command(&arguments);
        let mut guard = command
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let deadline = Instant::now() + PATIENCE;
        let text = loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                break text;
            }
            if let Ok(Some(status)) = guard.try_wait() {
                return Err(status.to_string());
            }
            if Instant::now() > deadline {
                guard.kill().ok();
                guard.wait().ok();
                return Err("it did not start its command".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut lines = text.lines();
        let host = lines.next().unwrap_or_default();
        let socket = host.strip_prefix("unix://").unwrap_or(host).to_owned();
        let lease = lines.next().unwrap_or_default().to_owned();
        Ok(Self {
            api: Api::new(socket),
            guard,
            lease,
        })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // The reaper first, which would clean up after the guard.
        for keeper in keepers(&self.lease) {
            kill_process(keeper, Signal::KILL).ok();
        }
        kill_process_group(Pid::from_child(&self.guard), Signal::KILL).ok();
        // With its other end the job ends as well.
        self.guard.stdin = None;
        self.guard.wait().ok();
    }
}
