//! `tbengine doctor`.

use crate::home;

#[test]
fn all_fine_is_0() {
    let host = home().memory("");
    let ended = host.run(&["doctor"]).with_code(0);
    for line in [
        "ok    backend memory: ",
        "ok    policy default: default ",
        "ok    policy aggressive: aggressive ",
        "note  plugin docker: ",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(
        ended.stdout.contains(
            host.path(".config/tbengine/tbengine.toml")
                .to_str()
                .unwrap()
        )
    );
}

#[test]
fn a_backend_that_does_not_answer_is_6_and_has_a_hint() {
    let host = home().memory("");
    host.write(".config/tbengine/tbengine.toml", "");
    let docker = ("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let ended = host
        .run_with(&["doctor", "-O", "json"], &[docker])
        .with_code(6);
    let findings = ended.json();
    let bad = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["state"] == "bad")
        .unwrap();
    assert_eq!(bad["name"], "docker");
    assert!(!bad["hints"].as_array().unwrap().is_empty());
}

#[test]
fn a_policy_that_does_not_load_is_2() {
    let host = home().memory("[policies.gone]\npath = \"gone.wasm\"");
    let ended = host.run(&["doctor"]).with_code(2);
    assert!(
        ended
            .stdout
            .contains("error policy gone: failed to read the policy"),
        "{}",
        ended.stdout
    );
}
