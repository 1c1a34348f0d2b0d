//! Crates use what lies below them, and each crate from outside has its place.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::Manifest;
use crate::{files, root};

/// Our crates by their folders, each with those of ours that it may use; from the lowest to the highest.
///
/// What is below `tests` is not here: a test may use any of them, and so may the `[dev-dependencies]` of these.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("sdk", &[]),
    ("sdk/policy", &[]),
    ("policies/rules", &["tbengine-policy"]),
    (
        "policies/aggressive",
        &["tbengine-policy", "tbengine-policy-rules"],
    ),
    (
        "policies/default",
        &["tbengine-policy", "tbengine-policy-rules"],
    ),
    (
        "policies/harbor",
        &["tbengine-policy", "tbengine-policy-rules"],
    ),
    (
        "policies/terminal-bench",
        &["tbengine-policy", "tbengine-policy-rules"],
    ),
    ("policies/templates/rust", &["tbengine-policy"]),
    ("policies/testing/hostile", &["tbengine-policy"]),
    ("policies/testing/vetoing", &["tbengine-policy"]),
    ("policies/testing/wishes", &["tbengine-policy"]),
    ("policies/testing/worldly", &["tbengine-policy"]),
    // Holds the policies as bytes, and uses none of their code.
    ("policies/builtins", &[]),
    ("plugins/docker", &["tbengine-sdk"]),
    ("plugins/daytona", &["tbengine-sdk"]),
    ("plugins/e2b", &["tbengine-sdk"]),
    ("plugins/memory", &["tbengine-sdk"]),
    ("plugins/templates/rust", &["tbengine-sdk"]),
    ("engine", &["tbengine-sdk"]),
    ("engine/plugin-host", &["tbengine-sdk"]),
    ("engine/oci", &[]),
    ("engine/store", &["tbengine-sdk", "tbengine-engine"]),
    (
        "engine/ops",
        &[
            "tbengine-sdk",
            "tbengine-engine",
            "tbengine-plugin-host",
            "tbengine-oci",
            "tbengine-store",
            "tbengine-builtins",
        ],
    ),
    (
        "engine/cli",
        &[
            "tbengine-sdk",
            "tbengine-engine",
            "tbengine-plugin-host",
            "tbengine-oci",
            "tbengine-store",
            "tbengine-builtins",
            "tbengine-ops",
            // To link them in; whatever else is a backend is reached through the SDK.
            "tbengine-docker",
            "tbengine-daytona",
            "tbengine-memory",
        ],
    ),
];

/// Crates from outside that say what a crate is about, each with the folders that may use it.
const OUTSIDERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["engine/store"]),
    ("wasmtime", &["engine"]),
    ("wasmtime-wasi", &["engine"]),
    ("wasmparser", &["engine"]),
    ("wasm-encoder", &["engine"]),
    ("wit-component", &["engine"]),
    ("wit-parser", &["engine"]),
    ("libloading", &["engine/plugin-host"]),
    ("toml", &["engine", "engine/ops", "engine/cli"]),
    ("clap", &["engine/cli"]),
    ("clap_complete", &["engine/cli"]),
    ("csv", &["engine/cli"]),
    ("indicatif", &["engine/cli"]),
    ("mimalloc", &["engine/cli"]),
    ("signal-hook", &["engine/cli"]),
    ("tracing-subscriber", &["engine/cli"]),
    ("bollard", &["plugins/docker"]),
    ("hyper", &["plugins/docker"]),
    ("hyper-util", &["plugins/docker"]),
    ("http-auth", &["engine/oci"]),
    ("reqwest", &["sdk", "engine/oci"]),
];

/// What has a manifest and is not below `tests`, by its folder. A workspace as such has no package.
fn manifests() -> BTreeMap<String, Manifest> {
    let found = files(root(), "Cargo.toml").into_iter();
    let found = found.map(|path| {
        let folder = path.parent().unwrap().strip_prefix(root()).unwrap();
        (folder.display().to_string(), Manifest::read(&path))
    });
    let ours = |folder: &str| folder != "tests" && !folder.starts_with("tests/");
    found
        .filter(|(folder, manifest)| ours(folder) && manifest.package.is_some())
        .collect()
}

#[test]
fn every_crate_has_its_place() {
    let known: BTreeSet<&str> = CRATES.iter().map(|(folder, _)| *folder).collect();
    let manifests = manifests();
    let there: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(known, there, "CRATES says where each crate belongs");
}

#[test]
fn crates_use_what_lies_below_them() {
    let manifests = manifests();
    let ours: BTreeSet<&str> = manifests
        .values()
        .filter_map(|one| one.package.as_deref())
        .collect();
    let mut wrong = Vec::new();
    for (folder, may_use) in CRATES {
        for name in manifests
            .get(*folder)
            .into_iter()
            .flat_map(|one| &one.dependencies)
        {
            let is_ours = ours.contains(name.as_str()) || name.starts_with("tbengine");
            if is_ours && !may_use.contains(&name.as_str()) {
                wrong.push(format!("{folder} uses {name}, which does not lie below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn crates_from_outside_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (folder, manifest) in manifests() {
        for (name, only) in OUTSIDERS {
            if manifest.dependencies.contains(*name) && !only.contains(&folder.as_str()) {
                wrong.push(format!(
                    "{folder} uses {name}, which belongs to {}",
                    only.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// An entry that nothing needs any more would let something in later.
#[test]
fn what_is_allowed_is_needed() {
    let manifests = manifests();
    let uses = |folder: &str, name: &str| {
        manifests
            .get(folder)
            .is_some_and(|one| one.dependencies.contains(name))
    };
    let between = CRATES.iter().map(|(folder, names)| (*folder, *names));
    let between = between.flat_map(|(folder, names)| names.iter().map(move |name| (folder, *name)));
    let outside = OUTSIDERS.iter().map(|(name, folders)| (*name, *folders));
    let outside =
        outside.flat_map(|(name, folders)| folders.iter().map(move |folder| (*folder, name)));
    let idle: Vec<_> = between
        .chain(outside)
        .filter(|(folder, name)| !uses(folder, name))
        .collect();
    assert!(idle.is_empty(), "allowed, and not used: {idle:?}");
}
