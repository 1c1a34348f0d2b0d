//! Libraries in C, made of a source.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with a library in it.
pub(crate) struct Built {
    #[allow(
        dead_code,
        reason = "it is removed when this is dropped; not every test looks into it"
    )]
    pub(crate) folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

/// Compiles and links a source, by its path from this package. `TBENGINE_TEST_CFLAGS` adds flags to the
/// first of the two: a library that is checked for its use of memory takes the checker from the program
/// that loads it.
pub(crate) fn compile(source: &Path, flags: &[&str]) -> Built {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    take_usual_mask();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (object, path) = ("plugin.o", folder.path().join("plugin.so"));
    let more = std::env::var("TBENGINE_TEST_CFLAGS").unwrap_or_default();
    let mut compiler = cc(folder.path());
    compiler
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC"])
        .args(["-pthread", "-c", "-o", object, "-I"])
        .arg(here.join("../../sdk/include"))
        .args(flags)
        .args(more.split_whitespace())
        .arg(here.join(source));
    run(&mut compiler);
    let mut linker = cc(folder.path());
    linker
        .args(["-shared", "-pthread", object, "-o"])
        .arg(&path);
    run(&mut linker);
    Built { folder, path }
}

/// A library that others may write is not loaded, so these tests do not take the mask of files they are given.
pub(crate) fn take_usual_mask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
}

fn cc(folder: &Path) -> Command {
    let mut command = Command::new("cc");
    command.current_dir(folder);
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("the C compiler starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
