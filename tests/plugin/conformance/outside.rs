//! The simulated provider as a library and as a program: the interface, its abuse, and every promise of the sdk,
//! through the same interface. And the templates that are libraries.

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Trial;
use tbengine_plugin_host::kit::{self, Subject};
use tbengine_plugin_host::{Code, Plugin, PluginOptions, PluginSpec};
use tbengine_sdk::testkit::{self, Case};
use tbengine_sdk::{OpenRequest, Timestamp};

#[path = "../plugin/c.rs"]
mod c;

pub(crate) use c::Built;

/// What a trial's name begins with, the kind of backend, and how its code is come by.
pub(crate) type Way = (&'static str, &'static str, fn(&mut Option<Built>) -> Code);

pub(crate) const WAYS: [Way; 4] = [
    ("library", "memory", |_| {
        library("libtbengine_plugin_tests.so")
    }),
    ("program", "memory", |_| Code::Program {
        path: env!("CARGO_BIN_EXE_plugin-program").into(),
        arguments: Vec::new(),
        pins: Default::default(),
    }),
    ("template in Rust", "example", |_| {
        library("libtbengine_example.so")
    }),
    ("template in C", "example", |built| {
        let source = Path::new("../../plugins/templates/c/example.c");
        let built = built.insert(c::compile(source, &["-O2"]));
        Code::Library(built.path.clone())
    }),
];

/// A library that cargo builds beside this program.
fn library(name: &str) -> Code {
    let here = std::env::current_exe().expect("this program has a path");
    Code::Library(here.with_file_name(name))
}

pub(crate) fn trials((way, kind, code): Way, built: &mut Option<Built>) -> Vec<Trial> {
    let cases = kit::cases(&subject(kind, code(built)));
    cases.into_iter().map(|case| trial(way, case)).collect()
}

fn subject(kind: &str, code: Code) -> Subject {
    let spec = PluginSpec {
        name: kind.into(),
        code,
        sha256: Some("any".into()),
        variables: Vec::new(),
    };
    let plugin = Plugin::load(&spec, &PluginOptions::default()).expect("the plugin loads");
    let request = OpenRequest {
        name: kind.into(),
        config: serde_json::json!({}),
        environment: Arc::default(),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    };
    Subject::new(Arc::new(plugin), kind, request).expect("it brings the kind")
}

fn trial(way: &'static str, case: Case) -> Trial {
    let name = match case.kind {
        Some(kind) => format!("{} of a {kind}", case.name),
        None => case.name.to_owned(),
    };
    let run = case.run;
    let shown = name.clone();
    Trial::ignorable_test(name, move || testkit::completion(way, &shown, run())).with_kind(way)
}
