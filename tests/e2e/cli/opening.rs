//! Backends that cannot be opened, beside one that can.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tbengine_harness::Home;

use crate::home;

/// A program that says what it is, and does what is given when it is asked to open a backend.
fn program(on_hello: &str, on_open: &str) -> String {
    format!(
        r#"#!/usr/bin/python3
import json, os, subprocess, sys, time

def answer(call, body):
    print(json.dumps({{"id": call["id"], "status": "ok", "body": body}}), flush=True)

for line in sys.stdin:
    call = json.loads(line)
    if call.get("method") == "hello":
        {on_hello}
        kinds = [{{"kind": "odd", "about": "does not open"}}]
        answer(call, {{"name": "odd", "version": "1", "protocol": 2, "sdk": "py", "kinds": kinds}})
    elif call.get("method") == "open":
        {on_open}
"#
    )
}

/// A home with a simulated provider and a backend of this program.
fn beside(program: &str) -> Home {
    let host = home();
    let file = host.write("odd.py", program);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let odd = format!(
        "[plugins.odd]\nprogram = {file:?}\nsha256 = \"any\"\n[backends.odd]\nkind = \"odd\"",
    );
    host.memory(&odd)
}

/// What is wrong with a backend, and what is said of it.
const BROKEN: [(&str, &str, &str); 4] = [
    ("import nothing_like_it", "pass", "No module named"),
    ("sys.exit(3)", "pass", "exit status: 3"),
    ("pass", "sys.exit(4)", "exit status: 4"),
    (
        "pass",
        "print(json.dumps({'id': call['id'], 'status': 'unavailable', 'body': {'message': 'no route'}}), flush=True)",
        "no route",
    ),
];

#[test]
fn a_backend_that_cannot_be_opened_costs_itself_only() {
    for (on_hello, on_open, said) in BROKEN {
        let host = beside(&program(on_hello, on_open));
        let ended = host.run(&["run", "-O", "json"]).with_code(6);
        let json = ended.json();
        assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
        assert_eq!(json["failures"][0]["backend"], "odd", "{json}");
        let reason = json["failures"][0]["error"]["message"].as_str().unwrap();
        assert!(reason.contains("cannot be opened"), "{reason}");
        assert!(reason.contains(said), "{said}: {reason}");
        ended.says("error: backend `odd` could not be listed: it cannot be opened");
    }
}

#[test]
fn every_command_that_lists_goes_on_without_it() {
    let host = beside(&program("sys.exit(3)", "pass"));
    for args in [
        &["list"][..],
        &["plan"],
        &["doctor"],
        &["list", "--kind", "pod"],
    ] {
        host.run(args).with_code(6);
    }
    let listed = host.run(&["list", "-O", "json"]).with_code(6).json();
    let first = listed["resources"][0]["id"].as_str().unwrap();
    host.run(&["explain", first]).with_code(6);
    let health = host.run(&["doctor"]).stdout;
    assert!(health.contains("ok    backend memory"), "{health}");
    assert!(health.contains("error plugin odd"), "{health}");
    assert!(health.contains("error backend odd"), "{health}");
    // What it would make is to be found afterwards, so a guard does not begin without it.
    host.run(&["guard", "--", "true"])
        .with_code(6)
        .says("select the backends that respond with --backend");
    host.run(&["guard", "--backend", "memory", "--", "true"])
        .with_code(0);
}

#[test]
fn what_only_the_operator_can_settle_still_ends_with_2() {
    let host = beside(&program("sys.exit(3)", "pass"));
    let configuration = host.read(".config/tbengine/tbengine.toml");
    for (from, to) in [
        ("sha256 = \"any\"", "sha256 = \"00\""),
        ("[backends.memory]\n", "[backends.memory]\nsede = 1\n"),
    ] {
        let changed = configuration.replace(from, to);
        assert_ne!(changed, configuration);
        host.write(".config/tbengine/tbengine.toml", &changed);
        host.run(&["run"]).with_code(2);
    }
}

#[test]
fn a_library_that_is_missing_costs_its_backends_only() {
    let host = home();
    let missing = host.path("none.so");
    let odd = format!(
        "[plugins.odd]\npath = {missing:?}\nsha256 = \"any\"\n[backends.odd]\nkind = \"odd\"",
    );
    let host = host.memory(&odd);
    let json = host.run(&["run", "-O", "json"]).with_code(6).json();
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
}

#[test]
fn one_that_hangs_keeps_no_other_from_being_cleaned_meanwhile() {
    for (on_hello, on_open) in [("time.sleep(600)", "pass"), ("pass", "time.sleep(600)")] {
        let host = beside(&program(on_hello, on_open));
        // It ends while the other one still hangs, or else nobody would know.
        let mut child = host
            .command(&["run", "-O", "jsonl"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let events: Vec<Value> = lines
            .by_ref()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert_eq!(child.wait().unwrap().code(), Some(6));
        let place = |is: &dyn Fn(&Value) -> bool| events.iter().position(is);
        let cleaned = place(&|event| event["event"] == "run-finished").unwrap();
        let failed = place(&|event| event["event"] == "list-failed" && event["backend"] == "odd");
        assert!(cleaned < failed.unwrap(), "{events:?}");
        let deleted = events.iter();
        let deleted = deleted.filter(|event| event["result"] == "deleted").count();
        assert_eq!(deleted, 20);
    }
}

#[test]
fn the_deadline_holds_for_one_that_hangs() {
    for (on_hello, on_open) in [("time.sleep(600)", "pass"), ("pass", "time.sleep(600)")] {
        let host = beside(&program(on_hello, on_open));
        let ended = host.run(&["run", "--deadline", "4s", "-O", "json"]);
        let json = ended.with_code(6).json();
        assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
        let reason = json["failures"][0]["error"]["message"].as_str().unwrap();
        assert!(reason.contains("the run's deadline"), "{reason}");
    }
}

#[test]
fn what_opens_late_is_cleaned_as_well() {
    let plugin = include_str!("../../../plugins/templates/python/example.py");
    let slow = plugin.replacen("import json\n", "import json, time\ntime.sleep(4)\n", 1);
    assert_ne!(slow, plugin);
    let host = home().with_path();
    let file = host.write("slow.py", &slow);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let more = format!(
        "[plugins.slow]\nprogram = {file:?}\nsha256 = \"any\"\n[backends.slow]\nkind = \"example\"\n\
         exclusive = true",
    );
    let host = host.memory(&more);
    let run = ["run", "--policy", "aggressive", "--yes", "-O", "json"];
    let json = host.run(&run).with_code(0).json();
    let outcomes = json["report"]["outcomes"].as_array().unwrap();
    let of = |backend: &str| {
        let of = outcomes
            .iter()
            .filter(|one| one["id"].as_str().unwrap().starts_with(backend));
        of.map(|one| one["result"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert!(of("memory/").len() >= 20, "{json}");
    assert!(!of("slow/").is_empty(), "{json}");
    assert!(
        outcomes.iter().all(|one| one["result"] == "deleted"),
        "{json}"
    );
    // Each has a record of its own, and is resumed by itself.
    let runs = host.run(&["history", "-O", "json"]).json();
    assert_eq!(runs.as_array().unwrap().len(), 2);
}

#[test]
fn those_that_hang_are_waited_for_at_once() {
    let host = home();
    let hangs = program("pass", "time.sleep(600)");
    let file = host.write("odd.py", &hangs);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut more = format!("[plugins.odd]\nprogram = {file:?}\nsha256 = \"any\"\n");
    for number in 0..4 {
        more.push_str(&format!("[backends.odd{number}]\nkind = \"odd\"\n"));
    }
    let host = host.memory(&more);
    let begins = Instant::now();
    let json = host.run(&["run", "-O", "json"]).with_code(6).json();
    assert_eq!(json["failures"].as_array().unwrap().len(), 4);
    assert_eq!(json["report"]["outcomes"].as_array().unwrap().len(), 20);
    // One takes ten seconds.
    let took = begins.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
}
