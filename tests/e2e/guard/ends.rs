//! How the command may end, and what the guard answers.

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
fn the_end_by_a_signal_or_no_start_at_all_is_told_as_shells_do() {
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
fn a_command_that_takes_too_long_is_told_to_end_and_then_killed() {
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
        "--second-look",
        "100ms",
        "--run-id",
        "in-place",
        "--",
    ];
    let echo = ["echo", "labels={\"id\":\"{TBENGINE_RUN_ID}\"}"];
    let output = home.run(&[&arguments[..], &echo].concat());
    assert_eq!(output.stdout, "labels={\"id\":\"in-place\"}\n");
}

#[test]
fn if_cleaning_up_fails_the_exit_code_says_so_unless_the_command_failed_first() {
    let (daemon, home) = on_docker();
    // The daemon dies with what the command made still in it.
    let script = |code: u8| {
        format!(
            "{}; touch ready; sleep 3; exit {code}",
            making(&format!("c{code}"))
        )
    };
    for (code, answer) in [(0, 6), (9, 9)] {
        let guarded = start(&home, &["--report", "report.json"], &script(code));
        daemon.crash();
        let (ended, text) = guarded.end().told();
        assert_eq!(ended, answer, "{text}");
        assert!(text.contains("cleanup is not complete"), "{text}");
        let report = std::fs::read(home.path("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["ended"], false, "{report}");
        daemon.restart().unwrap();
    }
    // The second guard went on with what the first one left; anyone's next run does that for the second.
    assert_eq!(daemon.containers(), ["c9"]);
    let output = home.run(&["run", "--yes"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    assert_eq!(home.statuses(), ["ended"; 2]);
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
