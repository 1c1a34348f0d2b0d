//! A virtual environment of Python for tests: made once from a list of pinned packages, below the target
//! directory, so that nothing is installed into the system's Python.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of the environment that has these packages. `directory` is the caller's
/// `CARGO_TARGET_TMPDIR`, and `requirements` a file as pip reads it.
///
/// # Panics
/// If there is no `python3` with venv, or a package cannot be installed; the message says so.
pub fn python(directory: &Path, requirements: &Path) -> PathBuf {
    let packages = fs::read_to_string(requirements)
        .unwrap_or_else(|error| panic!("{}: {error}", requirements.display()));
    // Named after the packages, so that other versions get another one.
    let mut hasher = DefaultHasher::new();
    packages.hash(&mut hasher);
    let home = directory.join(format!("venv-{:016x}", hasher.finish()));
    // Tests of other processes may want it at once.
    let lock = File::create(directory.join("venv.lock"));
    let lock = lock.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    lock.lock().expect("a file can be locked");
    if !home.exists() {
        make(&home, requirements);
    }
    interpreter(&home)
}

/// Nobody else makes it meanwhile.
fn make(home: &Path, requirements: &Path) {
    // Made aside and then moved, so that whatever is there is whole. One that was cut off is begun anew.
    let making = home.with_extension("partial");
    if making.exists() {
        fs::remove_dir_all(&making).unwrap_or_else(|error| panic!("{}: {error}", making.display()));
    }
    let mut create = Command::new("python3");
    run(
        create.args(["-m", "venv"]).arg(&making),
        "the tests need python3 with venv and pip (Debian: python3-venv)",
    );
    let mut install = Command::new(interpreter(&making));
    install.args(["-m", "pip", "install", "--quiet"]);
    install.args(["--disable-pip-version-check", "--requirement"]);
    run(
        install.arg(requirements),
        "the packages could not be installed",
    );
    fs::rename(&making, home).unwrap_or_else(|error| panic!("{}: {error}", home.display()));
}

fn interpreter(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// Runs a command to its end and gives what it printed; fails loudly with all that it said.
///
/// # Panics
/// If the command cannot be started, or ends with a failure. `hint` says what to do then.
pub fn run(command: &mut Command, hint: &str) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?} ended with {}; {hint}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr),
    );
    text(&output.stdout)
}
