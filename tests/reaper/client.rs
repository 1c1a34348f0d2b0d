//! tbengine in a container, in Ryuk's place: for a real client, and by itself.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tbengine_dockerd::{Dockerd, Network};

use crate::host::{Client, signal, until};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reaper/python");
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

/// Runs a command to its end, and fails loudly with all that it said.
fn run(command: &mut Command, hint: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {hint}\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The Python of a virtual environment that has the client; it is made once, below the target directory.
fn python() -> PathBuf {
    let requirements = format!("{PYTHON}/requirements.txt");
    // Named after the version in the first line, so that another version gets another one.
    let name = fs::read_to_string(&requirements).unwrap();
    let name = name.lines().next().unwrap().replace("==", "-");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = |home: &Path| home.join("bin/python");
    if !home.exists() {
        // Made aside and then moved, so that whatever is there is whole.
        let making = home.with_extension(format!("{}.partial", process::id()));
        let hint = "the tests need python3 with venv and pip (Debian: python3-venv)";
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&making),
            hint,
        );
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        let mut pip = Command::new(python(&making));
        pip.args(install).args(["--requirement", &requirements]);
        run(&mut pip, "the client could not be installed");
        if fs::rename(&making, &home).is_err() {
            // Another test process was quicker; its environment is as good.
            fs::remove_dir_all(&making).unwrap();
        }
    }
    python(&home)
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
    let entrypoint = r#"ENTRYPOINT ["/tbengine","reaper"]"#;
    daemon.import(root.path(), IMAGE, &[entrypoint]).unwrap();
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
    signal(client.id(), "KILL");
    client.wait().unwrap();
    until("the container is gone", || !exists(&id("container")));
    until("the network is gone", || !exists(&id("network")));
    until("the reaper is gone", || !exists(&id("reaper")));
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
    until("it listens", || logs().contains("Started!"));
    let mut client = Client::unix(&home.path().join("reaper.sock"));
    assert_eq!(client.say("label=session=boxed\n"), "ACK\n");
    drop(client);
    assert_eq!(daemon.docker(&["wait", &reaper]), "0", "{}", logs());
    assert!(!exists(&sleeper), "{}", logs());
    assert!(exists(&reaper));
    assert_eq!(logs().matches("in memory only").count(), 1, "{}", logs());
}
