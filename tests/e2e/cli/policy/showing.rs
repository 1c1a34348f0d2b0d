//! What there is, and what a policy says of itself.

use crate::home;

#[test]
fn list_names_built_in_and_configured_policies() {
    let host = home().memory(
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
    assert_eq!(
        names,
        [
            "aggressive",
            "default",
            "harbor",
            "nightly",
            "terminal-bench"
        ]
    );
}

#[test]
fn inspect_shows_parameters_with_types_defaults_and_docs() {
    let host = home().memory("");
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
fn inspect_shows_what_a_policy_for_one_benchmark_can_be_told() {
    let host = home().memory("");
    let inspect = |policy| host.run(&["policy", "inspect", policy]).with_code(0).stdout;
    let text = inspect("harbor");
    for shown in [
        "dead-older-than  duration  [10m]",
        "running-older-than  duration  [12h]",
        "duplicates-older-than  duration  [5m]",
        "snapshots  boolean  [false]",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
    assert!(!inspect("terminal-bench").contains("snapshots"));
    // What the other policies are told to narrow them, a whole unit cannot be narrowed by.
    host.run(&["plan", "--policy", "harbor", "--set", "states=exited"])
        .with_code(2)
        .says("has no parameter `states`");
}
