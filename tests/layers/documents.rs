//! Documents name files and folders that are there.

use std::fs;

use crate::{files, root};

/// Where paths of this repository begin. Not with `tests/`: a new policy or plugin has such a folder too.
const FOLDERS: &[&str] = &["docs/", "engine/", "plugins/", "policies/", "sdk/"];

#[test]
fn documents_name_what_is_there() {
    let mut wrong = Vec::new();
    let documents = files(&root().join("docs"), ".md").into_iter();
    for document in documents.chain([root().join("README.md")]) {
        let text = fs::read_to_string(&document).unwrap();
        let here = document.parent().unwrap();
        let links = links(&text).map(|path| (path, here.join(path)));
        let paths = paths(&text).map(|path| (path, root().join(path)));
        let lost = links.chain(paths).filter(|(_, path)| !path.exists());
        let name = document.strip_prefix(root()).unwrap().display();
        wrong
            .extend(lost.map(|(written, _)| format!("{name} names {written}, which is not there")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What links point at in this repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let targets = targets.filter_map(|target| target.split('#').next());
    targets.filter(|path| !path.is_empty() && !path.contains([':', ' ', '\n']))
}

/// What is written as code and looks like a path.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    let is_plain = |path: &&str| !path.contains([' ', '*', '<', '\n']);
    spans
        .filter(|span| FOLDERS.iter().any(|folder| span.starts_with(folder)))
        .filter(is_plain)
}
