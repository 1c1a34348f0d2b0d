//! Loading and opening, and plugins in C that a test writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tbengine_plugin_host::{
    Code, Plugin, PluginError, PluginOptions, PluginSpec, Plugins, Timeouts,
};
use tbengine_sdk::{Backend, Error, OpenRequest, Timestamp};

pub(crate) use crate::c::Built;

/// The library under test, which cargo builds beside this program.
pub(crate) fn library() -> PathBuf {
    let mut path = std::env::current_exe().expect("this program has a path");
    path.set_file_name("libtbengine_plugin_tests.so");
    path
}

pub(crate) fn spec(name: &str, code: Code) -> PluginSpec {
    PluginSpec {
        name: name.into(),
        code,
        sha256: Some("any".into()),
        variables: vec!["PASSED".into()],
    }
}

/// What each variable has that plugins are given.
pub(crate) const VALUE: &str = "value-of-a-variable";

/// Plugins with the patience of a test.
pub(crate) fn options(call: Duration) -> PluginOptions {
    let environment = ["PASSED", "SECRET"].map(|name| (name.to_owned(), VALUE.to_owned()));
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    PluginOptions {
        places: Vec::new(),
        environment: Arc::new(environment.into_iter().chain([path]).collect()),
        timeouts: Timeouts {
            open: Duration::from_secs(5),
            call,
        },
        loader: None,
    }
}

pub(crate) fn load(code: Code, call: Duration) -> Result<Plugin, PluginError> {
    Plugin::load(&spec("test", code), &options(call))
}

pub(crate) fn load_library(path: &Path) -> Result<Plugin, PluginError> {
    load(Code::Library(path.to_owned()), Duration::from_secs(60))
}

/// Every plugin of a configuration, all libraries.
pub(crate) fn load_all(libraries: &[(&str, &Path)]) -> Result<Plugins, PluginError> {
    let specs: Vec<_> = libraries
        .iter()
        .map(|(name, path)| spec(name, Code::Library((*path).to_owned())))
        .collect();
    Plugins::load(&specs, &options(Duration::from_secs(60)))
}

pub(crate) fn request(config: Value) -> OpenRequest {
    let environment: BTreeMap<_, _> = ["PASSED", "SECRET"]
        .map(|name| (name.to_owned(), VALUE.to_owned()))
        .into();
    OpenRequest {
        name: "here".into(),
        config,
        environment: Arc::new(environment),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    }
}

/// Opens a backend of a plugin.
pub(crate) fn open(plugin: &Plugin, kind: &str, config: Value) -> Result<Arc<dyn Backend>, Error> {
    let opening = plugin.open_channel(&plugin.request(kind, &request(config)))?;
    Ok(opening.into_backend("here".into()))
}

/// A library that breaks the rules as its configuration and its flags say.
pub(crate) fn hostile(flags: &[&str]) -> Built {
    crate::c::compile(Path::new("plugin/hostile.c"), flags)
}

/// Waits until something holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
