//! The main job: list, plan, run with the aggressive policy as a file, list again.

use std::collections::BTreeSet;

use tbengine_dockerd::Dockerd;

use crate::on_docker;

/// The labels that docker-compose gives the container of a Harbor trial.
fn harbor(trial: &str) -> Vec<String> {
    let project = format!("{trial}__env");
    [
        format!("com.docker.compose.project={project}"),
        "com.docker.compose.service=main".to_owned(),
        format!("com.docker.compose.project.config_files=/tmp/harbor/{project}-docker-compose-resources.json"),
    ]
    .into_iter()
    .flat_map(|label| ["--label".to_owned(), label])
    .collect()
}

/// Twenty containers of mixed states, with networks, volumes and images of every kind.
fn leak(daemon: &Dockerd) {
    let net = daemon.create_network(
        "solve__abc2234__env_default",
        &[
            "--label",
            "com.docker.compose.project=solve__abc2234__env",
            "--label",
            "com.docker.compose.network=default",
        ],
    );
    for number in 0..4 {
        daemon.run_to_end(&["--name", &format!("failed-{number}")], 1);
    }
    for number in 0..4 {
        daemon.run_to_end(
            &["--name", &format!("done-{number}"), "--volume", "/scratch"],
            0,
        );
    }
    for number in 0..3 {
        daemon.create(&["--name", &format!("created-{number}")], &["true"]);
    }
    for number in 0..3 {
        let labels = harbor("solve__abc2234");
        let mut options: Vec<&str> = labels.iter().map(String::as_str).collect();
        let name = format!("solve__abc2234__env-main-{number}");
        options.extend(["--name", &name, "--network", &net, "--volume", "/scratch"]);
        daemon.run_obedient(&options);
    }
    for name in ["someones-postgres", "someones-redis"] {
        daemon.run_sleeper(&["--name", name, "--volume", "precious:/data"]);
    }
    daemon.run_sleeper(&["--name", "paused-of-someone"]);
    daemon.docker(&["pause", "paused-of-someone"]);
    daemon.run_to_end(
        &["--name", "protected", "--label", "tbengine.protect=true"],
        0,
    );
    daemon.run_to_end(
        &[
            "--name",
            "kept",
            "--label",
            "tbengine.keep-until=2999-01-01T00:00:00Z",
        ],
        0,
    );
    daemon.run_sleeper(&["--name", "restarting", "--restart", "always"]);
    daemon.create_volume("loose", &[]);
}

const STAYS: [&str; 6] = [
    "kept",
    "paused-of-someone",
    "protected",
    "restarting",
    "someones-postgres",
    "someones-redis",
];

#[test]
fn a_host_full_of_leftovers_is_cleaned_by_a_policy_from_a_file() {
    let (daemon, home) = on_docker();
    leak(&daemon);
    let exported = home.run(&["policy", "export", "aggressive", "-o", "aggressive.wasm"]);
    assert!(exported.code == 0, "{exported:?}");

    let (before, code) = home.json(&["list", "--kind", "container"]);
    assert_eq!(code, 0);
    assert_eq!(
        before["resources"].as_array().map(Vec::len),
        Some(20),
        "{before}"
    );

    let policy = [
        "--policy",
        "./aggressive.wasm",
        "--set",
        "running-older-than=0s",
        "--min-age",
        "0s",
    ];
    let (planned, code) = home.json(&[&["plan", "--exit-code"], &policy[..]].concat());
    assert_eq!(code, 7, "there is something to do");
    assert_eq!(daemon.containers().len(), 20, "a plan touches nothing");
    let safeguards: BTreeSet<&str> = planned["plan"]["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| refusal["safeguard"].as_str().unwrap())
        .collect();
    assert!(
        safeguards.contains("protected-label") && safeguards.contains("keep-until"),
        "{safeguards:?}"
    );

    let (ran, code) = home.json(&[&["run"], &policy[..]].concat());
    assert_eq!(code, 0, "{ran:#}");
    for outcome in ran["report"]["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["result"], "deleted", "{outcome}");
    }
    assert_eq!(daemon.containers(), STAYS);
    let networks = daemon.docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains("solve__abc2234"), "{networks}");
    let volumes = daemon.docker(&["volume", "ls", "--format", "{{.Name}}"]);
    let volumes: BTreeSet<&str> = volumes.lines().collect();
    assert!(volumes.contains("loose") && volumes.contains("precious"));
    // Those of trials have gone along; whose the four are that nobody named, nothing says.
    assert_eq!(volumes.len(), 6, "{volumes:?}");
    let steps = planned["plan"]["steps"].as_array().unwrap();
    let along = steps.iter().filter(|step| step.get("along").is_some());
    assert_eq!(along.count(), 3, "{planned:#}");
    let alone = steps.iter().filter(|step| step["alone"] == true);
    assert_eq!(alone.count(), 4, "{planned:#}");

    let (again, code) = home.json(&[&["run"], &policy[..]].concat());
    assert_eq!(code, 0);
    assert_eq!(
        again["report"]["outcomes"].as_array().map_or(0, Vec::len),
        0,
        "nothing is left to do"
    );
}

#[test]
fn a_label_in_the_scope_claims_what_runs() {
    let (daemon, home) = on_docker();
    daemon.run_sleeper(&["--name", "mine", "--label", "team=evals"]);
    daemon.run_sleeper(&["--name", "foreign"]);
    let (ran, code) = home.json(&[
        "run",
        "--label",
        "team=evals",
        "--policy",
        "aggressive",
        "--set",
        "running-older-than=0s",
        "--min-age",
        "0s",
        "--stop-timeout",
        "100ms",
    ]);
    assert_eq!(code, 0, "{ran:#}");
    assert_eq!(daemon.containers(), ["foreign"]);
}

#[test]
fn a_saved_plan_leaves_alone_what_was_started_since() {
    let (daemon, home) = on_docker();
    daemon.run_to_end(&["--name", "stays-dead"], 0);
    // Ends at its first start and runs at its second.
    daemon.run_to_end(&["--name", "revived"], 0);
    let policy = ["--policy", "aggressive", "--min-age", "0s"];
    let (_, code) = home.json(
        &[
            &["plan", "--save", "plan.json", "--kind", "container"],
            &policy[..],
        ]
        .concat(),
    );
    assert_eq!(code, 0);
    daemon.docker(&["start", "revived"]);
    daemon.docker(&["wait", "revived"]);
    let (ran, code) = home.json(&["run", "--plan", "plan.json", "--min-age", "0s"]);
    assert_eq!(code, 0, "{ran:#}");
    assert_eq!(daemon.containers(), ["revived"]);
}

#[test]
fn a_decoy_that_is_named_like_what_the_plan_names_survives() {
    let (daemon, home) = on_docker();
    daemon.run_to_end(&["--name", "gone"], 0);
    daemon.run_to_end(&["--name", "victim"], 0);
    let id = |name: &str| daemon.docker(&["inspect", "--format", "{{.Id}}", name]);
    let (gone, victim) = (id("gone"), id("victim"));
    let (gone, victim) = (gone.trim(), victim.trim());
    let policy = ["--policy", "aggressive", "--min-age", "0s"];
    let save = ["plan", "--save", "plan.json", "--kind", "container"];
    let (_, code) = home.json(&[&save[..], &policy].concat());
    assert_eq!(code, 0);
    // Docker takes a name for an id where no container has that id, so each decoy waits for a request
    // that comes after its victim is gone.
    daemon.docker(&["rm", "gone"]);
    daemon.run_to_end(&["--name", gone], 0);
    daemon.run_to_end(&["--name", victim], 0);
    let run = ["run", "--plan", "plan.json", "--min-age", "0s"];
    let (ran, code) = home.json(&run);
    assert_eq!(code, 0, "{ran:#}");
    let mut decoys = [gone.to_owned(), victim.to_owned()];
    decoys.sort();
    assert_eq!(daemon.containers(), decoys);
    let results: Vec<_> = ran["report"]["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["name"].as_str().unwrap(),
                one["result"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(results.contains(&("victim", "deleted")), "{results:?}");
    assert!(results.contains(&("gone", "already-gone")), "{results:?}");
}
