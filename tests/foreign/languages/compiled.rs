//! What compilers made, kept below the target directory under a digest of all that went in: the sources as
//! `tbengine policy new` wrote them, the commands, and the versions of the tools. The program itself does not go
//! in, so what it does with a module is done anew each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{LazyLock, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{TARGET, TOOLS};

/// One at a time: some of the compilers take all cores and half a gigabyte.
static COMPILER: Mutex<()> = Mutex::new(());

/// The versions of what the pages call.
static VERSIONS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut versions = TOOLS.clone().into_bytes();
    // `TOOLS` begins with a directory of that which was installed.
    let home = Path::new(TARGET).join("policy-tools");
    versions.extend(fs::read(home.join("installed")).expect("the compilers are installed"));
    for (program, argument) in [("rustc", "-vV"), ("cargo", "-V"), ("nim", "--version")] {
        let output = Command::new(program).arg(argument).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        versions.extend(output.stdout);
    }
    versions.extend(std::env::var("RUSTFLAGS").unwrap_or_default().bytes());
    versions
});

/// Leaves in a folder the modules that commands make of what is in it: by `compile`, or as they were made once.
pub(crate) fn keep(folder: &Path, commands: &str, compile: impl FnOnce()) {
    let kept = Path::new(TARGET)
        .join("policy-guests")
        .join(key(folder, commands));
    if !kept.exists() {
        let _alone = COMPILER.lock().unwrap_or_else(PoisonError::into_inner);
        compile();
        // Made aside and then moved, so that whatever is there is whole.
        let making = kept.with_extension(format!("{}.partial", process::id()));
        for module in files(folder).iter().filter(|path| is_module(path)) {
            copy(&folder.join(module), &making.join(module));
        }
        fs::create_dir_all(&making).unwrap();
        if fs::rename(&making, &kept).is_err() {
            // Another test was quicker.
            fs::remove_dir_all(&making).unwrap();
        }
        return;
    }
    for module in files(&kept) {
        copy(&kept.join(&module), &folder.join(&module));
    }
}

/// Whether a later command may want it. What cargo keeps for itself is not meant.
fn is_module(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "wasm")
        && path.components().all(|part| part.as_os_str() != "deps")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

/// The digest of what goes in.
fn key(folder: &Path, commands: &str) -> String {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update(bytes.len().to_le_bytes());
        digest.update(bytes);
    };
    add(&VERSIONS);
    add(commands.as_bytes());
    for file in files(folder) {
        add(file.as_os_str().as_encoded_bytes());
        add(&fs::read(folder.join(&file)).unwrap());
    }
    hex::encode(digest.finalize())
}

/// The files below a directory, by their paths from there, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => waiting.push(entry.path()),
                false => found.push(entry.path().strip_prefix(directory).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}
