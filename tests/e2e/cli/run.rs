//! `tbengine run`.

use std::process::Stdio;

use tbengine_harness::{Ended, count, steady, terminal};

use crate::home;

#[test]
fn without_a_terminal_it_runs_and_lists_what_became_of_each() {
    let ended = home()
        .memory("")
        .run(&["run", "--kind", "container"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
    assert_eq!(ended.stderr, "");
}

#[test]
fn json_has_the_plan_the_report_and_the_exit_code() {
    let ended = home()
        .memory("")
        .run(&["run", "--state", "dead", "-O", "json"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
}

#[test]
fn events_stream_in_order() {
    let lines = home()
        .memory("")
        .run(&["run", "-O", "jsonl"])
        .with_code(0)
        .lines();
    let events: Vec<&str> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events[..4],
        [
            "backend-listed",
            "policy-decided",
            "plan-made",
            "run-started"
        ]
    );
    assert_eq!(events.last(), Some(&"run-finished"));
    assert_eq!(count(&lines, "step-finished"), 20);
}

#[test]
fn rows_hold_every_outcome() {
    let csv = home()
        .memory("")
        .run(&["run", "-O", "csv"])
        .with_code(0)
        .stdout;
    assert!(csv.starts_with("id,kind,name,action,result,attempts,took-ms,detail\n"));
    assert_eq!(
        csv.lines()
            .filter(|line| line.contains(",delete,deleted,1,"))
            .count(),
        20
    );
    assert_eq!(
        csv.lines()
            .filter(|line| line.contains(",delete,refused,0,"))
            .count(),
        1
    );
}

#[test]
fn a_dry_run_is_a_plan() {
    let host = home().memory("");
    let dry = host.run(&["run", "--dry-run"]).with_code(0);
    let plan = host.run(&["plan"]).with_code(0);
    assert_eq!(dry.stdout, plan.stdout);
    let lines = host.run(&["run", "--dry-run", "-O", "jsonl"]).lines();
    assert_eq!(count(&lines, "run-started"), 0);
}

#[test]
fn nothing_to_do_is_success() {
    let ended = home()
        .memory("")
        .run(&["run", "--label", "no.such"])
        .with_code(0);
    assert!(
        ended.stdout.starts_with("Nothing to do; took"),
        "{}",
        ended.stdout
    );
}

#[test]
fn the_guard_against_too_much_does_nothing_at_all() {
    let host = home().memory("");
    let ended = host
        .run(&["run", "--yes", "--max-delete", "10%", "-O", "jsonl"])
        .with_code(3);
    assert_eq!(count(&ended.lines(), "run-started"), 0);
    ended.says("hint: review `tbengine plan`");
    host.run(&["run", "--yes", "--max-delete", "50%"])
        .with_code(0);
}

#[test]
fn on_a_terminal_it_shows_the_plan_and_does_nothing_unless_asked() {
    let host = home().memory("");
    let answered =
        |typed: &str| terminal::run(host.command(&["run", "--kind", "container"]), typed);
    for no in ["n\n", "\n", "maybe\n"] {
        let ended = answered(no).with_code(0);
        assert_eq!(ended.stdout, "", "{no:?}");
        let ended = ended
            .says("Delete these 7 resources? [y/N]")
            .says("cancelled; nothing was deleted");
        assert!(
            ended.stderr.contains("never started, created 2h ago"),
            "{}",
            ended.stderr
        );
    }
    let ended = answered("yes\n").with_code(0);
    assert!(ended.stdout.contains("7 deleted"), "{}", ended.stdout);
}

#[test]
fn yes_skips_the_question_on_a_terminal() {
    let host = home().memory("");
    let command = host.command(&["run", "--kind", "container", "--yes"]);
    let ended = terminal::run(command, "").with_code(0);
    assert!(ended.stdout.contains("7 deleted"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("Delete these"));
}

#[test]
fn the_log_tells_what_was_done() {
    let ended = home().memory("").run(&["run", "-v"]).with_code(0);
    assert_eq!(ended.stderr.matches(" INFO deleted id=memory/").count(), 20);
    assert!(ended.stderr.contains(" INFO run started"));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_cleaning() {
    let host = home().memory("");
    for format in ["table", "json", "jsonl", "csv"] {
        let mut command = host.command(&["run", "-v", "-O", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = Ended::from(child.wait_with_output().unwrap()).with_code(0);
        assert_eq!(
            ended.stderr.matches(" INFO deleted id=").count(),
            20,
            "{format}"
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn results_that_get_lost_are_a_failure() {
    let host = home().memory("");
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        let name = "results_that_get_lost_are_a_failure";
        tbengine_harness::leave_out(name, "there is no /dev/full on this machine");
        return;
    };
    let mut command = host.command(&["run"]);
    let output = command.stdout(full).output().unwrap();
    Ended::from(output)
        .with_code(1)
        .says("failed to write the results");
}
