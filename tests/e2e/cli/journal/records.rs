//! What is recorded: from the plan to the end, on a full disk, damaged, and no longer than needed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tbengine_harness::Ended;

use super::{STATE, history, killed};
use crate::home;

#[test]
fn a_run_is_recorded_from_its_plan_to_its_end() {
    let host = home().memory("");
    assert_eq!(history(&host).len(), 0);
    host.run(&["history"]).with_code(0).says("no runs recorded");
    host.run(&["run", "--kind", "container"]).with_code(0);
    let runs = history(&host);
    assert_eq!(runs.len(), 1);
    let run = runs[0]["run"].as_str().unwrap();
    assert_eq!(runs[0]["state"], "finished");
    assert_eq!(runs[0]["results"]["deleted"], 7);
    assert_eq!(runs[0]["policy"], "default 1.0.0");
    assert_eq!(runs[0]["digest"].as_str().unwrap().len(), 64);

    let one = host
        .run(&["history", run, "-O", "json"])
        .with_code(0)
        .json();
    let steps = one["step-records"].as_array().unwrap();
    assert_eq!(steps.len(), 7);
    assert!(
        steps
            .iter()
            .all(|step| step["intents"].as_u64() >= Some(1)
                && step["outcome"]["result"] == "deleted")
    );
    let rows = host
        .run(&["history", run, "-O", "jsonl"])
        .with_code(0)
        .lines();
    assert_eq!(rows[0]["entry"], "approved");
    assert_eq!(rows.last().unwrap()["entry"], "ended");
    let csv = host
        .run(&["history", &run[..20], "-O", "csv"])
        .with_code(0)
        .stdout;
    assert_eq!(csv.lines().count(), 8);
    let table = host.run(&["history", run]).with_code(0).stdout;
    assert!(
        table.contains("finished") && table.contains("deleted  delete"),
        "{table}"
    );
    let mode = host.path(STATE).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // Who finds nothing to do leaves nothing behind.
    host.run(&[
        "run",
        "--set",
        "dead-older-than=900d",
        "--set",
        "running-older-than=900d",
    ])
    .with_code(0);
    assert_eq!(history(&host).len(), 1);
}

#[test]
fn where_nothing_can_be_recorded_nothing_is_done_unless_asked_for() {
    let host = home().memory("");
    host.write(&format!("{STATE}/x"), "");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(host.path(STATE), open).unwrap();
    let ended = host.run(&["run", "-O", "jsonl"]).with_code(2);
    assert!(!ended.stdout.contains("run-started"));
    ended
        .says("others have access to it (mode 755)")
        .says("hint: chmod 700")
        .says("--no-journal");
    let ended = host
        .run(&["run", "--no-journal", "-O", "json"])
        .with_code(0);
    assert_eq!(
        ended.json()["report"]["outcomes"].as_array().unwrap().len(),
        20
    );
    ended.says("warning: without a journal this run cannot be resumed");

    let mut homeless = host.command(&["run", "--config"]);
    homeless
        .arg(host.path(".config/tbengine/tbengine.toml"))
        .env_remove("HOME");
    let ended = Ended::from(homeless.output().unwrap());
    ended
        .with_code(2)
        .says("HOME is not set")
        .says("--state-dir");
}

/// A directory mounted through FUSE, as sshfs would be.
struct Mounted(PathBuf);

impl Mounted {
    fn new(source: &Path, at: PathBuf) -> Self {
        let status = Command::new("bindfs").args([source, &at]).status().unwrap();
        assert!(status.success(), "bindfs cannot mount {}", at.display());
        Self(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg(&self.0).status();
        assert!(ended.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_state_directory_on_a_file_system_of_the_network_is_refused() {
    if !Path::new("/dev/fuse").exists() {
        let name = "a_state_directory_on_a_file_system_of_the_network_is_refused";
        tbengine_harness::leave_out(name, "there is no /dev/fuse on this machine");
        return;
    }
    let host = home().memory("");
    let (real, place) = (host.path("real"), host.path("mounted"));
    for path in [&real, &place] {
        std::fs::create_dir(path).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mounted = Mounted::new(&real, place);
    let state = mounted.0.to_str().unwrap();
    let args = ["run", "-O", "jsonl", "--state-dir", state];
    let ended = host.run(&args).with_code(2);
    assert!(!ended.stdout.contains("run-started"));
    ended.says("FUSE").says("--state-dir");
    drop(mounted);
    // What lies behind it is a directory like any other.
    let args = ["run", "-O", "json", "--state-dir", real.to_str().unwrap()];
    host.run(&args).with_code(0);
}

#[test]
fn a_disk_that_is_full_stops_the_run_before_it_does_more() {
    let host = home().memory("latency = \"1ms\"\nresources = 400");
    let program = env!("CARGO_BIN_EXE_tbengine");
    // Files may not grow beyond this: room for the plan, and for some of the rows.
    let limited = format!(
        "trap '' XFSZ; ulimit -f 700; exec {program} run --kind container -O jsonl --concurrency 1"
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &limited])
        .env_clear()
        .env("HOME", host.path(""))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .current_dir(host.path(""))
        .stdin(Stdio::null());
    let ended = Ended::from(command.output().unwrap()).with_code(1);
    let lines = ended.lines();
    let halted = lines
        .iter()
        .position(|line| line["event"] == "run-halted")
        .unwrap_or_else(|| panic!("{}", ended.stderr));
    let deleted = |lines: &[Value]| {
        let deleted =
            |line: &&Value| line["event"] == "step-finished" && line["result"] == "deleted";
        lines.iter().filter(deleted).count()
    };
    assert!(deleted(&lines[..halted]) > 0, "{}", ended.stderr);
    // At the most the one request that was under way.
    assert!(deleted(&lines[halted..]) <= 1);
    ended
        .says("the run was stopped: the journal cannot be written")
        .says("free disk space, then resume");
    assert_eq!(history(&host)[0]["state"], "crashed");
    host.run(&["resume", "--concurrency", "64"]).with_code(0);
    assert_eq!(history(&host)[0]["state"], "finished");
}

#[test]
fn a_damaged_record_is_reported_and_not_resumed() {
    let host = home().memory("latency = \"50ms\"");
    let run = killed(&host, &[]);
    let path = host.path(&format!("{STATE}/runs/{run}.db"));
    // Reading it has put the log into the file.
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes
        .windows(9)
        .position(|window| window == b"\"outcome\"")
        .unwrap();
    let name = bytes[place..]
        .windows(8)
        .position(|window| window == b"\"result\"")
        .unwrap();
    bytes[place + name + 10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ended = host.run(&["history"]).with_code(1);
    assert!(ended.stdout.contains("damaged"), "{}", ended.stdout);
    host.run(&["resume", &run])
        .with_code(1)
        .says("is not as it was written");
}

#[test]
fn runs_that_are_long_over_are_forgotten() {
    let host = home().memory("[state]\nkeep = \"1h\"");
    let run = || {
        // The simulated host is the same for every process.
        host.run(&["run", "--kind", "container", "--quarantine-after", "0"])
            .with_code(0);
        history(&host)[0]["run"].as_str().unwrap().to_owned()
    };
    let ids = [run(), run()];
    assert_eq!(history(&host).len(), 2);
    // The first one, had it been made half a century ago; and one whose name says nothing.
    let runs = host.path(STATE).join("runs");
    let old = format!("00000000-0001-7{}", &ids[0][15..]);
    std::fs::rename(
        runs.join(format!("{}.db", ids[0])),
        runs.join(format!("{old}.db")),
    )
    .unwrap();
    std::fs::write(runs.join("nightly.db"), "").unwrap();
    host.run(&["run", "--kind", "container", "--quarantine-after", "0"])
        .with_code(0);
    assert!(!runs.join(format!("{old}.db")).exists());
    assert!(runs.join(format!("{}.db", ids[1])).exists());
    assert!(runs.join("nightly.db").exists());
}
