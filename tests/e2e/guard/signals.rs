//! Signals, the terminal, process groups, orphans.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Child;

use rustix::process::{Signal, kill_process, kill_process_group};
use tbengine_harness::processes::processes;
use tbengine_harness::{Home, eventually, terminal};

use super::{keeper, length, making, on_docker, start};

#[test]
fn signals_reach_the_command_once_each() {
    let (daemon, home) = on_docker();
    for (signal, name) in [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
    ] {
        let script = format!(
            "n=0; trap 'n=$((n+1))' {name}; {}; touch ready; i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo heard $n; exit 5",
            making("ours")
        );
        let guarded = start(&home, &[], &script);
        guarded.signal(signal);
        let (code, text) = guarded.end().code_and_output();
        assert!(text.contains("heard 1\n"), "{name}: {text}");
        assert_eq!(code, 5, "{name}: {text}");
        assert_eq!(daemon.containers(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_signal_to_the_guards_group_does_not_tell_the_command_twice() {
    let (_daemon, home) = on_docker();
    let script = "n=0; trap 'n=$((n+1))' TERM; touch ready; i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo heard $n";
    let guarded = start(&home, &[], script);
    kill_process_group(guarded.pid(), Signal::TERM).unwrap();
    let (_, text) = guarded.end().code_and_output();
    assert!(text.contains("heard 1\n"), "{text}");
}

#[test]
fn the_third_request_to_end_kills_a_command_that_does_not() {
    let (daemon, home) = on_docker();
    let script = format!(
        "trap '' INT; {}; touch ready; sleep 1000; sleep 1000",
        making("ours")
    );
    let guarded = start(&home, &[], &script);
    for _ in 0..3 {
        guarded.signal(Signal::INT);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 137, "{text}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

#[test]
fn a_second_request_while_cleaning_up_leaves_it_to_the_reaper() {
    let (daemon, home) = on_docker();
    // The deaf process keeps the cleaning from being over at once.
    let script = format!(
        "{}; (setsid sh -c \"trap '' TERM; touch ready; sleep 31003; sleep 31004\" &); sleep 0.5; exit 0",
        making("ours")
    );
    let guarded = start(&home, &[], &script);
    // The command has ended by then.
    std::thread::sleep(std::time::Duration::from_secs(1));
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(200));
        guarded.signal(Signal::INT);
    }
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("in the background"), "{text}");
    eventually("the reaper has cleaned up", || {
        daemon.containers().is_empty()
    });
    eventually("the lease has ended", || home.statuses() == ["ended"]);
}

#[test]
fn orphans_are_collected_while_the_command_runs_and_ended_with_it() {
    let (_daemon, home) = on_docker();
    // Twice forked: their parents are gone, so they become the guard's.
    let sleep = length(3);
    let script = format!(
        "i=0; while [ $i -lt 5 ]; do (sh -c 'sleep 0.1 & exit' &); i=$((i+1)); done; (sh -c 'sleep {sleep} & exit' &); sleep 0.5; touch ready; sleep 1.5"
    );
    let guarded = start(&home, &[], &script);
    let guard = guarded.pid().as_raw_nonzero();
    let zombies = || {
        processes(|line| line.is_empty())
            .into_iter()
            .filter(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
                let fields = stat.unwrap_or_default();
                let mut fields = fields
                    .rsplit(')')
                    .next()
                    .unwrap_or_default()
                    .split_whitespace();
                fields.next() == Some("Z") && fields.next() == Some(&guard.to_string())
            })
            .count()
    };
    eventually("no zombie is left", || zombies() == 0);
    assert_eq!(
        processes(|line| line.trim_end() == format!("sleep {sleep}")).len(),
        1
    );
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        processes(|line| line.trim_end() == format!("sleep {sleep}")).len(),
        0
    );
}

/// Starts a script under a guard that leads a session with this terminal, as `ssh -t` does.
fn lead_session(home: &Home, terminal: OwnedFd, script: &str) -> Child {
    let guard = home.command(&["guard", "--settle-time", "100ms", "--", "sh", "-c", script]);
    terminal::lead_session(&guard, terminal)
}

#[test]
fn a_terminal_that_closes_tells_the_guard_alone_and_it_tells_the_command() {
    let (daemon, home) = on_docker();
    let (master, terminal) = terminal::open();
    let script = format!(
        "n=0; trap 'echo heard >>heard' HUP; {}; touch ready; i=0; while [ ! -e heard ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; sleep 0.5",
        making("ours")
    );
    let mut child = lead_session(&home, terminal, &script);
    let ready = home.path("ready");
    eventually("the command runs", || ready.exists());
    drop(master);
    let heard = home.path("heard");
    eventually("the command gets the signal", || heard.exists());
    child.wait().unwrap();
    assert_eq!(home.read("heard"), "heard\n", "once");
    eventually("it is cleaned up", || daemon.containers().is_empty());
    eventually("the lease has ended", || home.statuses() == ["ended"]);
}

#[test]
fn on_a_terminal_the_command_reads_it_and_ctrl_c_reaches_it_once() {
    let (daemon, home) = on_docker();
    let (mut master, terminal) = terminal::open();
    let script = format!(
        "n=0; trap 'n=$((n+1))' INT; {}; read line; echo \"read $line\"; touch ready; i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo heard $n",
        making("ours")
    );
    let mut child = lead_session(&home, terminal, &script);
    master.write_all(b"words\n").unwrap();
    let ready = home.path("ready");
    eventually("the command has read", || ready.exists());
    master.write_all(b"\x03").unwrap();
    let shown = terminal::read_to_end(master);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{shown}");
    assert!(shown.contains("read words"), "{shown}");
    assert!(shown.contains("heard 1"), "{shown}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

#[test]
fn the_reaper_is_out_of_reach_of_the_terminal_and_the_group() {
    let (_daemon, home) = on_docker();
    let guarded = start(&home, &[], "touch ready; sleep 1000");
    let reaper = keeper(&home, &guarded);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", reaper.as_raw_nonzero())).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let number = reaper.as_raw_nonzero().to_string();
    // State, parent, group, session, terminal.
    assert_ne!(
        fields[1],
        guarded.pid().as_raw_nonzero().to_string(),
        "it is not the guard's child"
    );
    assert_eq!(
        (fields[2], fields[3], fields[4]),
        (&*number, &*number, "0"),
        "{stat}"
    );
    kill_process(guarded.pid(), Signal::TERM).unwrap();
    guarded.end();
    eventually("it has ended", || {
        processes(|line| line.contains("--adopt"))
            .iter()
            .all(|pid| *pid != reaper)
    });
}
