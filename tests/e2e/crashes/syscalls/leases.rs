//! Leases, and commands under one.

use tbengine_harness::processes::keepers;
use tbengine_harness::{Home, eventually};

use super::subject::{Came, Subject, succeeds};
use crate::crashes::point::STATE;

/// `lease acquire`: there is none.
pub(super) struct Acquire;

/// `lease release`: of one that is live.
pub(super) struct Release;

/// `guard`: of a command that says that it was started.
pub(super) struct Guard;

/// A unit of the simulated host.
const LABEL: &str = "com.docker.compose.project=fix-git__lkrbube__env";
const ACQUIRE: [&str; 8] = [
    "lease", "acquire", "--run-id", "ours", "--ttl", "1h", "--label", LABEL,
];
const RELEASE: [&str; 3] = ["lease", "release", "ours"];
/// The lease of the guard. Its end ends every process of this host under a lease of that name.
const GUARDED: &str = "guarded";
/// The file that the guarded command makes.
const STARTED: &str = "started";

impl Subject for Acquire {
    fn arguments(&self) -> Vec<&'static str> {
        ACQUIRE.into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["fsync", "mkdir", "openat", "rename", "write"]
    }

    fn prepare(&self, _: &Home) {}

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let status = status(home)?;
        match (came.traced.code, status.as_deref()) {
            // After an error the caller has no id, so there must be no live lease.
            (Some(0), Some("live")) | (Some(_), None) | (None, None | Some("live")) => {}
            _ => return Err(format!("the lease is {status:?}: {}", came.traced.stderr)),
        }
        if status.is_none() {
            succeeds(home, &ACQUIRE)?;
        }
        protects(home)?;
        is_released(home)
    }
}

impl Subject for Release {
    fn arguments(&self) -> Vec<&'static str> {
        RELEASE.into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["fsync", "openat", "rename", "unlink", "write"]
    }

    fn prepare(&self, home: &Home) {
        home.run(&ACQUIRE).with_code(0);
    }

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        let status = status(home)?;
        match (came.succeeded(), status.as_deref()) {
            (true, Some("ended")) | (false, Some("expired" | "ended")) => {}
            (true, Some("expired")) if says_it_is_not_recorded(came) => {}
            (false, Some("live")) => protects(home)?,
            _ => return Err(format!("the lease is {status:?}: {}", came.traced.stderr)),
        }
        is_released(home)
    }
}

impl Subject for Guard {
    fn arguments(&self) -> Vec<&'static str> {
        [
            "guard",
            "--run-id",
            GUARDED,
            "--settle-time",
            "50ms",
            "--",
            "sh",
            "-c",
            "echo > started",
        ]
        .into()
    }

    fn calls(&self) -> &'static [&'static str] {
        &["fsync", "mkdir", "openat", "rename", "unlink", "write"]
    }

    fn prepare(&self, _: &Home) {}

    fn side_by_side(&self) -> usize {
        1
    }

    fn check(&self, home: &Home, came: &Came) -> Result<(), String> {
        came.ended_as_documented()?;
        // The reaper outlives a guard that is killed, and finishes its work.
        eventually("the reaper ends", || reapers(home) == 0);
        let was_started = home.path(STARTED).exists();
        let status = status(home)?;
        match (was_started, status.as_deref()) {
            (_, Some("ended")) => {}
            (_, Some("expired")) if !came.succeeded() || says_it_is_not_recorded(came) => {}
            (false, None) if !came.succeeded() => {}
            _ => {
                let stderr = &came.traced.stderr;
                return Err(format!(
                    "the lease is {status:?}, the command was started: {was_started}: {stderr}"
                ));
            }
        }
        succeeds(home, &["run", "--yes", "--label", "no=such"])?;
        match self::status(home)?.as_deref() {
            None | Some("ended") => Ok(()),
            other => Err(format!("in the end the lease is {other:?}")),
        }
    }
}

/// Whether everything was deleted, and the end of the lease could not be recorded: the next run finds that again.
fn says_it_is_not_recorded(came: &Came) -> bool {
    let mut lines = came.traced.stderr.lines();
    lines.any(|line| {
        line.contains("the end of the lease could not be recorded") && line.contains(STATE)
    })
}

/// How many processes hold the lease of a guard in this home, and outlive it.
fn reapers(home: &Home) -> usize {
    let ours = keepers(GUARDED);
    let is_here = |pid: &rustix::process::Pid| {
        let place = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero()));
        place.is_ok_and(|place| place == home.directory())
    };
    ours.iter().filter(|pid| is_here(pid)).count()
}

/// The status of the lease; `None` if there is none.
fn status(home: &Home) -> Result<Option<String>, String> {
    let (list, code) = home.json(&["lease", "list"]);
    let leases = list.as_array().filter(|_| code == 0);
    let leases = leases.ok_or_else(|| format!("the leases cannot be read: {list}"))?;
    match &**leases {
        [] => Ok(None),
        [lease] => Ok(lease["status"].as_str().map(str::to_owned)),
        leases => Err(format!("there are {leases:?}")),
    }
}

/// Whether the lease protects what it is about.
fn protects(home: &Home) -> Result<(), String> {
    let (plan, _) = home.json(&["plan", "--policy", "aggressive"]);
    let refusals = plan["plan"]["refusals"].as_array();
    let mut refusals = refusals.into_iter().flatten();
    match refusals.any(|refusal| refusal["safeguard"] == "live-lease") {
        true => Ok(()),
        false => Err(format!("the lease protects nothing: {plan}")),
    }
}

/// Whether the lease ends when it is released.
fn is_released(home: &Home) -> Result<(), String> {
    succeeds(home, &RELEASE)?;
    match status(home)?.as_deref() {
        Some("ended") => Ok(()),
        other => Err(format!("after its release the lease is {other:?}")),
    }
}
