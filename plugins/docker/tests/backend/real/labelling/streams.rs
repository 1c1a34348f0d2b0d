//! What goes through in both directions, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tbengine_dockerd::shared;

use super::{Counter, Front, LABEL, post};
use crate::real::support::eventually;

/// Bytes that do not repeat early.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attached_container_is_heard_and_its_exit_code_is_reported() {
    let front = Front::of(shared(), "run-attached").await;
    let script = "echo out; echo err >&2; exit 7";
    let output = front
        .command(&["run", shared().image(), "sh", "-c", script])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    let id = &front.socket.created()[0].native;
    assert_eq!(shared().inspect(id, LABEL).unwrap(), "run-attached");
}

#[tokio::test(flavor = "multi_thread")]
async fn input_goes_in_and_its_end_alone_is_passed_on() {
    let front = Front::of(shared(), "run-input").await;
    let input = noise(8 << 20);
    // `cat` goes on until its input ends, and the output comes after that.
    let script = "cat; echo ended >&2";
    let echoed = front.docker_reading(
        &["run", "--interactive", shared().image(), "sh", "-c", script],
        &input,
    );
    assert!(
        echoed.status.success(),
        "{:?}",
        String::from_utf8_lossy(&echoed.stderr)
    );
    assert!(echoed.stdout == input, "{} bytes", echoed.stdout.len());
    assert_eq!(echoed.stderr, b"ended\n");

    let sleeper = shared().run_sleeper(&[]);
    let echoed = front.docker_reading(
        &["exec", "--interactive", &sleeper, "sh", "-c", script],
        &input[..100_000],
    );
    assert!(
        echoed.stdout == input[..100_000],
        "{} bytes",
        echoed.stdout.len()
    );
    assert_eq!(echoed.stderr, b"ended\n");
    let failed = front
        .command(&["exec", &sleeper, "sh", "-c", "exit 3"])
        .output();
    assert_eq!(failed.unwrap().status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_a_connection_over_without_asking_hears_the_output() {
    let front = Front::of(shared(), "run-plain").await;
    let sleeper = shared().run_sleeper(&[]);
    let exec = json!({ "AttachStdout": true, "Tty": true, "Cmd": ["echo", "heard"] }).to_string();
    let exec = shared().post(&format!("/containers/{sleeper}/exec"), &exec);
    let exec: serde_json::Value = serde_json::from_str(&exec).unwrap();
    let path = format!("/exec/{}/start", exec["Id"].as_str().unwrap());
    let reply = front.exchange(&post(&path, r#"{"Tty":true}"#)).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert!(reply.contains("heard\r\n"), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_ends_its_request_to_the_daemon() {
    let counter = Counter::of(shared());
    let front = Front::to(&counter.config(), "run-going").await.unwrap();
    let talker = shared().run(&[], &["sh", "-c", "echo line; sleep 100000"]);
    let mut logs = front.start(&["logs", "--follow", &talker]);
    let mut line = String::new();
    BufReader::new(logs.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "line\n");
    let wait = front.start(&["wait", &talker]);
    let events = front.start(&["events"]);
    eventually("the requests are under way", async || counter.open() >= 3).await;
    // The container is still running, so that the daemon has no reason of its own to end them.
    drop((logs, wait, events));
    eventually("the requests have ended", async || counter.open() == 0).await;
    shared().docker(&["kill", &talker]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen() {
    let front = Front::of(shared(), "run-events").await;
    let mut events = front.start(&["events", "--format={{.Action}} {{.Actor.ID}}"]);
    let mut lines = BufReader::new(events.0.stdout.take().unwrap()).lines();
    let (seen, next) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let heard = lines.find(|line| line.as_ref().unwrap().starts_with("create heard-"));
        seen.send(heard).unwrap();
    });
    // When the command has begun to listen is not to be seen, so something happens until it is heard.
    let is_heard = (0..100).any(|number| {
        front.docker(&["volume", "create", &format!("heard-{number}")]);
        next.recv_timeout(Duration::from_millis(200))
            .is_ok_and(|heard| heard.is_some())
    });
    assert!(is_heard);
    reader.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_both_ways() {
    let front = Front::of(shared(), "run-files").await;
    let directory = tempfile::tempdir().unwrap();
    let content = noise(6 << 20);
    let (there, back) = (
        directory.path().join("there"),
        directory.path().join("back"),
    );
    std::fs::write(&there, &content).unwrap();
    let container = front.docker(&["create", shared().image(), "true"]);
    front.docker(&[
        "cp",
        there.to_str().unwrap(),
        &format!("{container}:/tmp/x"),
    ]);
    front.docker(&["cp", &format!("{container}:/tmp/x"), back.to_str().unwrap()]);
    assert!(std::fs::read(&back).unwrap() == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_saved_loaded_and_imported() {
    let front = Front::of(shared(), "run-archives").await;
    let id = shared().create_image("archived:1");
    let mut saving = front.start(&["save", "archived:1"]);
    let mut archive = Vec::new();
    saving
        .0
        .stdout
        .as_mut()
        .unwrap()
        .read_to_end(&mut archive)
        .unwrap();
    assert!(saving.0.wait().unwrap().success());
    shared().docker(&["rmi", "archived:1"]);
    let loaded = front.docker_reading(&["load"], &archive);
    assert!(loaded.status.success(), "{loaded:?}");
    assert_eq!(shared().inspect("archived:1", "{{.Id}}").unwrap(), id);

    let container = shared().create(&[], &["true"]);
    let mut exporting = front
        .command(&["export", &container])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let imported = front
        .command(&["import", "-", "imported:1"])
        .stdin(exporting.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(exporting.wait().unwrap().success());
    assert!(imported.status.success(), "{imported:?}");
    let listed = front.docker(&["run", "imported:1", "/bin/ls", "/bin/busybox"]);
    assert_eq!(listed, "/bin/busybox");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_before_the_end_of_a_request_arrives() {
    let front = Front::of(shared(), "run-early").await;
    let garbage = noise(20 << 20);
    for arguments in [&["load"][..], &["import", "-", "garbage:1"]] {
        let through = front.docker_reading(arguments, &garbage);
        let direct = front.docker_reading(
            &[&["--host", &shared().host()], arguments].concat(),
            &garbage,
        );
        assert!(!direct.status.success(), "{direct:?}");
        assert_eq!(through, direct);
    }
}
