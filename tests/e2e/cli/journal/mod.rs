//! What is recorded, what can be resumed, and who may work on what.

mod contest;
mod quarantine;
mod records;
mod resuming;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tbengine_harness::Home;

const STATE: &str = ".local/state/tbengine";

fn history(host: &Home) -> Vec<Value> {
    let json = host.run(&["history", "-O", "json"]).with_code(0).json();
    json.as_array().unwrap().clone()
}

/// Starts a run and waits until so many steps have ended.
fn started(host: &Home, args: &[&str], ended: usize) -> Child {
    let args = [&["run", "-O", "jsonl", "--concurrency", "2"], args].concat();
    let mut child = host
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut seen = 0;
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        seen += usize::from(line["event"] == "step-finished");
        if line["event"] == "attempt-started" && seen >= ended {
            break;
        }
    }
    child
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn killed(host: &Home, args: &[&str]) -> String {
    let mut child = started(host, args, 2);
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    history(host)[0]["run"].as_str().unwrap().to_owned()
}
