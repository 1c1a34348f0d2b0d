//! Policies that fail, or do not decide alike, and what is said then.

use crate::{Home, home};

/// A home with a policy that misbehaves on demand.
fn hostile() -> Home {
    let host = home().memory("");
    std::fs::write(host.path("hostile.wasm"), tbengine_builtins::HOSTILE).unwrap();
    host
}

#[test]
fn a_policy_that_fails_before_it_decides_is_reported_like_one_that_fails_then() {
    let host = hostile();
    for set in ["configures=panic", "decides=panic"] {
        let args = ["run", "--policy", "./hostile.wasm", "--set", set];
        let ended = host.run(&args).with_code(2);
        let function = match set.starts_with("configures") {
            true => "configure",
            false => "decide",
        };
        for said in [
            &*format!("policy `hostile` failed in `{function}`"),
            "I never could stand Mondays",
            "nothing is deleted while the policy fails",
            "backtrace:",
            "log:",
        ] {
            assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        }
    }
}

#[test]
fn standard_output_says_that_the_policy_failed() {
    let host = hostile();
    let policy = ["--policy", "./hostile.wasm", "--set", "decides=panic"];
    for command in [&["run"][..], &["plan"]] {
        let ended = host.run(&[command, &policy].concat()).with_code(2);
        let says = "The policy failed, so nothing was decided";
        assert!(ended.stdout.contains(says), "{}", ended.stdout);
        assert!(!ended.stdout.contains("Nothing to do"), "{}", ended.stdout);
    }
    let listed = host.run(&["list", "-O", "json"]).with_code(0).json();
    let id = listed["resources"][0]["id"].as_str().unwrap().to_owned();
    let ended = host
        .run(&[&["explain", &id], &policy[..]].concat())
        .with_code(2);
    let says = "it failed, so everything is kept";
    assert!(ended.stdout.contains(says), "{}", ended.stdout);
}

#[test]
fn check_complains_about_a_policy_that_does_not_decide_alike() {
    let host = hostile();
    let check = |set: &[&str], code: i32| {
        let mut args = vec!["policy", "check", "./hostile.wasm"];
        args.extend(set.iter().flat_map(|set| ["--set", set]));
        host.run(&args).with_code(code).stdout
    };
    assert!(!check(&[], 0).contains("decides otherwise"));
    let said = check(&["decides=the-first"], 1);
    assert!(
        said.contains("in another order, and in another run, it decides otherwise"),
        "{said}"
    );
    let said = check(&["decides=unlabelled", "labels=nothing"], 1);
    assert!(
        said.contains("with all labels and attributes it decides otherwise"),
        "{said}"
    );
    check(&["decides=unlabelled", "labels=everything"], 0);
    for builtin in ["default", "aggressive", "harbor", "terminal-bench"] {
        host.run(&["policy", "check", builtin]).with_code(0);
    }
}

#[test]
fn inspect_lists_the_facts_that_a_policy_of_an_older_contract_does_not_get() {
    let host = home().memory("");
    let old = include_str!("../../../../engine/tests/engine/policy_host/guests/max-age-2.0.wat");
    host.write("core.wat", old);
    host.run(&["policy", "pack", "core.wat", "-o", "old.wasm"])
        .with_code(0);
    let old = host
        .run(&["policy", "inspect", "./old.wasm"])
        .with_code(0)
        .stdout;
    assert!(old.contains("contract tbengine:policy@2.0.0"), "{old}");
    assert!(old.contains("missing: kinds other than container"), "{old}");
    let new = host
        .run(&["policy", "inspect", "default"])
        .with_code(0)
        .stdout;
    assert!(!new.contains("missing:"), "{new}");
}
