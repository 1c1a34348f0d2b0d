//! Signals, the terminal, process groups, orphans.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Signal, kill_process, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::guard::host::{Host, length, making, processes, wait_until};

#[test]
fn signals_reach_the_command_once_each() {
    let host = Host::new();
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
        let guarded = host.start(&[], &script);
        guarded.signal(signal);
        let (code, text) = guarded.end();
        assert!(text.contains("heard 1\n"), "{name}: {text}");
        assert_eq!(code, Some(5), "{name}: {text}");
        assert_eq!(host.containers(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_signal_to_the_guards_group_does_not_tell_the_command_twice() {
    let host = Host::new();
    let script = "n=0; trap 'n=$((n+1))' TERM; touch ready; i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo heard $n";
    let guarded = host.start(&[], script);
    kill_process_group(guarded.pid(), Signal::TERM).unwrap();
    let (_, text) = guarded.end();
    assert!(text.contains("heard 1\n"), "{text}");
}

#[test]
fn the_third_request_to_end_kills_a_command_that_does_not() {
    let host = Host::new();
    let script = format!(
        "trap '' INT; {}; touch ready; sleep 1000; sleep 1000",
        making("ours")
    );
    let guarded = host.start(&[], &script);
    for _ in 0..3 {
        guarded.signal(Signal::INT);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let (code, text) = guarded.end();
    assert_eq!(code, Some(137), "{text}");
    assert_eq!(host.containers(), Vec::<String>::new());
}

#[test]
fn a_second_request_while_cleaning_up_leaves_it_to_the_reaper() {
    let host = Host::new();
    // The deaf process keeps the cleaning from being over at once.
    let script = format!(
        "{}; (setsid sh -c \"trap '' TERM; touch ready; sleep 31003; sleep 31004\" &); sleep 0.5; exit 0",
        making("ours")
    );
    let guarded = host.start(&[], &script);
    // The command has ended by then.
    std::thread::sleep(std::time::Duration::from_secs(1));
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(200));
        guarded.signal(Signal::INT);
    }
    let (code, text) = guarded.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("in the background"), "{text}");
    wait_until("the reaper has cleaned up", || host.containers().is_empty());
    wait_until("the lease has ended", || host.standings() == ["ended"]);
}

#[test]
fn orphans_are_collected_while_the_command_runs_and_ended_with_it() {
    let host = Host::new();
    // Twice forked: their parents are gone, so they become the guard's.
    let sleep = length(3);
    let script = format!(
        "i=0; while [ $i -lt 5 ]; do (sh -c 'sleep 0.1 & exit' &); i=$((i+1)); done; (sh -c 'sleep {sleep} & exit' &); sleep 0.5; touch ready; sleep 1.5"
    );
    let guarded = host.start(&[], &script);
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
    wait_until("no zombie is left", || zombies() == 0);
    assert_eq!(
        processes(|line| line.trim_end() == format!("sleep {sleep}")).len(),
        1
    );
    let (code, text) = guarded.end();
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        processes(|line| line.trim_end() == format!("sleep {sleep}")).len(),
        0
    );
}

#[test]
fn on_a_terminal_the_command_reads_it_and_ctrl_c_reaches_it_once() {
    let host = Host::new();
    let (mut master, terminal) = terminal();
    let script = format!(
        "n=0; trap 'n=$((n+1))' INT; {}; read line; echo \"read $line\"; touch ready; i=0; while [ $i -lt 15 ]; do sleep 0.1; i=$((i+1)); done; echo heard $n",
        making("ours")
    );
    let guard = host.command(&["guard", "--second-look", "100ms", "--", "sh", "-c", &script]);
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(guard.get_program())
        .args(guard.get_args());
    command.env_clear().current_dir(host.home.path());
    command.envs(
        guard
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut child = command
        .stdin(Stdio::from(terminal.try_clone().unwrap()))
        .stdout(Stdio::from(terminal.try_clone().unwrap()))
        .stderr(Stdio::from(terminal))
        .spawn()
        .unwrap();
    drop(command);
    master.write_all(b"words\n").unwrap();
    let ready = host.home.path().join("ready");
    wait_until("the command has read", || ready.exists());
    master.write_all(b"\x03").unwrap();
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    // Linux ends the reading of a terminal that nobody holds with an error.
    while let Ok(read @ 1..) = master.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
    }
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{shown}");
    assert!(shown.contains("read words"), "{shown}");
    assert!(shown.contains("heard 1"), "{shown}");
    assert_eq!(host.containers(), Vec::<String>::new());
}

fn terminal() -> (File, OwnedFd) {
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
        .open(name.into_string().unwrap())
        .unwrap();
    (File::from(master), slave.into())
}

#[test]
fn the_reaper_is_out_of_reach_of_the_terminal_and_the_group() {
    let host = Host::new();
    let guarded = host.start(&[], "touch ready; sleep 1000");
    let reaper = guarded.reaper();
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
    wait_until("it has ended", || {
        processes(|line| line.contains("--adopt"))
            .iter()
            .all(|pid| *pid != reaper)
    });
}
