//! Dependencies between crates, and between the modules of a crate, point one way. `docs/architecture.md` draws
//! them; these tests hold the code to the drawing, the documents to what exists, and dependencies to `deny.toml`. They
//! read text and `cargo metadata`, so they build nothing.

mod circles;
mod crates;
mod dependencies;
mod documents;
mod manifest;
mod source;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap()
}

/// The files below a folder whose names end like this, without what was built.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_symlink() {
            // What it points at is found where it lies.
        } else if !path.is_dir() {
            found.extend(name.ends_with(end).then_some(path));
        } else if name != "target" && name != "node_modules" && !name.starts_with('.') {
            found.extend(files(&path, end));
        }
    }
    found.sort();
    found
}
