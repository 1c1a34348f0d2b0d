//! What a `Cargo.toml` says about dependencies.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A manifest, as far as layers are concerned.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The name of its package.
    pub(crate) package: Option<String>,
    /// The packages that its code is built with; those that only its tests use are not among them.
    pub(crate) dependencies: BTreeSet<String>,
}

impl Manifest {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&fs::read_to_string(path).unwrap())
    }

    fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut table = "";
        for line in text
            .lines()
            .map(|line| line.split(" #").next().unwrap().trim())
        {
            if let Some(header) = line.strip_prefix('[') {
                table = header.trim_end_matches(']');
                if let Some((kind, name)) = table.rsplit_once('.')
                    && is_of_dependencies(kind)
                {
                    manifest.dependencies.insert(unquoted(name));
                }
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            if table == "package" && key.trim() == "name" {
                manifest.package = Some(unquoted(value));
            } else if is_of_dependencies(table) {
                let key = key.split('.').next().unwrap_or_default();
                // One that is used by another name says its own.
                let renamed = value
                    .split_once("package =")
                    .and_then(|(_, rest)| rest.split('"').nth(1));
                manifest
                    .dependencies
                    .insert(unquoted(renamed.unwrap_or(key)));
            }
        }
        manifest
    }
}

/// Whether a table lists what code is built with, on each system or on some.
fn is_of_dependencies(table: &str) -> bool {
    let (conditions, kind) = table.rsplit_once('.').unwrap_or(("", table));
    kind == "dependencies" && (conditions.is_empty() || conditions.starts_with("target."))
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_owned()
}

#[test]
fn each_way_to_write_a_dependency_is_read() {
    let manifest = Manifest::parse(
        r#"
        [package]
        name = "a"
        # b = "1"
        [dependencies]
        c.workspace = true
        d = { workspace = true, features = ["e"] } # not f = 1
        "g" = "1"
        h = { package = "i", version = "1" }
        [dependencies.j]
        version = "1"
        [target.'cfg(unix)'.dependencies]
        k = "1"
        [dev-dependencies]
        l = "1"
        [workspace.dependencies]
        m = "1"
        [features]
        n = []
        "#,
    );
    assert_eq!(manifest.package.as_deref(), Some("a"));
    let names = ["c", "d", "g", "i", "j", "k"];
    assert_eq!(manifest.dependencies, names.map(str::to_owned).into());
}
