//! The good inputs, as they are committed.

use std::path::Path;

/// The corpus of a target, in order of name; for modules, a built-in policy as well.
///
/// # Panics
/// If there is none, or a module in it is not well written.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("no corpus {}: {error}", directory.display()))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    let mut corpus: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).expect("an input can be read");
            match path.extension().and_then(|extension| extension.to_str()) {
                // Modules are kept as text.
                Some("wat") => wat::parse_bytes(&bytes).expect("a module").into_owned(),
                // HTTP ends its lines with both, and text files do not.
                Some("http") => with_line_ends(&bytes),
                _ => bytes,
            }
        })
        .collect();
    if target == "policy" {
        corpus.extend(
            tbengine_builtins::ALL
                .iter()
                .take(1)
                .map(|one| one.wasm.to_vec()),
        );
    }
    assert!(!corpus.is_empty(), "{} is empty", directory.display());
    corpus
}

/// A head with the line ends of HTTP, and the length of the body.
fn with_line_ends(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let body = body.trim_end();
    let head = head.replace('\n', "\r\n");
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
