//! How the command may end, and what the guard answers.

use tbengine_harness::eventually;

use super::{guard, making, on_docker, start};

#[test]
fn what_the_command_made_goes_and_its_exit_code_stays() {
    let (daemon, home) = on_docker();
    daemon.run_sleeper(&["--name", "before"]);
    daemon.create_volume("precious", &[]);
    for code in [0, 1, 3, 42] {
        let script = format!(
            "{}; docker network create net >/dev/null; exit {code}",
            making("ours")
        );
        let output = guard(&home, &[], &script);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.stderr.contains("2 deleted"), "{output:?}");
        assert_eq!(daemon.containers(), ["before"]);
        assert!(
            !daemon
                .names(&["network", "ls", "--format", "{{.Name}}"])
                .contains(&"net".into())
        );
        assert_eq!(daemon.names(&["volume", "ls", "-q"]), ["precious"]);
    }
    assert_eq!(home.statuses(), ["ended"; 4]);
}

#[test]
fn the_end_by_a_signal_or_no_start_at_all_is_reported_as_shells_do() {
    let (_daemon, home) = on_docker();
    assert_eq!(guard(&home, &[], "kill -SEGV $$").code, 139);
    let absent = home.run(&["guard", "--", "no-such-command"]);
    assert_eq!(absent.code, 127, "{absent:?}");
    assert!(
        absent.stderr.contains("failed to start `no-such-command`"),
        "{absent:?}"
    );
    let directory = home.run(&["guard", "--", "/"]);
    assert_eq!(directory.code, 126, "{directory:?}");
    assert_eq!(
        home.statuses(),
        ["ended"; 3],
        "nothing is left to look after"
    );
}

#[test]
fn a_command_that_takes_too_long_is_asked_to_stop_and_then_killed() {
    let (daemon, home) = on_docker();
    let obedient = guard(
        &home,
        &["--timeout", "1s"],
        &format!("{}; sleep 1000", making("a")),
    );
    assert_eq!(obedient.code, 124, "{obedient:?}");
    let deaf = format!("trap '' TERM; {}; sleep 1000; sleep 1000", making("b"));
    let deaf = guard(&home, &["--timeout", "1s", "--kill-after", "300ms"], &deaf);
    assert_eq!(deaf.code, 124, "{deaf:?}");
    assert!(deaf.stderr.contains("sent SIGKILL"), "{deaf:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
}

#[test]
fn without_a_baseline_nothing_is_started() {
    let (_daemon, home) = on_docker();
    let nowhere = [("DOCKER_HOST", "unix:///nowhere.sock")];
    let output = home.run_with(&["guard", "--", "touch", "started"], &nowhere);
    assert_eq!(output.code, 6, "{output:?}");
    assert!(
        output.stderr.contains("the command was not started"),
        "{output:?}"
    );
    assert!(!home.path("started").exists());
    assert_eq!(home.statuses(), Vec::<String>::new());
}

#[test]
fn an_id_is_taken_once_and_fit_for_a_file() {
    let (_daemon, home) = on_docker();
    let seen = guard(
        &home,
        &["--run-id", "sweep-7"],
        "test \"$TBENGINE_RUN_ID\" = sweep-7",
    );
    assert_eq!(seen.code, 0, "{seen:?}");
    let again = guard(&home, &["--run-id", "sweep-7"], "touch started");
    assert_eq!(again.code, 2, "{again:?}");
    let outside = guard(&home, &["--run-id", "../sweep"], "touch started");
    assert_eq!(outside.code, 2, "{outside:?}");
    assert!(!home.path("started").exists());
    let arguments = [
        "guard",
        "--settle-time",
        "100ms",
        "--run-id",
        "in-place",
        "--",
    ];
    let echo = ["echo", "labels={\"id\":\"{TBENGINE_RUN_ID}\"}"];
    let output = home.run(&[&arguments[..], &echo].concat());
    assert_eq!(output.stdout, "labels={\"id\":\"in-place\"}\n");
}

/// A script that makes a container of this name, and ends a while after it is ready.
fn ending(name: &str, code: u8) -> String {
    format!("{}; touch ready; sleep 2; exit {code}", making(name))
}

#[test]
fn an_unreachable_daemon_is_waited_for_at_the_end() {
    let (daemon, home) = on_docker();
    let options = ["--outage-deadline", "2m", "--report", "report.json"];
    let guarded = start(&home, &options, &ending("ours", 3));
    daemon.crash();
    // It has looked for it in vain for longer than one look takes.
    guarded.await_line("warning: backend `docker` cannot be reached, waiting up to 2m");
    std::thread::sleep(std::time::Duration::from_secs(4));
    daemon.restart().unwrap();
    let ended = guarded.end();
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("1 deleted"), "{ended:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert_eq!(home.statuses(), ["ended"]);
    let report: serde_json::Value = serde_json::from_str(&home.read("report.json")).unwrap();
    assert_eq!(report["ended"], true, "{report}");
    assert_eq!(report["outcomes"][0]["result"], "deleted", "{report}");
}

#[test]
fn a_daemon_that_stays_unreachable_is_left_to_the_reaper_and_unknown_owners_are_reported() {
    let (daemon, home) = on_docker();
    for (code, answer) in [(0, 6), (9, 9)] {
        let options = ["--outage-deadline", "1s", "--report", "report.json"];
        let name = format!("c{code}");
        let guarded = start(&home, &options, &ending(&name, code));
        daemon.crash();
        let (ended, text) = guarded.end().code_and_output();
        assert_eq!(ended, answer, "{text}");
        assert!(text.contains("unknown what is left"), "{text}");
        assert!(text.contains("cleanup is not complete"), "{text}");
        assert!(text.contains("continues in the background"), "{text}");
        assert!(!text.contains("nothing to clean up"), "{text}");
        let report: serde_json::Value = serde_json::from_str(&home.read("report.json")).unwrap();
        assert_eq!(report["ended"], false, "{report}");
        assert_eq!(report["incomplete"], true, "{report}");
        daemon.restart().unwrap();
        // Nobody else does anything.
        eventually("the reaper has cleaned up", || {
            daemon.containers().is_empty()
        });
        eventually("its lease has ended", || {
            home.statuses().iter().all(|status| status == "ended")
        });
    }
}

#[test]
fn a_full_disk_at_the_end_keeps_nothing_from_being_deleted() {
    let (daemon, home) = on_docker();
    let state = home.path("state");
    std::fs::create_dir(&state).unwrap();
    let mount = |arguments: &[&str]| {
        let status = std::process::Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(&state)
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    mount(&["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none"]);
    let fill = "dd if=/dev/zero of=state/fill bs=1k count=4096 2>/dev/null";
    let script = format!("{}; {fill}; exit 0", making("ours"));
    let ended = guard(&home, &["--state-dir", "state"], &script);
    let containers = daemon.containers();
    mount(&["umount", "--lazy"]);
    assert_eq!(containers, Vec::<String>::new(), "{ended:?}");
    assert!(ended.stderr.contains("1 deleted"), "{ended:?}");
    assert!(ended.stderr.contains("could not be recorded"), "{ended:?}");
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn cleaning_up_first_is_a_run_of_the_policy() {
    let (daemon, home) = on_docker();
    daemon.run_to_end(&["--name", "old"], 1);
    daemon.run_sleeper(&["--name", "busy"]);
    let options = [
        "--pre-clean",
        "--set",
        "dead-older-than=0s",
        "--min-age",
        "0s",
    ];
    let script = "docker ps -a --format '{{.Names}}'";
    let output = guard(&home, &options, script);
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(output.stdout, "busy\n", "only the command's own output");
    assert!(output.stderr.contains("1 deleted"), "{output:?}");
    let unless = guard(&home, &[&options[..], &["--no-pre-clean"]].concat(), "true");
    assert!(!unless.stderr.contains("deleted"), "{unless:?}");
}
