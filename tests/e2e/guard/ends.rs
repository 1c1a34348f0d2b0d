//! How the command may end, and what the guard answers.

use crate::guard::host::{Host, making};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_the_command_made_goes_and_its_exit_code_stays() {
    let host = Host::new();
    host.daemon.run_sleeper(&["--name", "before"]);
    host.daemon.create_volume("precious", &[]);
    for code in [0, 1, 3, 42] {
        let script = format!(
            "{}; docker network create net >/dev/null; exit {code}",
            making("ours")
        );
        let output = host.guard(&[], &script);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(stderr(&output).contains("2 deleted"), "{output:?}");
        assert_eq!(host.containers(), ["before"]);
        assert!(
            !host
                .names(&["network", "ls", "--format", "{{.Name}}"])
                .contains(&"net".into())
        );
        assert_eq!(host.names(&["volume", "ls", "-q"]), ["precious"]);
    }
    assert_eq!(host.standings(), ["ended"; 4]);
}

#[test]
fn the_end_by_a_signal_or_no_start_at_all_is_told_as_shells_do() {
    let host = Host::new();
    assert_eq!(host.guard(&[], "kill -SEGV $$").status.code(), Some(139));
    let absent = host.run(&["guard", "--", "no-such-command"]);
    assert_eq!(absent.status.code(), Some(127), "{absent:?}");
    assert!(
        stderr(&absent).contains("failed to start `no-such-command`"),
        "{absent:?}"
    );
    let directory = host.run(&["guard", "--", "/"]);
    assert_eq!(directory.status.code(), Some(126), "{directory:?}");
    assert_eq!(
        host.standings(),
        ["ended"; 3],
        "nothing is left to look after"
    );
}

#[test]
fn a_command_that_takes_too_long_is_told_to_end_and_then_killed() {
    let host = Host::new();
    let obedient = host.guard(
        &["--timeout", "1s"],
        &format!("{}; sleep 1000", making("a")),
    );
    assert_eq!(obedient.status.code(), Some(124), "{obedient:?}");
    let deaf = format!("trap '' TERM; {}; sleep 1000; sleep 1000", making("b"));
    let deaf = host.guard(&["--timeout", "1s", "--kill-after", "300ms"], &deaf);
    assert_eq!(deaf.status.code(), Some(124), "{deaf:?}");
    assert!(stderr(&deaf).contains("so it was killed"), "{deaf:?}");
    assert_eq!(host.containers(), Vec::<String>::new());
}

#[test]
fn without_a_baseline_nothing_is_started() {
    let host = Host::new();
    let mut command = host.command(&["guard", "--", "touch", "started"]);
    let output = command
        .env("DOCKER_HOST", "unix:///nowhere.sock")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(
        stderr(&output).contains("nothing was started"),
        "{output:?}"
    );
    assert!(!host.home.path().join("started").exists());
    assert_eq!(host.standings(), Vec::<String>::new());
}

#[test]
fn an_id_is_taken_once_and_fit_for_a_file() {
    let host = Host::new();
    let seen = host.guard(
        &["--run-id", "sweep-7"],
        "test \"$TBENGINE_RUN_ID\" = sweep-7",
    );
    assert_eq!(seen.status.code(), Some(0), "{seen:?}");
    let again = host.guard(&["--run-id", "sweep-7"], "touch started");
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    let outside = host.guard(&["--run-id", "../sweep"], "touch started");
    assert_eq!(outside.status.code(), Some(2), "{outside:?}");
    assert!(!host.home.path().join("started").exists());
    let arguments = [
        "guard",
        "--second-look",
        "100ms",
        "--run-id",
        "in-place",
        "--",
    ];
    let echo = ["echo", "labels={\"id\":\"{TBENGINE_RUN_ID}\"}"];
    let output = host.run(&[&arguments[..], &echo].concat());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "labels={\"id\":\"in-place\"}\n"
    );
}

#[test]
fn if_cleaning_up_fails_the_exit_code_says_so_unless_the_command_failed_first() {
    let host = Host::new();
    // The daemon dies with what the command made still in it.
    let script = |code: u8| {
        format!(
            "{}; touch ready; sleep 3; exit {code}",
            making(&format!("c{code}"))
        )
    };
    for (code, answer) in [(0, 6), (9, 9)] {
        let guarded = host.start(&["--report", "report.json"], &script(code));
        host.daemon.crash();
        let (ended, text) = guarded.end();
        assert_eq!(ended, Some(answer), "{text}");
        assert!(text.contains("not everything is gone"), "{text}");
        let report = std::fs::read(host.home.path().join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["ended"], false, "{report}");
        host.daemon.restart().unwrap();
    }
    // The second guard went on with what the first one left; anyone's next run does that for the second.
    assert_eq!(host.containers(), ["c9"]);
    let output = host.run(&["run", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(host.containers(), Vec::<String>::new());
    assert_eq!(host.standings(), ["ended"; 2]);
}

#[test]
fn cleaning_up_first_is_a_run_of_the_policy() {
    let host = Host::new();
    host.daemon.run_to_end(&["--name", "old"], 1);
    host.daemon.run_sleeper(&["--name", "busy"]);
    let options = [
        "--pre-clean",
        "--set",
        "dead-older-than=0s",
        "--min-age",
        "0s",
    ];
    let script = "docker ps -a --format '{{.Names}}'";
    let output = host.guard(&options, script);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "busy\n",
        "only the command's own output"
    );
    assert!(stderr(&output).contains("1 deleted"), "{output:?}");
    let unless = host.guard(&[&options[..], &["--no-pre-clean"]].concat(), "true");
    assert!(!stderr(&unless).contains("deleted"), "{unless:?}");
}
