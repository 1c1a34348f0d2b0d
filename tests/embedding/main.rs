//! A program that is not tbengine holds leases by itself.

use std::path::Path;

use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::processes;
use tbengine_harness::{Home, eventually};
use tbengine_ops::guard::program::QUESTION;

const PROGRAM: &str = env!("CARGO_BIN_EXE_embedder");

fn home() -> Home {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Home::new(Path::new(PROGRAM), cache)
}

/// Where no daemon is asked.
fn alone() -> Home {
    let home = home().docker("unix:///nowhere/docker.sock");
    let starts = home.path("starts");
    home.var("STARTS", starts)
}

#[test]
fn what_it_made_goes_by_a_process_of_its_own_when_it_is_killed() {
    let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    let home = home().docker(&daemon.host());
    let mut running = home.start(&["work"]);
    assert!(running.await_lines(1), "{}", running.log());
    let label = running.results().trim().to_owned();
    daemon.run_sleeper(&["--name", "ours", "--label", &label]);
    daemon.run_sleeper(&["--name", "foreign"]);
    let keepers = || processes(|line| line.trim_end() == format!("{PROGRAM} lease hold"));
    assert_eq!(keepers().len(), 1);
    assert!(running.kill());
    eventually("it is deleted", || daemon.containers() == ["foreign"]);
    eventually("its keeper has ended", || keepers().is_empty());
}

#[test]
fn it_guards_by_itself() {
    let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
    daemon.run_sleeper(&["--name", "before"]);
    let home = home().docker(&daemon.host()).with_path();
    let script = "docker run -d --name ours busybox sleep 100000 && docker ps --format {{.Names}}";
    let guarded = home.run(&["guard", "sh", "-c", script]).with_code(0);
    assert!(guarded.stdout.contains("ours\nbefore\n"), "{guarded:?}");
    assert_eq!(daemon.containers(), ["before"]);
}

/// Else it would start itself for ever.
#[test]
fn one_that_forgets_to_answer_is_asked_once_and_starts_nothing() {
    for command in ["work", "guard"] {
        let home = alone().var("FORGETFUL", "1");
        let ended = home.run(&[command]).with_code(1);
        assert!(
            ended.stderr.contains("hold` does not say `tbengine`"),
            "{ended:?}"
        );
        let starts = format!("{:?}\n{:?}\n", [command], QUESTION);
        assert_eq!(home.read("starts"), starts);
        assert!(!home.path(".local/state/tbengine").exists());
    }
}
