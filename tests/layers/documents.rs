//! Documents name files and folders that are there, and commands packages and benchmarks.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use toml::{Table, Value};

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

#[test]
fn commands_name_packages_and_benchmarks_that_are_there() {
    let (packages, benchmarks) = targets();
    assert!(packages.contains("tbengine") && benchmarks.contains("docker"));
    let own = root().join("tests/layers");
    let texts = [".md", ".rs", "run", "sanitizers"];
    let texts = texts.iter().flat_map(|end| files(root(), end));
    let mut wrong = Vec::new();
    for path in texts.filter(|path| !path.starts_with(&own)) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let known = [
            ("-p ", &packages),
            ("--package ", &packages),
            ("--bench ", &benchmarks),
        ];
        for (flag, known) in known {
            let named = values(&text, flag).filter(|name| !known.contains(*name));
            let ours = named.filter(|name| flag == "--bench " || name.starts_with("tbengine"));
            let shown = path.strip_prefix(root()).unwrap().display();
            wrong.extend(ours.map(|name| format!("{shown} has {flag}{name}, which is not there")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The names of all packages and of all benchmarks.
fn targets() -> (BTreeSet<String>, BTreeSet<String>) {
    let manifests = files(root(), "Cargo.toml").into_iter();
    let tables = manifests.filter_map(|path: PathBuf| fs::read_to_string(path).ok()?.parse().ok());
    let name = |table: &Value| Some(table.get("name")?.as_str()?.to_owned());
    let (mut packages, mut benchmarks) = (BTreeSet::new(), BTreeSet::new());
    for table in tables {
        let table: Table = table;
        packages.extend(table.get("package").and_then(name));
        let benches = table.get("bench").and_then(Value::as_array);
        benchmarks.extend(benches.into_iter().flatten().filter_map(name));
    }
    (packages, benchmarks)
}

/// What follows a flag wherever it is used.
fn values<'a>(text: &'a str, flag: &'a str) -> impl Iterator<Item = &'a str> {
    let uses = text.match_indices(flag).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|before| before.is_whitespace() || before == '`' || before == '"')
    });
    let names = uses.map(move |(at, _)| {
        let rest = &text[at + flag.len()..];
        let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '-');
        &rest[..end.unwrap_or(rest.len())]
    });
    names.filter(|name| !name.is_empty())
}
