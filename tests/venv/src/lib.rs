//! A virtual environment of Python for tests: made once from a list of pinned packages, below the target
//! directory, so that nothing is installed into the system's Python.
//!
//! - [`error`]: why none could be made

pub mod error;

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use error::VenvError;

/// The Python of the environment that has these packages. `directory` is the caller's
/// `CARGO_TARGET_TMPDIR`, and `requirements` a file as pip reads it.
///
/// # Panics
/// If there is no `python3` with venv, or a package cannot be installed; the message says so.
pub fn python(directory: &Path, requirements: &Path) -> PathBuf {
    made_by("python3".as_ref(), directory, requirements).unwrap_or_else(|error| panic!("{error}"))
}

/// The same for packages that need at least Python 3.`minor`, which not every machine has, and that cannot be
/// installed everywhere.
///
/// # Errors
/// If there is no such Python with venv, or a package cannot be installed.
///
/// # Panics
/// If a file below `directory` cannot be written.
pub fn python_since(
    minor: u32,
    directory: &Path,
    requirements: &Path,
) -> Result<PathBuf, VenvError> {
    let check = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < (3, {minor}))");
    let fits = |python: &PathBuf| {
        let ended = Command::new(python).args(["-c", &check]).output();
        ended.is_ok_and(|output| output.status.success())
    };
    let python = candidates(minor).into_iter().find(fits);
    let python = python.ok_or(VenvError::NoPython { minor })?;
    made_by(python.as_os_str(), directory, requirements)
}

/// What may be a Python 3 of at least this minor version: by its usual names, and where pyenv installs some.
fn candidates(minor: u32) -> Vec<PathBuf> {
    let mut candidates = vec![PathBuf::from("python3")];
    candidates.extend((minor..minor + 8).map(|minor| format!("python3.{minor}").into()));
    let pyenv = std::env::var_os("PYENV_ROOT");
    let installed = pyenv.map(|root| fs::read_dir(Path::new(&root).join("versions")));
    let mut installed: Vec<PathBuf> = installed
        .into_iter()
        .flatten()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin/python3"))
        .collect();
    installed.sort();
    candidates.extend(installed);
    candidates
}

fn made_by(python: &OsStr, directory: &Path, requirements: &Path) -> Result<PathBuf, VenvError> {
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
        make(python, &home, requirements)?;
    }
    Ok(interpreter(&home))
}

/// Nobody else makes it meanwhile.
fn make(python: &OsStr, home: &Path, requirements: &Path) -> Result<(), VenvError> {
    // Made aside and then moved, so that whatever is there is whole. One that was cut off is begun anew.
    let making = home.with_extension("partial");
    if making.exists() {
        fs::remove_dir_all(&making).unwrap_or_else(|error| panic!("{}: {error}", making.display()));
    }
    let mut create = Command::new(python);
    try_run(
        create.args(["-m", "venv"]).arg(&making),
        "the tests need python3 with venv and pip (Debian: python3-venv)",
    )?;
    let mut install = Command::new(interpreter(&making));
    install.args(["-m", "pip", "install", "--quiet"]);
    install.args(["--disable-pip-version-check", "--requirement"]);
    try_run(
        install.arg(requirements),
        "the packages could not be installed",
    )?;
    fs::rename(&making, home).unwrap_or_else(|error| panic!("{}: {error}", home.display()));
    Ok(())
}

fn interpreter(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// Runs a command to its end and gives what it printed; fails loudly with all that it said.
///
/// # Panics
/// If the command cannot be started, or ends with a failure. `hint` says what to do then.
pub fn run(command: &mut Command, hint: &str) -> String {
    try_run(command, hint).unwrap_or_else(|error| panic!("{error}"))
}

fn try_run(command: &mut Command, hint: &str) -> Result<String, VenvError> {
    let shown = format!("{command:?}");
    let failed = |how: String| VenvError::Command {
        command: shown,
        how,
        hint: hint.to_owned(),
    };
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Err(failed(error.to_string())),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let written = text(&output.stdout) + &text(&output.stderr);
    Err(failed(format!("{}\n{written}", output.status)))
}
