//! The conformance kit over the simulated provider as a library and as a program: the interface, its abuse,
//! and every promise of the sdk, through the same interface. And over the templates that are libraries.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tbengine_plugin_host::kit::{self, Subject};
use tbengine_plugin_host::{Code, Plugin, PluginOptions, PluginSpec};
use tbengine_sdk::testkit::{self, Case};
use tbengine_sdk::{OpenRequest, Timestamp};

#[path = "plugin/c.rs"]
mod c;

/// What a trial's name begins with, the kind of backend, and how its code is come by.
type Way = (
    &'static str,
    &'static str,
    fn(&mut Option<c::Built>) -> Code,
);

const WAYS: [Way; 4] = [
    ("library", "memory", |_| {
        library("libtbengine_plugin_tests.so")
    }),
    ("program", "memory", |_| Code::Program {
        path: env!("CARGO_BIN_EXE_plugin-program").into(),
        arguments: Vec::new(),
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

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Several cases compare whole listings, and count the answers of one library.
    arguments.test_threads = Some(1);
    // A runner that gives each trial a process of its own names it, and needs the others not even made.
    let named = arguments.filter.as_ref().filter(|_| arguments.exact);
    let wanted = |way: &str| named.is_none_or(|name| name.starts_with(&format!("[{way}] ")));
    let mut in_c = None;
    let trials: Vec<Trial> = WAYS
        .into_iter()
        .filter(|(way, ..)| wanted(way))
        .flat_map(|(way, kind, code)| {
            let cases = kit::cases(&subject(kind, code(&mut in_c)));
            cases.into_iter().map(move |case| trial(way, case))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
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
