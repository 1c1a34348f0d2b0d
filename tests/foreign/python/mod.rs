//! The Python package end to end: its own tests, run by its own Python, over the private daemon, the fake
//! Daytona service and the real program. What they are is in `scripts/`.

use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use tbengine_fake_daytona::{FakeDaytona, RunnerTimes, Settings};
use tbengine_harness::Home;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/foreign/python");
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/python");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// The tests share it.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = Path::new(HERE).join("requirements.txt");
    tbengine_venv::python(Path::new(TEMPORARY), &requirements)
});

/// Python in a home of its own, with the package and the program.
fn python() -> Home {
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = program.parent().expect("a directory").to_owned();
    let path = std::env::join_paths(once(beside).chain(std::env::split_paths(&path)));
    Home::new(&PYTHON, Path::new(TEMPORARY))
        .var("PATH", path.expect("they are separated by colons"))
        .var("PYTHONPATH", format!("{PACKAGE}/src:{HERE}/scripts"))
        .var("PYTHONDONTWRITEBYTECODE", "1")
        .var("README", format!("{PACKAGE}/README.md"))
}

/// Runs a module of tests, whose failures it shows.
fn pass(python: &Home, module: &str) {
    let ended = python.run(&["-m", "unittest", "--verbose", module]);
    let said = &ended.stderr;
    let ran = said.contains("... ok") && !said.contains("... skipped");
    assert!(ended.code == 0 && ran, "{module}:\n{said}");
}

fn over_docker(module: &str) {
    let python = python().docker(&tbengine_dockerd::shared().host());
    pass(&python, module);
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
    let python = python()
        .var("DAYTONA_API_URL", fake.url())
        .var("DAYTONA_API_KEY", fake.key());
    let passed = tokio::task::spawn_blocking(move || pass(&python, "test_daytona"));
    if let Err(error) = passed.await {
        std::panic::resume_unwind(error.into_panic());
    }
}

#[test]
fn it_can_be_installed_without_what_it_does_not_need() {
    let python = python();
    let target = python.path("installed");
    let source = python.path("source");
    // Building writes beside the sources.
    tbengine_venv::run(
        Command::new("cp").arg("-r").arg(PACKAGE).arg(&source),
        "the package can be copied",
    );
    let mut install = python.command(&["-m", "pip", "install", "--quiet", "--no-deps"]);
    install.arg("--no-index");
    install.args(["--no-build-isolation", "--disable-pip-version-check"]);
    install.arg("--target").arg(&target).arg(&source);
    tbengine_venv::run(&mut install, "the package can be built");
    assert!(target.join("tbengine/py.typed").exists());
    let check = "import sys, tbengine; print(tbengine.__file__, 'docker' in sys.modules, 'daytona' in sys.modules)";
    let mut import = python.command(&["-c", check]);
    import.env("PYTHONPATH", &target);
    let printed = tbengine_venv::run(&mut import, "the package can be imported");
    let file = target.join("tbengine/__init__.py");
    assert_eq!(printed.trim(), format!("{} False False", file.display()));
}
