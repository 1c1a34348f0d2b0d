//! Crates from outside are what `deny.toml` allows: their licences, their sources, and which of them are unwanted.
//!
//! This reads the part of `deny.toml` that needs no network, so that it holds without cargo-deny too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use crate::root;

/// The part of `deny.toml` that is checked here.
#[derive(Deserialize)]
struct Deny {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    reason: String,
    /// Only a second version is unwanted.
    #[serde(default)]
    deny_multiple_versions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

/// What `cargo metadata` says, as far as it matters.
#[derive(Clone, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Clone, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// `registry+…` or `git+…`; none for a crate of this repository.
    source: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Clone, Deserialize)]
struct Node {
    id: String,
}

fn deny() -> Deny {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// The crates from outside that a workspace uses on one of our targets, tests included.
fn outsiders(workspace: &str, targets: &[String]) -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--locked",
        "--all-features",
        "--format-version=1",
    ]);
    for target in targets {
        cargo.args(["--filter-platform", target]);
    }
    let answer = cargo.current_dir(root().join(workspace)).output().unwrap();
    let error = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{workspace}: {error}");
    let metadata: Metadata = serde_json::from_slice(&answer.stdout).unwrap();
    let used: BTreeSet<String> = metadata
        .resolve
        .nodes
        .into_iter()
        .map(|node| node.id)
        .collect();
    let packages = metadata.packages.into_iter();
    packages
        .filter(|one| one.source.is_some() && used.contains(&one.id))
        .collect()
}

/// What is wrong with crates from outside; empty if nothing is.
fn problems(deny: &Deny, packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut registries: BTreeMap<&str, usize> = BTreeMap::new();
    for one in packages {
        let Package { name, version, .. } = one;
        versions.entry(name).or_default().insert(version);
        let license = one.license.as_deref().unwrap_or_default();
        if !is_allowed(license, &deny.licenses.allow) {
            wrong.push(format!("{name} {version} has the licence `{license}`"));
        }
        match one.source.as_deref() {
            Some(source) if source.starts_with("registry+") => {
                *registries.entry(source).or_default() += 1;
            }
            Some(source) => wrong.push(format!("{name} {version} comes from {source}")),
            None => {}
        }
    }
    // Which one is the default is not written down here: it is the one that nearly all of them come from.
    let usual = registries.iter().max_by_key(|(_, number)| **number);
    let usual = usual.map(|(source, _)| *source);
    for one in packages {
        let source = one
            .source
            .as_deref()
            .filter(|it| it.starts_with("registry+"));
        if source.is_some() && source != usual {
            wrong.push(format!("{} comes from another registry", one.name));
        }
    }
    for ban in &deny.bans.deny {
        let found = versions.get(ban.name.as_str());
        match found.map_or(0, BTreeSet::len) {
            0 => {}
            1 if ban.deny_multiple_versions => {}
            number if ban.deny_multiple_versions => {
                wrong.push(format!("{} comes in {number} versions", ban.name));
            }
            _ => wrong.push(format!("{} is unwanted: {}", ban.name, ban.reason)),
        }
    }
    wrong
}

/// Whether a licence expression of SPDX can be met with allowed licences alone.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    // Before SPDX, a slash stood between alternatives.
    let spaced = spaced.replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any(&mut rest, allowed);
    met == Some(true) && rest.is_empty()
}

/// `a OR b`; nothing if it is malformed.
fn any(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut met = all(rest, allowed)?;
    while let Some(after) = rest.strip_prefix(&["OR"]) {
        *rest = after;
        met |= all(rest, allowed)?;
    }
    Some(met)
}

/// `a AND b`.
fn all(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let mut met = one(rest, allowed)?;
    while let Some(after) = rest.strip_prefix(&["AND"]) {
        *rest = after;
        met &= one(rest, allowed)?;
    }
    Some(met)
}

/// `a`, `a WITH exception` or `( … )`.
fn one(rest: &mut &[&str], allowed: &[String]) -> Option<bool> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    if *first == "(" {
        let met = any(rest, allowed)?;
        *rest = rest.strip_prefix(&[")"])?;
        return Some(met);
    }
    let mut name = (*first).to_owned();
    if let ["WITH", exception, after @ ..] = *rest {
        name = format!("{name} WITH {exception}");
        *rest = after;
    }
    Some(allowed.contains(&name))
}

#[test]
fn dependencies_are_what_deny_toml_allows() {
    let deny = deny();
    assert_eq!(deny.sources.unknown_registry, "deny");
    assert_eq!(deny.sources.unknown_git, "deny");
    // Each is a workspace of its own, so each may have versions of its own.
    for workspace in [".", "policies"] {
        let packages = outsiders(workspace, &deny.graph.targets);
        // The policies use nothing from outside so far.
        assert!(workspace == "policies" || !packages.is_empty());
        let wrong = problems(&deny, &packages);
        assert!(wrong.is_empty(), "{workspace}:\n{}", wrong.join("\n"));
    }
}

/// A licence that nothing needs any more would let something in later.
#[test]
fn what_deny_toml_allows_is_needed() {
    let deny = deny();
    let packages: Vec<Package> = [".", "policies"]
        .iter()
        .flat_map(|workspace| outsiders(workspace, &deny.graph.targets))
        .collect();
    for idle in &deny.licenses.allow {
        let mut less = deny.licenses.allow.clone();
        less.retain(|one| one != idle);
        let is_enough = packages
            .iter()
            .all(|one| is_allowed(one.license.as_deref().unwrap_or_default(), &less));
        assert!(!is_enough, "no crate needs the licence {idle}");
    }
}

#[test]
fn each_rule_refuses_what_breaks_it() {
    let deny = deny();
    let package = |name: &str, version: &str, license: Option<&str>, source: &str| Package {
        id: format!("{name}@{version}"),
        name: name.into(),
        version: version.into(),
        license: license.map(Into::into),
        source: Some(source.into()),
    };
    let (mit, usual) = (Some("MIT"), "registry+usual");
    let fine = [
        package("a", "1.0.0", mit, usual),
        package("tokio", "1.0.0", mit, usual),
    ];
    assert_eq!(problems(&deny, &fine), Vec::<String>::new());
    for (planted, says) in [
        (
            package("b", "1.0.0", Some("GPL-3.0-only"), usual),
            "GPL-3.0-only",
        ),
        (package("b", "1.0.0", None, usual), "has the licence ``"),
        (
            package("openssl-sys", "0.9.0", mit, usual),
            "openssl-sys is unwanted",
        ),
        (
            package("tokio", "2.0.0", mit, usual),
            "tokio comes in 2 versions",
        ),
        (
            package("b", "1.0.0", mit, "git+https://host/b"),
            "comes from git+",
        ),
        (
            package("b", "1.0.0", mit, "registry+mirror"),
            "another registry",
        ),
    ] {
        let mut packages = fine.to_vec();
        packages.push(planted);
        let wrong = problems(&deny, &packages);
        assert!(wrong.len() == 1 && wrong[0].contains(says), "{wrong:?}");
    }
}

#[test]
fn licence_expressions_are_read() {
    let allowed: Vec<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_owned)
        .into();
    for (expression, fine) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 OR MIT", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT AND ISC", true),
        ("(GPL-3.0-only OR MIT) AND ISC", true),
        ("MIT AND (GPL-3.0-only OR ISC)", true),
        ("Apache-2.0", false),
        ("MIT AND GPL-3.0-only", false),
        ("MIT WITH LLVM-exception", false),
        ("GPL-3.0-only OR MIT AND Zlib", false),
        ("", false),
        ("MIT OR", false),
        ("(MIT", false),
        ("MIT ISC", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), fine, "{expression:?}");
    }
}
