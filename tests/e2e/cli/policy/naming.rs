//! How a policy is named, pinned and told what to do.

use crate::home;

#[test]
fn names_and_paths_are_distinguished() {
    let host = home().memory("");
    host.run(&["plan", "--policy", "defualt"])
        .with_code(2)
        .says("did you mean `default`?");
    host.run(&["plan", "--policy", "./default.wasm"])
        .with_code(2)
        .says("did you mean the built-in policy `default`?");
    // A file never takes the place of a name, and a bare name never is a file.
    host.write("default", "not wasm");
    host.run(&["plan", "--policy", "default"]).with_code(0);
    host.run(&["plan", "--policy", "./default"])
        .with_code(2)
        .says("is not WebAssembly");
    host.write("mine", "not wasm");
    host.run(&["plan", "--policy", "mine"])
        .with_code(2)
        .says("write ./mine");
}

#[test]
fn parameters_are_checked() {
    let host = home().memory("");
    for (set, says) in [
        ("dead-oldr-than=1h", "did you mean `dead-older-than`?"),
        ("dead-older-than=-1h", "dead-older-than"),
        ("states=gone", "`gone`"),
    ] {
        host.run(&["plan", "--set", set]).with_code(2).says(says);
    }
}

#[test]
fn a_pinned_policy_must_be_that_one() {
    let host = home().memory(&format!(
        "[policies.p]\nbuiltin = \"default\"\nsha256 = \"{}\"",
        "0".repeat(64)
    ));
    host.run(&["plan", "--policy", "p"])
        .with_code(2)
        .says("pinned is")
        .says("tbengine.toml:6");
    let json = host
        .run(&["policy", "inspect", "default", "-O", "json"])
        .json();
    let digest = json["digest"].as_str().unwrap();
    host.configure(&format!(
        "[policies.p]\nbuiltin = \"default\"\nsha256 = \"{digest}\""
    ));
    host.run(&["plan", "--policy", "p"]).with_code(0);
}

#[test]
fn a_reference_names_one_component_only() {
    let host = home().memory("");
    let json = host
        .run(&["policy", "inspect", "default", "-O", "json"])
        .json();
    let digest = json["digest"].as_str().unwrap();
    assert_eq!(json["contract"], "tbengine:policy@3.0.0");
    let plan = host
        .run(&[
            "plan",
            "--policy",
            &format!("default@sha256:{digest}"),
            "-O",
            "json",
        ])
        .with_code(0)
        .json();
    assert_eq!(plan["plan"]["header"]["policy"]["digest"], digest);
    let other = format!("default@sha256:{}", "0".repeat(64));
    host.run(&["plan", "--policy", &other])
        .with_code(2)
        .says("pinned is");
    host.run(&["plan", "--policy", "default@sha256:12"])
        .with_code(2)
        .says("64 hexadecimal digits");
}
