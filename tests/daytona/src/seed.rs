//! The leaked inventory, made from the seed: an account after many killed benchmark runs.

use std::time::Duration;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::make::{Make, sandbox};
use crate::snapshots::SnapshotState;
use crate::state::State;
use crate::volumes::VolumeState;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const TASKS: [&str; 8] = [
    "fix-git",
    "sqlite-db-truncate",
    "hello-world",
    "chess-best-move",
    "crack-7z-hash",
    "train-fasttext",
    "polyglot-c-py",
    "swe-bench-astropy-1",
];

/// Fills the first organization with as many leaked sandboxes as the settings say.
pub(crate) fn fill(cloud: &mut Cloud, now: Timestamp) {
    let wanted = cloud.settings.sandboxes;
    if wanted == 0 {
        return;
    }
    let mut random = fastrand::Rng::with_seed(cloud.settings.seed ^ 0x5eed);
    let mut there = 0;
    while there < wanted {
        for make in next_leak(&mut random, there) {
            if there < wanted {
                cloud.put(make, now);
                there += 1;
            }
        }
    }
    let long_ago = |age: u64| now.minus(Duration::from_secs(age));
    for age in [9 * DAY, 2 * DAY] {
        let name = format!("harbor__{:012x}__snapshot", random.u64(..1 << 48));
        cloud.put_snapshot(Some(0), name, SnapshotState::Active, long_ago(age));
    }
    let general = "daytonaio/sandbox:0.5.0";
    cloud.put_snapshot(None, general, SnapshotState::Active, long_ago(90 * DAY));
    cloud.put_volume(0, "rollouts-cache", VolumeState::Ready, long_ago(5 * DAY));
}

/// One leak, of one sandbox or, where a create was repeated, of several.
fn next_leak(random: &mut fastrand::Rng, number: usize) -> Vec<Make> {
    let age = random.u64(20 * MINUTE..30 * DAY);
    let task = TASKS[random.usize(..TASKS.len())];
    let session = session(random, task);
    match number % 20 {
        // Harbor repeated a create that had worked: three sandboxes of one session.
        4 => (0..3)
            .map(|nth| trial(task, &session, age - nth * MINUTE))
            .collect(),
        // An opt-out of `auto_delete`: stopped by itself, and kept forever.
        8 | 9 => vec![kept(task, &session, age, State::Stopped)],
        10 => vec![kept(task, &session, age, State::Archived)],
        12 => vec![
            kept(task, &session, age, State::Error)
                .error_reason("no space left on device")
                .recoverable(),
        ],
        13 => vec![kept(task, &session, age, State::BuildFailed).error_reason("build failed")],
        // Wedged: the runner took the job and died.
        15 => vec![trial(task, &session, age).state(State::Stopping)],
        // Someone else's, of the same account: neither labels nor a short life.
        17 => vec![
            sandbox()
                .name(format!("dev-{}", random.u32(1_000..10_000)))
                .label("team", "research")
                .auto_stop(0)
                .age(Duration::from_secs(age)),
        ],
        _ => vec![trial(task, &session, age)],
    }
}

/// `<task>__<7 characters>__env`, as Harbor names the environment of a trial.
fn session(random: &mut fastrand::Rng, task: &str) -> String {
    let mut session = format!("{task}__");
    session.extend((0..7).map(|_| random.alphanumeric()));
    session + "__env"
}

/// As Harbor creates them: running forever, gone when stopped.
fn trial(task: &str, session: &str, age: u64) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.environment_name", task)
        .label("harbor.session_id", session)
        .label("code-toolbox-language", "python")
        .ephemeral()
        .age(Duration::from_secs(age))
        .idle(Duration::from_secs(age.saturating_sub(10 * MINUTE)))
}

fn kept(task: &str, session: &str, age: u64, state: State) -> Make {
    trial(task, session, age).auto_delete(-1).state(state)
}
