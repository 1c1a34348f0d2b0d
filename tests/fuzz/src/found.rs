//! Where what broke a promise is kept.

use std::path::PathBuf;

/// Writes an input that broke a promise below the target directory, to be repeated by `fuzz NAME --replay FILE`. Answers
/// where it is, if it could be written.
pub fn keep(target: &str, number: u64, input: &[u8]) -> Option<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    std::fs::create_dir_all(&directory).ok()?;
    let path = directory
        .canonicalize()
        .ok()?
        .join(format!("{target}-{number}"));
    std::fs::write(&path, input).ok()?;
    Some(path)
}
