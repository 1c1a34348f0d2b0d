//! `kill -9` of the guard, the reaper and both.

use rustix::process::{Signal, kill_process};
use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::{keepers, processes};
use tbengine_harness::{Home, eventually};

use super::{keeper, length, making, on_docker, start};

/// Makes a container, and leaves a process behind that wants to stay: deaf, and in a session of its own.
fn script(name: &str, sleep: &str) -> String {
    let deaf =
        format!("setsid sh -c \"trap '' TERM; touch ready; sleep {sleep}; sleep {sleep}\" &");
    format!("{}; ({deaf}); sleep {sleep}", making(name))
}

fn sleepers(sleep: &str) -> usize {
    processes(|line| line.trim_end() == format!("sleep {sleep}")).len()
}

fn is_live(daemon: &Dockerd, home: &Home) {
    assert_eq!(home.statuses(), ["live"]);
    let plan = home.run(&[
        "run",
        "--yes",
        "--min-age",
        "0s",
        "--label",
        "tbengine.run-id",
        "--set",
        "running-older-than=0s",
        "--force",
    ]);
    let text = &plan.stdout;
    assert!(text.contains("1 refused by safeguards"), "{plan:?}");
    assert!(
        !daemon.containers().is_empty(),
        "a live lease is nobody else's business"
    );
}

#[test]
fn the_reaper_goes_on_where_the_guard_was_killed() {
    let (daemon, home) = on_docker();
    let sleep = length(1);
    daemon.run_sleeper(&["--name", "before"]);
    let guarded = start(&home, &[], &script("ours", &sleep));
    is_live(&daemon, &home);
    daemon.run_sleeper(&["--name", "foreign"]);
    guarded.signal(Signal::KILL);
    eventually("the reaper has deleted it", || {
        daemon.containers() == ["before", "foreign"]
    });
    eventually("the lease has ended", || home.statuses() == ["ended"]);
    assert_eq!(sleepers(&sleep), 0, "processes of the run are ended too");
    eventually("the reaper has ended", || {
        keepers(&guarded_id(&home)).is_empty()
    });
}

fn guarded_id(home: &Home) -> String {
    home.leases()[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_guard_goes_on_where_the_reaper_was_killed() {
    let (daemon, home) = on_docker();
    let guarded = start(
        &home,
        &[],
        &format!("{}; touch ready; sleep 3", making("ours")),
    );
    kill_process(keeper(&home, &guarded), Signal::KILL).unwrap();
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 0, "{text}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert_eq!(home.statuses(), ["ended"]);
}

#[test]
fn the_next_run_goes_on_where_both_were_killed() {
    for goes_on in [&["run", "--yes"][..], &["resume"], &["guard", "--", "true"]] {
        let (daemon, home) = on_docker();
        let sleep = length(2);
        daemon.run_sleeper(&["--name", "before"]);
        let guarded = start(&home, &[], &script("ours", &sleep));
        kill_process(keeper(&home, &guarded), Signal::KILL).unwrap();
        guarded.signal(Signal::KILL);
        eventually("the lock is let go of", || home.statuses() == ["expired"]);
        assert!(sleepers(&sleep) > 0, "the deaf one goes on");
        assert_eq!(daemon.containers(), ["before", "ours"]);
        let output = home.run(goes_on);
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(daemon.containers(), ["before"], "{goes_on:?}: {output:?}");
        assert_eq!(sleepers(&sleep), 0);
        assert_eq!(home.statuses()[0], "ended");
    }
}

#[test]
fn a_reaper_killed_in_the_middle_of_its_sweep_is_gone_on_with() {
    let (daemon, home) = on_docker();
    let many: Vec<String> = (0..12)
        .map(|number| making(&format!("c{number:02}")))
        .collect();
    let guarded = start(
        &home,
        &[],
        &format!("{}; touch ready; sleep 1000", many.join("; ")),
    );
    let reaper = keeper(&home, &guarded);
    guarded.signal(Signal::KILL);
    eventually("it has begun", || daemon.containers().len() < 12);
    kill_process(reaper, Signal::KILL).unwrap();
    eventually("the lock is let go of", || home.statuses() == ["expired"]);
    // The run of the sweep is in the journal, and leads to the lease.
    let output = home.run(&["resume"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert_eq!(home.statuses(), ["ended"]);
}

#[test]
fn an_unreachable_daemon_is_waited_for_when_the_guard_dies() {
    let (daemon, home) = on_docker();
    let guarded = start(
        &home,
        &[],
        &format!("{}; touch ready; sleep 1000", making("ours")),
    );
    daemon.crash();
    guarded.signal(Signal::KILL);
    // Longer than any number of looks takes that does not wait for it.
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(home.statuses(), ["live"], "the reaper holds it");
    daemon.restart().unwrap();
    // Nobody else does anything.
    eventually("it is deleted", || daemon.containers().is_empty());
    eventually("its lease has ended", || home.statuses() == ["ended"]);
}

#[test]
fn what_was_left_is_in_the_plan_the_explanation_and_the_report() {
    let (daemon, home) = on_docker();
    let guarded = start(
        &home,
        &[],
        &format!("{}; touch ready; sleep 1000", making("ours")),
    );
    let reaper = keeper(&home, &guarded);
    kill_process(reaper, Signal::KILL).unwrap();
    let lease = home.leases()[0]["id"].as_str().unwrap().to_owned();
    guarded.signal(Signal::KILL);
    eventually("the lock is let go of", || home.statuses() == ["expired"]);
    let planned = home.run(&["plan", "--exit-code"]);
    assert_eq!(planned.code, 7, "{planned:?}");
    let head = format!("Lease {lease} (sh) has expired: cleaned up first, 1 step");
    assert!(planned.stdout.contains(&head), "{planned:?}");
    assert!(planned.stdout.contains("ours"), "{planned:?}");
    let (json, _) = home.json(&["plan"]);
    assert_eq!(json["sweeps"][0]["lease"], lease.as_str(), "{json}");
    assert_eq!(json["sweeps"][0]["steps"][0]["name"], "ours", "{json}");
    let explained = home.run(&["explain", "ours"]);
    let told = format!("`tbengine run` would delete it: it was created under lease {lease}");
    assert!(explained.stdout.contains(&told), "{explained:?}");
    // To plan is not to do.
    assert_eq!(daemon.containers(), ["ours"]);
    let (json, code) = home.json(&["run"]);
    assert_eq!(code, 0, "{json}");
    let sweep = &json["sweeps"][0];
    assert_eq!(sweep["lease"], lease.as_str(), "{json}");
    assert_eq!(sweep["outcomes"][0]["name"], "ours", "{json}");
    assert_eq!(sweep["outcomes"][0]["result"], "deleted", "{json}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert_eq!(home.run(&["plan", "--exit-code"]).code, 0);
}
