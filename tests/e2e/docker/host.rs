//! The daemon, the program and what leaked.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tbengine_dockerd::Dockerd;

/// A daemon of its own for each test, because each counts everything that is there.
pub(crate) fn daemon() -> Dockerd {
    match Dockerd::start() {
        Ok(daemon) => daemon,
        Err(error) => panic!("{error}"),
    }
}

/// Runs the program on a daemon, in a home of its own.
pub(crate) fn tbengine(daemon: &Dockerd, home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tbengine"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("DOCKER_HOST", daemon.host())
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// What the program wrote to standard output as JSON, and its exit code.
pub(crate) fn json(daemon: &Dockerd, home: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = tbengine(daemon, home, &[arguments, &["--output", "json"]].concat());
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    let value = serde_json::from_str(&text).unwrap_or_else(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("{error} in {text}\n{stderr}")
    });
    (value, output.status.code())
}

/// The names of the containers that exist.
pub(crate) fn containers(daemon: &Dockerd) -> Vec<String> {
    let names = daemon.docker(&["ps", "-a", "--format", "{{.Names}}"]);
    let mut names: Vec<String> = names.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// The labels that docker-compose gives the container of a Harbor trial.
pub(crate) fn harbor(trial: &str) -> Vec<String> {
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
