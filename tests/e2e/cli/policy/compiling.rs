//! Policies that cost a lot to compile.

use rustix::process::Signal;
use tbengine_harness::{Home, eventually};

use super::MAX_AGE;
use crate::home;

/// A policy with functions besides its own, each of so many multiplications.
fn with_functions(host: &Home, count: usize, multiplications: usize) {
    let body = "i32.const 7 i32.mul ".repeat(multiplications);
    let function = format!("(func (result i32) i32.const 7 {body})\n");
    let at = MAX_AGE.rfind(')').unwrap();
    let text = [&MAX_AGE[..at], &function.repeat(count), ")"].concat();
    host.write("core.wat", &text);
    host.run(&["policy", "pack", "core.wat", "-o", "large.wasm"])
        .with_code(0);
}

#[test]
fn a_huge_function_is_refused_before_it_is_compiled() {
    let host = home().memory("");
    with_functions(&host, 1, 400_000);
    for command in [
        &["policy", "check", "./large.wasm"][..],
        &["run", "--policy", "./large.wasm"],
    ] {
        host.run(command)
            .with_code(2)
            .says("large.wasm has a function of 12000")
            .says("the maximum is 1048576");
    }
}

/// What the end of that process means is tried where it is started.
#[test]
fn the_process_that_compiles_ends_when_it_has_taken_its_time() {
    use std::os::unix::process::ExitStatusExt as _;

    let host = home().memory("");
    with_functions(&host, 15_000, 10);
    let parent = std::process::id().to_string();
    let large = std::fs::File::open(host.path("large.wasm")).unwrap();
    let cache = host.path("cache");
    let compile = ["policy-compile", &parent, "1", cache.to_str().unwrap()];
    let status = host.command(&compile).stdin(large).status().unwrap();
    assert_eq!(status.signal(), Some(Signal::XCPU.as_raw()), "{status}");
    // Only its parent can have it compile.
    let mut alone = host.command(&["policy-compile", "1", "1", compile[3]]);
    assert_eq!(alone.status().unwrap().code(), Some(2));
}

#[test]
fn the_first_signal_ends_compiling() {
    let host = home().memory("");
    with_functions(&host, 15_000, 10);
    // Where it has not been compiled before.
    let cache = host.path("cache");
    let host = host.var("XDG_CACHE_HOME", cache);
    let mut running = host.start(&["run", "--policy", "./large.wasm"]);
    let pid = running.pid().as_raw_pid();
    let compiles = || {
        let commands = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let path = entry.ok()?.path().join("cmdline");
            String::from_utf8(std::fs::read(path).ok()?).ok()
        });
        let ours = format!("policy-compile\0{pid}\0");
        commands.into_iter().any(|command| command.contains(&ours))
    };
    eventually("it compiles", compiles);
    running.signal(Signal::TERM);
    assert_eq!(running.ended(), Some(143), "{}", running.log());
    eventually("the compiler has ended", || !compiles());
    assert!(
        running
            .log()
            .contains("interrupted before anything was done")
    );
}
