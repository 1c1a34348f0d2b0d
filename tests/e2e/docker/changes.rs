//! What changed between the plan and the act, and what came to the host a moment ago.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_harness::Home;

use crate::on_docker;

const POLICY: [&str; 6] = [
    "--policy",
    "aggressive",
    "--set",
    "running-older-than=0s",
    "--min-age",
    "0s",
];

/// The label by which an image of Terminal-Bench is recognised, beside its name.
const BENCHMARK: &str = "LABEL com.docker.compose.project=hello-1-of-1-2026-01-02__03-04-05";

fn save_plan(home: &Home, scope: &[&str]) {
    let (plan, code) = home.json(&[&["plan", "--save", "plan.json"], scope, &POLICY].concat());
    assert_eq!(code, 0, "{plan:#}");
    let steps = plan["plan"]["steps"].as_array().map_or(0, Vec::len);
    assert!(steps > 0, "the plan names nothing: {plan:#}");
}

fn run_plan(home: &Home) -> (Value, i32) {
    home.json(&["run", "--plan", "plan.json", "--min-age", "0s"])
}

fn tags(daemon: &Dockerd) -> Vec<String> {
    daemon.names(&["images", "--format", "{{.Repository}}:{{.Tag}}"])
}

/// An image of its own that is not tagged any more.
fn dangling(daemon: &Dockerd) -> String {
    let id = daemon.create_image("old:1");
    daemon.docker(&["tag", daemon.image(), "other:1"]);
    daemon.docker(&["tag", "other:1", "old:1"]);
    daemon.docker(&["rmi", "old:1", "other:1"]);
    id
}

#[test]
fn an_image_that_was_tagged_after_the_plan_stays() {
    let (daemon, home) = on_docker();
    let id = dangling(&daemon);
    save_plan(&home, &["--kind", "image"]);
    daemon.docker(&["tag", &id, "important:v1"]);
    let (ran, _) = run_plan(&home);
    assert!(
        tags(&daemon).contains(&"important:v1".to_owned()),
        "{ran:#}"
    );
    let refused = ran["plan"]["refusals"].to_string();
    assert!(refused.contains("important:v1"), "{ran:#}");
}

#[test]
fn an_image_with_names_in_several_repositories_goes_with_those_of_the_plan() {
    let (daemon, home) = on_docker();
    daemon.create_image("build:1");
    let labelled = tempfile::tempdir().unwrap();
    daemon
        .import(labelled.path(), "tb__hello__client:latest", &[BENCHMARK])
        .unwrap();
    for name in ["tb__hello__client:two", "tb__other__client:one"] {
        daemon.docker(&["tag", "tb__hello__client:latest", name]);
    }
    let (ran, code) = home.json(&[&["run", "--kind", "image"], &POLICY[..]].concat());
    assert_eq!(code, 0, "{ran:#}");
    let left = tags(&daemon);
    assert!(
        !left.iter().any(|tag| tag.contains("tb__")),
        "{left:?} {ran:#}"
    );
    assert!(left.contains(&"build:1".to_owned()), "{left:?}");
    let outcomes = ran["report"]["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 1, "{ran:#}");
    assert_eq!(outcomes[0]["result"], "deleted", "{ran:#}");
}

#[test]
fn what_ran_in_the_plan_and_was_started_again_stays() {
    let (daemon, home) = on_docker();
    for name in ["restarted", "left-alone"] {
        daemon.run_sleeper(&["--name", name, "--label", "team=evals"]);
    }
    save_plan(&home, &["--label", "team=evals"]);
    daemon.docker(&["restart", "--time", "0", "restarted"]);
    let (ran, _) = run_plan(&home);
    assert_eq!(daemon.containers(), ["restarted"], "{ran:#}");
}

/// Loads an image that was built long ago, as a registry or an archive has it.
fn load_old(daemon: &Dockerd, tag: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    daemon.create_image(tag);
    daemon.docker(&["save", "--output", &path("image.tar"), tag]);
    daemon.docker(&["rmi", tag]);
    let script = r#"
        set -e
        cd "$1"; mkdir image; tar -xf image.tar -C image
        for config in image/*.json; do
            case $config in image/manifest.json) continue;; esac
            sed -i 's/"created":"[^"]*"/"created":"2020-01-02T03:04:05Z"/g' "$config"
        done
        tar -cf old.tar -C image .
    "#;
    let mut rewriting = Command::new("sh");
    rewriting.args(["-c", script, "sh"]).arg(directory.path());
    assert!(rewriting.status().unwrap().success());
    daemon.docker(&["load", "--input", &path("old.tar")]);
    let created = daemon.docker(&["image", "inspect", "--format", "{{.Created}}", tag]);
    assert!(created.starts_with("2020"), "{created}");
}

#[test]
fn an_old_image_that_came_a_moment_ago_is_young() {
    let (daemon, home) = on_docker();
    load_old(&daemon, "old:1");
    let run = |min_age: &str| {
        let scope = ["run", "--kind", "image", "--policy", "aggressive"];
        home.json(&[&scope[..], &["--min-age", min_age]].concat())
    };
    // Its last tag goes, and with that all that would say when it came.
    let id = daemon.docker(&["image", "inspect", "--format", "{{.Id}}", "old:1"]);
    daemon.docker(&["tag", daemon.image(), "old:1"]);
    let is_there = || daemon.try_docker(&["image", "inspect", &id]).is_ok();
    assert!(is_there());
    for _ in 0..2 {
        let (ran, code) = run("1h");
        assert_eq!(code, 0, "{ran:#}");
        assert!(is_there(), "{ran:#}");
    }
    sleep(Duration::from_millis(1100));
    let (ran, code) = run("1s");
    assert_eq!(code, 0, "{ran:#}");
    assert!(!is_there(), "it was seen more than a second ago: {ran:#}");
}

#[test]
fn a_unit_goes_as_one_though_its_container_wrote_to_its_volume() {
    let (daemon, home) = on_docker();
    let project = "solve__abc2234__env";
    let files = "com.docker.compose.project.config_files=/x/harbor/environments/docker/docker-compose-build.yaml";
    let of_project = format!("com.docker.compose.project={project}");
    daemon.create_volume("solve_data", &["--label", &of_project]);
    let labels = [
        "--label",
        &of_project,
        "--label",
        files,
        "--label",
        "com.docker.compose.service=main",
    ];
    let options = [
        &labels[..],
        &["--name", "main", "--volume", "solve_data:/data"],
    ]
    .concat();
    let script = "while true; do touch /data/$RANDOM; sleep 0.2; done";
    daemon.run(&options, &["sh", "-c", script]);
    save_plan(&home, &[]);
    // Docker dates volumes to the second.
    sleep(Duration::from_millis(1500));
    let (ran, code) = run_plan(&home);
    assert_eq!(code, 0, "{ran:#}");
    let volumes = daemon.names(&["volume", "ls", "--format", "{{.Name}}"]);
    assert_eq!((daemon.containers(), volumes), (vec![], vec![]), "{ran:#}");
}

#[test]
fn an_unused_volume_that_was_made_anew_after_the_plan_stays() {
    let (daemon, home) = on_docker();
    let claimed = ["--label", "team=evals"];
    for name in ["anew", "untouched"] {
        daemon.create_volume(name, &claimed);
    }
    // What is older than no time at all has an age.
    sleep(Duration::from_millis(1100));
    save_plan(&home, &claimed);
    daemon.docker(&["volume", "rm", "anew"]);
    daemon.create_volume("anew", &claimed);
    let (ran, _) = run_plan(&home);
    let volumes = daemon.names(&["volume", "ls", "--format", "{{.Name}}"]);
    assert_eq!(volumes, ["anew"], "{ran:#}");
}
