//! Whether backends wait for each other: 1,000 simulated ones, of which ten give no answer and ten cannot be opened,
//! beside the same without those twenty.
//!
//! `cargo bench -p tbengine-tests --bench lanes [-- --backends 1000]`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Program, argument, figure};

/// How many of each sort of trouble there are.
const TROUBLED: usize = 10;

fn main() {
    let program = Program::build();
    let backends = argument("--backends", 1000);
    let home = tempfile::tempdir().expect("a temporary directory");
    let without = config(home.path(), backends - 2 * TROUBLED, 0);
    let with = config(home.path(), backends - 2 * TROUBLED, TROUBLED);
    // What is compiled once does not count.
    run(&program, &without);
    let (alone, beside) = (run(&program, &without), run(&program, &with));
    assert_eq!(alone.deleted, beside.deleted, "the same is deleted");
    for (name, run) in [("without those twenty", &alone), ("with them", &beside)] {
        println!(
            "{:<58} {:>9.3}s for {} deletions, {:.3}s in all",
            format!("{backends} backends, {name}"),
            run.done.as_secs_f64(),
            run.deleted,
            run.ended.as_secs_f64()
        );
    }
    figure(
        "the others are done, over the time without those twenty",
        beside.done.as_secs_f64() / alone.done.as_secs_f64(),
        "",
        1.2,
        true,
    );
}

/// How long a run took.
struct Ran {
    /// Until the last deletion.
    done: Duration,
    /// Until the command had ended.
    ended: Duration,
    deleted: usize,
}

/// So many backends that answer, and so many of each that gives no answer and that cannot be opened.
fn config(home: &Path, answering: usize, troubled: usize) -> String {
    let broken = home.join("broken");
    std::fs::write(&broken, "#!/bin/sh\nexit 3\n").expect("a file can be written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&broken, mode).expect("its mode can be changed");
    let mut text = String::new();
    if troubled > 0 {
        write!(
            text,
            "[plugins.broken]\nprogram = {broken:?}\nsha256 = \"any\"\n"
        )
        .expect("a text can be written");
    }
    for number in 0..answering {
        write!(
            text,
            "[backends.b{number}]\nkind = \"memory\"\nseed = {number}\nresources = 8\nlatency = \"20ms\"\n"
        )
        .expect("a text can be written");
    }
    for number in 0..troubled {
        write!(
            text,
            "[backends.h{number}]\nkind = \"memory\"\nseed = 9{number}00\nlatency = \"1h\"\n[backends.x{number}]\nkind = \"broken\"\n"
        )
        .expect("a text can be written");
    }
    let path = home.join(format!("{troubled}.toml"));
    std::fs::write(&path, text).expect("the configuration can be written");
    path.to_str().expect("its path is text").to_owned()
}

fn run(program: &Program, config: &str) -> Ran {
    let begins = Instant::now();
    let mut child = program
        .command(&["run", "--yes", "--config", config, "-O", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tbengine starts");
    let stdout = child.stdout.take().expect("its output is a pipe");
    let (mut done, mut deleted) = (Duration::ZERO, 0);
    for line in BufReader::new(stdout).lines() {
        let line = line.expect("its output can be read");
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "step-finished" {
            done = begins.elapsed();
            deleted += usize::from(event["result"] == "deleted");
        }
    }
    child.wait().expect("tbengine ends");
    Ran {
        done,
        ended: begins.elapsed(),
        deleted,
    }
}
