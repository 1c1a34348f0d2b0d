//! A daemon that refuses some removals, and one that is not there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_harness::Ended;
use tempfile::tempdir;

use crate::on_docker;

/// Makes a daemon unable to remove a container: its directory cannot be changed, not even by root.
struct Immutable(PathBuf);

impl Immutable {
    fn container(daemon: &Dockerd, id: &str) -> Self {
        let path = daemon.data_root().join("containers").join(id);
        chattr("+i", &path);
        Self(path)
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        chattr("-i", &self.0);
    }
}

fn chattr(flag: &str, path: &PathBuf) {
    let status = Command::new("chattr").arg(flag).arg(path).status();
    let status = status.expect("chattr is installed (package e2fsprogs)");
    assert!(status.success(), "chattr {flag} {} failed", path.display());
}

fn results(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["report"]["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| (text(&outcome["name"]), text(&outcome["result"])))
        .collect()
}

const RUN: [&str; 9] = [
    "run",
    "--policy",
    "aggressive",
    "--min-age",
    "0s",
    "--concurrency",
    "1",
    "--set",
    "retry-delay=10ms",
];

#[test]
fn aggregate_goes_on_and_fail_fast_does_not() {
    let (daemon, home) = on_docker();
    let make = |name: &str| daemon.run_to_end(&["--name", name], 0);
    for number in 0..6 {
        make(&format!("c{number}"));
    }
    // Docker lists the newest first, so this one is the first step.
    let stubborn = make("stubborn");
    let immutable = Immutable::container(&daemon, &stubborn);

    let (ran, code) = home.json(&[&RUN[..], &["--fail-fast"]].concat());
    assert_eq!(code, 1, "{ran:#}");
    let ended = results(&ran);
    let of = |result: &str| ended.iter().filter(|(_, have)| have == result).count();
    assert_eq!((of("failed"), of("cancelled")), (1, 6), "{ended:?}");
    assert_eq!(daemon.containers().len(), 7);

    let (ran, code) = home.json(&RUN);
    assert_eq!(code, 1, "{ran:#}");
    let ended = results(&ran);
    let of = |result: &str| ended.iter().filter(|(_, have)| have == result).count();
    assert_eq!((of("failed"), of("deleted")), (1, 6), "{ended:?}");
    assert_eq!(daemon.containers(), ["stubborn"]);

    drop(immutable);
    let (ran, code) = home.json(&RUN);
    assert_eq!(code, 0, "{ran:#}");
    assert!(daemon.containers().is_empty());
}

#[test]
fn a_daemon_that_is_down_is_a_loud_failure() {
    let (daemon, home) = on_docker();
    daemon.terminate();
    for command in ["list", "plan", "run"] {
        let output = home.run(&[command]);
        assert_eq!(output.code, 6, "{command}: {output:?}");
        let told = output.stderr;
        assert!(told.contains("hint:"), "{command}: {told}");
    }
}

#[test]
fn a_socket_that_may_not_be_opened_names_the_group() {
    const NOBODY: u32 = 65534;
    let place = tempdir().unwrap();
    let open_to_all = |path: &std::path::Path| {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    };
    open_to_all(place.path());
    let socket = place.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o660)).unwrap();
    // The build directory may be closed to others.
    let program = place.path().join("tbengine");
    fs::copy(env!("CARGO_BIN_EXE_tbengine"), &program).unwrap();
    open_to_all(&program);

    let output = Command::new(&program)
        .arg("list")
        .env_clear()
        .env("HOME", place.path())
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .current_dir(place.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let output = Ended::from(output);
    assert_eq!(output.code, 6, "{output:?}");
    let told = output.stderr;
    assert!(
        told.contains("no permission to open") && told.contains("group `docker`"),
        "{told}"
    );
}
