//! tbengine in a container, in Ryuk's place: for a real client, and by itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tbengine_dockerd::{Dockerd, Network};
use tbengine_harness::eventually;
use tbengine_venv::run;

use super::session::Client;
use crate::home;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/reaper/python");
const IMAGE: &str = "tbengine-reaper:latest";

/// A daemon whose containers have ports, with tbengine's image in it; the tests share it.
static DAEMON: LazyLock<Dockerd> = LazyLock::new(|| {
    let daemon = match Dockerd::start_with(Network::Bridge) {
        Ok(daemon) => daemon,
        Err(error) => panic!("{error}"),
    };
    import_image(&daemon);
    daemon
});

/// The Python that has the client.
fn python() -> PathBuf {
    let requirements = Path::new(PYTHON).join("requirements.txt");
    tbengine_venv::python(Path::new(env!("CARGO_TARGET_TMPDIR")), &requirements)
}

/// An image with the program and the libraries that it needs, and nothing else.
fn import_image(daemon: &Dockerd) {
    let root = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_tbengine");
    let mut strip = Command::new("strip");
    strip
        .arg("-o")
        .arg(root.path().join("tbengine"))
        .arg(program);
    run(&mut strip, "binutils, which comes with gcc, has it");
    let libraries = run(Command::new("ldd").arg(program), "libc-bin has it");
    for library in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let target = root.path().join(&library[1..]);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(library, target).unwrap();
    }
    let listen = "ENV TBENGINE_LISTEN=tcp://0.0.0.0:8080";
    let entrypoint = r#"ENTRYPOINT ["/tbengine","reaper"]"#;
    let changes = [listen, entrypoint];
    daemon.import(root.path(), IMAGE, &changes).unwrap();
}

fn exists(id: &str) -> bool {
    DAEMON.inspect(id, "{{.}}").is_ok()
}

/// Testcontainers for Python starts the image as its reaper, and is killed.
#[test]
fn a_real_one_that_is_killed_leaves_nothing_behind() {
    let daemon = &*DAEMON;
    let foreign = [
        daemon.run_sleeper(&["--label", "org.testcontainers=true"]),
        daemon.run_sleeper(&["--label", "org.testcontainers.session-id=another"]),
    ];
    let home = tempfile::tempdir().unwrap();
    let namespace = daemon.network_namespace().unwrap();
    // nsenter becomes the client, so the process is the client's own.
    let mut client = Command::new("nsenter")
        .arg(format!("--net={}", namespace.display()))
        .arg(python())
        .arg(format!("{PYTHON}/leak.py"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("DOCKER_HOST", daemon.host())
        .env("RYUK_CONTAINER_IMAGE", IMAGE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("util-linux has nsenter");
    let mut said = String::new();
    let output = client.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut said).unwrap();
    let made: Value = serde_json::from_str(&said).expect("the client says what it made");
    let id = |what: &str| made[what].as_str().unwrap().to_owned();
    for what in ["container", "network", "reaper"] {
        assert!(exists(&id(what)), "{what}");
    }
    let image = daemon.inspect(&id("reaper"), "{{.Config.Image}}");
    assert_eq!(image.unwrap(), IMAGE);
    client.kill().unwrap();
    client.wait().unwrap();
    eventually("the container is gone", || !exists(&id("container")));
    eventually("the network is gone", || !exists(&id("network")));
    eventually("the reaper is gone", || !exists(&id("reaper")));
    for foreign in foreign {
        assert!(exists(&foreign));
    }
}

/// Also where it carries what a client names, and where nothing can be written.
#[test]
fn its_own_container_stays() {
    let daemon = &*DAEMON;
    let home = tempfile::tempdir().unwrap();
    let sleeper = daemon.run_sleeper(&["--label", "session=boxed"]);
    let reaper = daemon.docker(&[
        "run",
        "--detach",
        "--read-only",
        "--label=session=boxed",
        "--env=RYUK_RECONNECTION_TIMEOUT=500ms",
        &format!(
            "--volume={}:/var/run/docker.sock",
            daemon.socket().display()
        ),
        &format!("--volume={}:/home", home.path().display()),
        IMAGE,
        "--listen=unix:///home/reaper.sock",
    ]);
    let logs = || {
        let mut command = Command::new("docker");
        command
            .args(["logs", &reaper])
            .env("DOCKER_HOST", daemon.host());
        String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned()
    };
    eventually("it listens", || logs().contains("Started!"));
    let mut client = Client::unix(&home.path().join("reaper.sock"));
    assert_eq!(client.say("label=session=boxed\n"), "ACK\n");
    drop(client);
    assert_eq!(daemon.docker(&["wait", &reaper]), "0", "{}", logs());
    assert!(!exists(&sleeper), "{}", logs());
    assert!(exists(&reaper));
    assert_eq!(logs().matches("in memory only").count(), 1, "{}", logs());
}

/// As the documents say: with its state in a place outside, which a run on the host and one in a container can read.
#[test]
fn what_is_killed_with_its_client_is_finished_by_a_later_run() {
    let daemon = &*DAEMON;
    for (name, on_the_host) in [("by-the-host", true), ("by-a-container", false)] {
        let place = tempfile::tempdir().unwrap();
        let label = format!("session={name}");
        let ours = [
            daemon.run_sleeper(&["--label", &label, "--network=none"]),
            daemon.create_volume(name, &["--label", &label]),
        ];
        let foreign = daemon.run_sleeper(&["--label=session=of-another", "--network=none"]);
        let socket = format!(
            "--volume={}:/var/run/docker.sock",
            daemon.socket().display()
        );
        let state = format!("--volume={}:/state", place.path().display());
        let options = [
            "--network=none",
            "--env=TBENGINE_STATE_DIR=/state/tbengine",
            &socket,
            &state,
        ];
        let listen = "--listen=unix:///state/reaper.sock";
        let start = [&["run", "--detach"], &options[..], &[IMAGE, listen]].concat();
        let reaper = daemon.docker(&start);
        let path = place.path().join("reaper.sock");
        eventually("it listens", || path.exists());
        let mut client = Client::unix(&path);
        assert_eq!(client.say(&format!("label={label}\n")), "ACK\n");
        daemon.docker(&["kill", &reaper]);
        drop(client);
        assert!(ours.iter().all(|one| exists(one)), "nobody finished it yet");
        let said = if on_the_host {
            let home = home().docker(&daemon.host());
            let kept = place.path().join("tbengine");
            let run = ["run", "--yes", "--state-dir", kept.to_str().unwrap()];
            home.run(&run).with_code(0).stderr
        } else {
            let run = ["--entrypoint=/tbengine", IMAGE, "run", "--yes"];
            daemon.docker(&[&["run", "--rm"], &options[..], &run].concat())
        };
        assert!(!ours.iter().any(|one| exists(one)), "{name}: {said}");
        assert!(exists(&foreign), "{name}: {said}");
    }
}
