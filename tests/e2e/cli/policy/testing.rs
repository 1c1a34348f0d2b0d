//! What policies answer: checked, compared with what is expected, and with each other.

use super::MAX_AGE;
use crate::home;

#[test]
fn check_lets_it_judge_and_names_its_speed() {
    let host = home().memory("");
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
    .says("two verdicts");
}

#[test]
fn check_writes_values_separated_by_commas_where_they_are_asked_for() {
    let csv = home()
        .memory("")
        .run(&["policy", "check", "default", "-O", "csv"])
        .with_code(0)
        .stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].starts_with("policy,version,digest,contract,imports,resources,keeps,"));
    assert!(lines[1].starts_with("default,"), "{csv}");
}

#[test]
fn a_template_is_tested_and_a_wrong_answer_is_shown() {
    let host = home().memory("");
    host.run(&["policy", "new", "wat", "disk-full"])
        .with_code(0);
    host.run(&["policy", "pack", "disk-full/disk-full.wat", "-o", "p.wasm"])
        .with_code(0);
    let json = host
        .run(&["policy", "inspect", "p.wasm", "-O", "json"])
        .with_code(0)
        .json();
    assert_eq!(json["name"], "disk-full");
    let tests = ["policy", "test", "p.wasm", "disk-full/tests"];
    let ended = host.run(&tests).with_code(0);
    assert!(
        ended
            .stdout
            .contains("29 resources, 15 decisions, 5 retries"),
        "{}",
        ended.stdout
    );

    let file = host.path("disk-full/tests/host.expected.json");
    let right = std::fs::read_to_string(&file).unwrap();
    let wrong = right
        .replacen("labelled to be kept", "loved", 1)
        .replacen("tried often enough", "tired", 1)
        .replacen("docker/container/very-old", "docker/container/very-new", 1);
    std::fs::write(&file, &wrong).unwrap();
    let ended = host.run(&tests).with_code(1).says("1 of 2 cases failed");
    for part in [
        "failed disk-full/tests/host.expected.json",
        "expected  keep: loved",
        "answered  keep: labelled to be kept",
        "attempt 4 failed: transient",
        "expected  give up: tired",
        "docker/container/very-new\n    expected  delete: older than allowed, priority",
        "answered  no opinion",
    ] {
        assert!(
            ended.stdout.contains(part),
            "{part} is not in {}",
            ended.stdout
        );
    }
    let json = host
        .run(&["policy", "test", "p.wasm", "disk-full/tests", "-O", "json"])
        .with_code(1)
        .json();
    assert_eq!(json[1]["differences"].as_array().unwrap().len(), 4);
    host.run(&["policy", "test", "p.wasm", "disk-full/tests", "--update"])
        .with_code(0);
    let updated: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(
        updated,
        serde_json::from_str::<serde_json::Value>(&right).unwrap()
    );
}

/// The inventories that were recorded of a private Docker and of the fake Daytona service.
#[test]
fn policies_for_one_benchmark_answer_as_is_expected_of_recorded_hosts() {
    let host = home().memory("");
    for (policy, cases) in [("harbor", 4), ("terminal-bench", 1)] {
        let tests = format!(
            "{}/../../policies/{policy}/tests",
            env!("CARGO_MANIFEST_DIR")
        );
        let tested = host
            .run(&["policy", "test", policy, &tests, "-O", "json"])
            .with_code(0)
            .json();
        let tested = tested.as_array().unwrap();
        assert_eq!(tested.len(), cases);
        for case in tested {
            assert_eq!(case["differences"], serde_json::json!([]), "{case:#}");
            assert_ne!(case["decisions"], 0, "{case:#}");
        }
    }
}

#[test]
fn folders_without_sense_are_refused() {
    let host = home().memory("");
    std::fs::create_dir(host.path("tests")).unwrap();
    let test = || host.run(&["policy", "test", "default", "tests"]);
    test()
        .with_code(2)
        .says("no recorded inventory")
        .says("list --record");
    host.run(&["list", "--record", "tests/host.json"])
        .with_code(0);
    test()
        .with_code(2)
        .says("no expectations for")
        .says("--update");
    host.run(&["policy", "test", "default", "tests", "--update"])
        .with_code(0);
    test().with_code(0);
    host.write("tests/other.expected.json", "{}");
    test().with_code(2).says("no inventory for");
    std::fs::remove_file(host.path("tests/other.expected.json")).unwrap();
    host.write("tests/host.expected.json", r#"{"decision": {}}"#);
    test().with_code(2).says("unknown field `decision`");
    host.write("tests/host.json", "{}");
    host.write("tests/host.expected.json", "{}");
    test().with_code(2).says("it is not a recorded inventory");
}

#[test]
fn two_policies_are_compared_on_a_record_and_on_what_is_there() {
    let host = home().memory("");
    host.run(&["list", "--record", "host.json"]).with_code(0);
    let diff = |args: &[&str]| host.run(&[&["policy", "diff"], args].concat());
    let same = diff(&[
        "default",
        "default",
        "--inventory",
        "host.json",
        "-O",
        "json",
    ])
    .with_code(0);
    assert_eq!(same.json(), serde_json::json!([]));
    let json = diff(&[
        "default",
        "aggressive",
        "--inventory",
        "host.json",
        "-O",
        "json",
    ])
    .with_code(0)
    .json();
    let first = &json[0];
    assert_ne!(first["before"], first["after"]);
    diff(&["default", "aggressive"])
        .with_code(0)
        .says("decisions differ");
    // A parameter goes to the one that has it; what neither has is refused.
    host.write("core.wat", MAX_AGE);
    host.run(&["policy", "pack", "core.wat", "-o", "m.wasm"])
        .with_code(0);
    let sets = [
        "m.wasm",
        "default",
        "--set",
        "older-than=1h",
        "--set",
        "dead-older-than=2h",
    ];
    diff(&[&sets[..], &["--inventory", "host.json"]].concat()).with_code(0);
    diff(&["m.wasm", "default", "--set", "oldr-than=1h"])
        .with_code(2)
        .says("no parameter");
}

#[test]
fn a_record_is_what_is_in_scope_and_the_same_each_time() {
    let host = home().memory("");
    host.run(&["list", "--kind", "container", "--record", "a.json"])
        .with_code(0)
        .says("recorded in a.json");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(host.path(name)).unwrap()).unwrap()
    };
    host.run(&["list", "--kind", "container", "--record", "b.json"])
        .with_code(0);
    let (a, b) = (read("a.json"), read("b.json"));
    assert_eq!(a["resources"], b["resources"]);
    let resources = a["resources"].as_array().unwrap();
    assert!(!resources.is_empty());
    assert!(
        resources
            .iter()
            .all(|one| one["identity"]["kind"] == "container")
    );
    host.run(&["list", "--record", "missing/a.json"])
        .with_code(1)
        .says("failed to write");
}

#[test]
fn check_asks_for_advice_and_shows_what_was_used() {
    let host = home().memory("");
    std::fs::write(host.path("hostile.wasm"), tbengine_builtins::HOSTILE).unwrap();
    let check = ["policy", "check", "./hostile.wasm", "--set"];
    let ended = host.run(&[&check[..], &["retries=panic"]].concat());
    ended.with_code(2).says("failed in `retry`");
    let wait = [&check[..], &["retries=wait"]].concat();
    let said = host.run(&wait).with_code(0).stdout;
    for part in [
        "advised after 18 failed attempts",
        "it used at most ",
        " of 256 MiB of memory; decide ",
        " of 200000000",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = host.run(&[&wait[..], &["-O", "json"]].concat()).json();
    for figure in ["fuel", "retry-fuel", "memory"] {
        assert_ne!(json[figure], 0, "{figure}");
    }
    let fuel = json["fuel"].as_u64().unwrap();
    assert!(fuel < json["fuel-limit"].as_u64().unwrap());
}

#[test]
fn a_test_has_a_time_and_a_scope_of_its_own() {
    let host = home().memory("");
    std::fs::create_dir(host.path("tests")).unwrap();
    host.run(&["list", "--record", "tests/host.json"])
        .with_code(0);
    let decided = |expected: &str| {
        host.write("tests/host.expected.json", expected);
        host.run(&["policy", "test", "default", "tests", "--update"])
            .with_code(0);
        let written: serde_json::Value =
            serde_json::from_str(&host.read("tests/host.expected.json")).unwrap();
        let decisions = written["decisions"].as_object().unwrap().clone();
        let deleted = decisions
            .iter()
            .filter(|(_, said)| said["verdict"] == "delete");
        let deleted: Vec<String> = deleted.map(|(id, _)| id.clone()).collect();
        (deleted, written)
    };
    let (usual, _) = decided("{}");
    // Before anything existed nothing is old enough.
    let (early, written) = decided(r#"{"now": "2001-01-01T00:00:00Z"}"#);
    assert!(!usual.is_empty() && early.is_empty(), "{early:?}");
    assert_eq!(written["now"], "2001-01-01T00:00:00Z");
    let (containers, _) = decided(r#"{"scope": {"kind": ["container"]}}"#);
    let is_container = |id: &&String| id.contains("/container/");
    assert!(!containers.is_empty() && containers.iter().all(|id| is_container(&id)));
    assert!(usual.iter().filter(is_container).count() >= containers.len());
    let (old, _) = decided(r#"{"scope": {"older-than": "36500d"}}"#);
    assert!(old.is_empty(), "{old:?}");
    let ended = host.run(&["policy", "test", "default", "tests"]);
    assert!(ended.with_code(0).stdout.ends_with("1 ok, 0 failed\n"));
    host.write("tests/host.expected.json", r#"{"scope": {"knd": []}}"#);
    host.run(&["policy", "test", "default", "tests"])
        .with_code(2)
        .says("unknown field `knd`");
}

#[test]
fn a_test_that_fails_names_the_resource() {
    let host = home().memory("");
    std::fs::create_dir(host.path("tests")).unwrap();
    host.run(&["list", "--record", "tests/host.json"])
        .with_code(0);
    host.write("tests/host.expected.json", "{}");
    let test = ["policy", "test", "default", "tests"];
    let json = host
        .run(&[&test[..], &["-O", "json"]].concat())
        .with_code(1);
    let differs = json.json()[0]["differences"].as_array().unwrap().clone();
    let named = differs
        .iter()
        .find(|one| one["about"].as_str().unwrap().contains("/container/"))
        .unwrap();
    let (name, id) = (
        named["name"].as_str().unwrap(),
        named["about"].as_str().unwrap(),
    );
    assert_ne!(name, "");
    let shown = host.run(&test).with_code(1).stdout;
    assert!(
        shown.contains(&format!("  {name}: {id}\n")),
        "{name}: {shown}"
    );
    assert!(shown.ends_with("0 ok, 1 failed\n"), "{shown}");
}
