//! `kill -9` of the guard, the reaper and both.

use rustix::process::{Signal, kill_process};

use crate::guard::host::{Guarded, Host, length, making, processes, wait_until};

/// Makes a container, and leaves a process behind that wants to stay: deaf, and in a session of its own.
fn script(name: &str, sleep: &str) -> String {
    let deaf =
        format!("setsid sh -c \"trap '' TERM; touch ready; sleep {sleep}; sleep {sleep}\" &");
    format!("{}; ({deaf}); sleep {sleep}", making(name))
}

fn sleepers(sleep: &str) -> usize {
    processes(|line| line.trim_end() == format!("sleep {sleep}")).len()
}

fn is_live(guarded: &Guarded<'_>) {
    assert_eq!(guarded.host.standings(), ["live"]);
    let plan = guarded.host.run(&[
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
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(text.contains("1 refused by guards"), "{plan:?}");
    assert!(
        !guarded.host.containers().is_empty(),
        "a live lease is nobody else's business"
    );
}

#[test]
fn the_reaper_goes_on_where_the_guard_was_killed() {
    let host = Host::new();
    let sleep = length(1);
    host.daemon.run_sleeper(&["--name", "before"]);
    let guarded = host.start(&[], &script("ours", &sleep));
    is_live(&guarded);
    host.daemon.run_sleeper(&["--name", "foreign"]);
    guarded.signal(Signal::KILL);
    wait_until("the reaper has deleted it", || {
        host.containers() == ["before", "foreign"]
    });
    wait_until("the lease has ended", || host.standings() == ["ended"]);
    assert_eq!(sleepers(&sleep), 0, "processes of the run are ended too");
    wait_until("the reaper has ended", || {
        processes(|line| line.contains("--adopt") && line.contains(&guarded_id(&host))).is_empty()
    });
}

fn guarded_id(host: &Host) -> String {
    host.leases()[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_guard_goes_on_where_the_reaper_was_killed() {
    let host = Host::new();
    let guarded = host.start(&[], &format!("{}; touch ready; sleep 3", making("ours")));
    kill_process(guarded.reaper(), Signal::KILL).unwrap();
    let (code, text) = guarded.end();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(host.containers(), Vec::<String>::new());
    assert_eq!(host.standings(), ["ended"]);
}

#[test]
fn the_next_run_goes_on_where_both_were_killed() {
    for goes_on in [&["run", "--yes"][..], &["resume"], &["guard", "--", "true"]] {
        let host = Host::new();
        let sleep = length(2);
        host.daemon.run_sleeper(&["--name", "before"]);
        let guarded = host.start(&[], &script("ours", &sleep));
        kill_process(guarded.reaper(), Signal::KILL).unwrap();
        guarded.signal(Signal::KILL);
        wait_until("the lock is let go of", || host.standings() == ["over"]);
        assert!(sleepers(&sleep) > 0, "the deaf one goes on");
        assert_eq!(host.containers(), ["before", "ours"]);
        let output = host.run(goes_on);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(host.containers(), ["before"], "{goes_on:?}: {output:?}");
        assert_eq!(sleepers(&sleep), 0);
        assert_eq!(host.standings()[0], "ended");
    }
}

#[test]
fn a_reaper_killed_in_the_middle_of_its_sweep_is_gone_on_with() {
    let host = Host::new();
    let many: Vec<String> = (0..12)
        .map(|number| making(&format!("c{number:02}")))
        .collect();
    let guarded = host.start(
        &[],
        &format!("{}; touch ready; sleep 1000", many.join("; ")),
    );
    let reaper = guarded.reaper();
    guarded.signal(Signal::KILL);
    wait_until("it has begun", || host.containers().len() < 12);
    kill_process(reaper, Signal::KILL).unwrap();
    wait_until("the lock is let go of", || host.standings() == ["over"]);
    // The run of the sweep is in the journal, and leads to the lease.
    let output = host.run(&["resume"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(host.containers(), Vec::<String>::new());
    assert_eq!(host.standings(), ["ended"]);
}

#[test]
fn a_daemon_that_is_away_when_the_guard_dies_is_waited_for() {
    let host = Host::new();
    let guarded = host.start(&[], &format!("{}; touch ready; sleep 1000", making("ours")));
    host.daemon.crash();
    guarded.signal(Signal::KILL);
    std::thread::sleep(std::time::Duration::from_secs(2));
    host.daemon.restart().unwrap();
    wait_until("it is deleted, or left to the next run", || {
        host.containers().is_empty() || host.standings() == ["over"]
    });
    let output = host.run(&["run", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    wait_until("it is deleted", || host.containers().is_empty());
}
