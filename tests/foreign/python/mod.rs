//! The Python package end to end: its own tests, run by its own Python, over the private daemon, the fake
//! Daytona service and the real program. What they are is in `scripts/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use tbengine_fake_daytona::{FakeDaytona, RunnerTimes, Settings};
use tempfile::TempDir;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/foreign/python");
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/python");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// The tests share it.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = Path::new(HERE).join("requirements.txt");
    tbengine_venv::python(Path::new(TEMPORARY), &requirements)
});

/// Python in a home of its own, with the package and the program, and nothing of this process' environment.
fn python(home: &TempDir) -> Command {
    tbengine_harness::surroundings::make_usual();
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let mut path = program
        .parent()
        .expect("a directory")
        .as_os_str()
        .to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(&*PYTHON);
    command
        .current_dir(home.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", home.path())
        .env("XDG_CACHE_HOME", TEMPORARY)
        .env("PYTHONPATH", format!("{PACKAGE}/src:{HERE}/scripts"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("README", format!("{PACKAGE}/README.md"));
    command
}

/// Runs a module of tests, whose failures it shows.
fn pass(mut python: Command, module: &str) {
    python.args(["-m", "unittest", "--verbose", module]);
    let output = python.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let ran = said.contains("... ok") && !said.contains("... skipped");
    assert!(output.status.success() && ran, "{module}:\n{said}");
}

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn over_docker(module: &str) {
    let home = home();
    let mut python = python(&home);
    python.env("DOCKER_HOST", tbengine_dockerd::shared().host());
    pass(python, module);
}

#[test]
fn a_guard_around_a_block() {
    over_docker("test_guard");
}

#[test]
fn a_container_for_a_block() {
    over_docker("test_docker");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_for_a_block() {
    let settings = Settings {
        sandboxes: 3,
        runner: RunnerTimes {
            destroy: Duration::from_millis(50),
            ..RunnerTimes::default()
        },
        ..Settings::default()
    };
    let fake = FakeDaytona::start(settings)
        .await
        .expect("a loopback port is free");
    let home = home();
    let mut python = python(&home);
    python
        .env("DAYTONA_API_URL", fake.url())
        .env("DAYTONA_API_KEY", fake.key());
    let passed = tokio::task::spawn_blocking(move || pass(python, "test_daytona"));
    if let Err(error) = passed.await {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[test]
fn it_can_be_installed_without_what_it_does_not_need() {
    let home = home();
    let target = home.path().join("installed");
    let source = home.path().join("source");
    // Building writes beside the sources.
    tbengine_venv::run(
        Command::new("cp").arg("-r").arg(PACKAGE).arg(&source),
        "the package can be copied",
    );
    let mut install = python(&home);
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]);
    install.args(["--no-build-isolation", "--disable-pip-version-check"]);
    install.arg("--target").arg(&target).arg(&source);
    tbengine_venv::run(&mut install, "the package can be built");
    assert!(target.join("tbengine/py.typed").exists());
    let mut import = python(&home);
    let check = "import sys, tbengine; print(tbengine.__file__, 'docker' in sys.modules, 'daytona' in sys.modules)";
    import.env("PYTHONPATH", &target).args(["-c", check]);
    let printed = tbengine_venv::run(&mut import, "the package can be imported");
    let file = target.join("tbengine/__init__.py");
    assert_eq!(printed.trim(), format!("{} False False", file.display()));
}
