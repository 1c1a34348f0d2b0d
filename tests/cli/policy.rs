//! `tbengine policy`.

use crate::host::Host;

#[test]
fn list_names_built_in_and_configured_policies() {
    let host = Host::with(
        "[policies.nightly]\nbuiltin = \"aggressive\"\nparams = { dead-older-than = \"2h\" }",
    );
    let json = host
        .run(&["policy", "list", "-O", "json"])
        .with_code(0)
        .json();
    let names: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["aggressive", "default", "nightly"]);
}

#[test]
fn inspect_shows_parameters_with_types_defaults_and_docs() {
    let host = Host::new();
    let json = host
        .run(&["policy", "inspect", "default", "-O", "json"])
        .with_code(0)
        .json();
    let param = json["params"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "dead-older-than")
        .unwrap();
    assert_eq!(
        (&param["type"], &param["default"]),
        (&"duration".into(), &"1h".into())
    );
    assert!(
        json["imports"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one.as_str().unwrap().starts_with("tbengine:policy/log"))
    );
    let text = host
        .run(&["policy", "inspect", "default"])
        .with_code(0)
        .stdout;
    assert!(
        text.contains("running-older-than  duration  [24h]"),
        "{text}"
    );
}

#[test]
fn check_lets_it_judge_and_names_its_speed() {
    let host = Host::new();
    let json = host
        .run(&["policy", "check", "default", "-O", "json"])
        .with_code(0)
        .json();
    assert_eq!(json["resources"], 1000);
    assert!(json["resources-per-second"].as_f64().unwrap() > 0.0);
    let sum = ["keeps", "stops", "archives", "deletes"]
        .iter()
        .map(|key| json[key].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(sum, 1000);
    host.run(&["policy", "check", "default", "--set", "force=perhaps"])
        .with_code(2)
        .says("is not true or false");
    std::fs::write(host.path("hostile.wasm"), tbengine_builtins::HOSTILE).unwrap();
    host.run(&[
        "policy",
        "check",
        "hostile.wasm",
        "--set",
        "decides=doubled-id",
    ])
    .with_code(2)
    .says("twice");
}

#[test]
fn export_overwrites_only_if_told() {
    let host = Host::new();
    host.run(&["policy", "export", "default", "-o", "p.wasm"])
        .with_code(0);
    assert_eq!(
        std::fs::read(host.path("p.wasm")).unwrap(),
        tbengine_builtins::get("default").unwrap().wasm
    );
    host.run(&["policy", "export", "aggressive", "-o", "p.wasm"])
        .with_code(2)
        .says("--force");
    assert_eq!(
        std::fs::read(host.path("p.wasm")).unwrap(),
        tbengine_builtins::get("default").unwrap().wasm
    );
    host.run(&["policy", "export", "aggressive", "-o", "p.wasm", "--force"])
        .with_code(0);
    host.run(&["policy", "export", "agressive", "-o", "q.wasm"])
        .with_code(2)
        .says("built-in policies");
}

#[test]
fn names_and_paths_are_told_apart() {
    let host = Host::new();
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
    let host = Host::new();
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
    let host = Host::with(&format!(
        "[policies.p]\nbuiltin = \"default\"\nsha256 = \"{}\"",
        "0".repeat(64)
    ));
    host.run(&["plan", "--policy", "p"])
        .with_code(2)
        .says("is pinned")
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
