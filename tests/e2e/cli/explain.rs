//! `tbengine explain`.

use tbengine_harness::steady;

use crate::home;

#[test]
fn it_shows_facts_the_decision_and_the_safeguard() {
    let ended = home()
        .memory("")
        .run(&["explain", "paper-figures"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
}

#[test]
fn a_step_is_announced_and_holders_are_named() {
    let host = home().memory("");
    let dead = host.run(&["list", "--state", "dead", "-O", "json"]).json();
    let resource = &dead["resources"][0];
    let native = resource["identity"]["native"].as_str().unwrap();
    for id in [
        resource["id"].as_str().unwrap(),
        native,
        &native[..12],
        resource["name"].as_str().unwrap(),
    ] {
        let ended = host.run(&["explain", id]).with_code(0);
        assert!(
            ended.stdout.contains("`tbengine run` would delete it"),
            "{}",
            ended.stdout
        );
    }
    let json = host
        .run(&["explain", "pgdata", "-O", "json"])
        .with_code(0)
        .json();
    assert_eq!(json["used-by"].as_array().unwrap().len(), 1);
    assert_eq!(json["step"], serde_json::Value::Null);
}

#[test]
fn what_is_not_there_or_not_unique_is_an_error() {
    let host = home().memory("");
    host.run(&["explain", "no-such-thing"])
        .with_code(2)
        .says("no resource has the id or name");
    let sandboxes = host.run(&["explain", "fix-git__"]).with_code(2);
    sandboxes.says("no resource");
}

#[test]
fn what_lies_outside_the_scope_was_not_asked_about() {
    let ended = home()
        .memory("")
        .run(&["explain", "pgdata", "--older-than", "100d"])
        .with_code(0);
    assert!(
        ended.stdout.contains("not evaluated: out of scope"),
        "{}",
        ended.stdout
    );
}
