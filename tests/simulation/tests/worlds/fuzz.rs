//! Each target for a moment. `cargo run --release -p tbengine-fuzz` gives each a minute.

use std::time::Duration;

use tbengine_fuzz::{fuzz, targets};

fn hold(name: &str) {
    let target = targets::ALL
        .into_iter()
        .find(|target| target.name == name)
        .unwrap();
    let mut time = Duration::from_secs(2);
    let mut fuzzed = fuzz(&target, 0, time);
    // A machine that is busy gets more of it.
    while fuzzed.inputs <= 20 && fuzzed.broken.is_none() && time < Duration::from_secs(60) {
        time *= 2;
        fuzzed = fuzz(&target, 0, time);
    }
    if let Some((number, input, what)) = fuzzed.broken {
        let text = String::from_utf8_lossy(&input);
        panic!(
            "input {number} of `{name}`: {what}\n{}",
            text.escape_debug()
        );
    }
    // If none gets through the door, nothing behind it is tested.
    assert!(fuzzed.good > 0 && fuzzed.inputs > 20, "{fuzzed:?}");
}

#[test]
fn no_saved_plan_breaks_it() {
    hold("plan");
}

#[test]
fn no_policy_module_breaks_it() {
    hold("policy");
}

#[test]
fn no_answer_of_docker_breaks_it() {
    hold("docker");
}

#[test]
fn no_answer_of_daytona_breaks_it() {
    hold("daytona");
}
