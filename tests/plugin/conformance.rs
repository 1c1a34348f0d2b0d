//! The conformance kit over the simulated provider as a library and as a program: the interface, its abuse,
//! and every promise of the sdk, through the same interface. And over the templates that are libraries.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Trial};
use tbengine_plugin_host::kit::{self, Subject};
use tbengine_plugin_host::{Code, Plugin, PluginOptions, PluginSpec};
use tbengine_sdk::testkit::{Case, CaseEnd};
use tbengine_sdk::{OpenRequest, Timestamp};

#[path = "plugin/c.rs"]
mod c;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Several cases compare whole listings, and count the answers of one library.
    arguments.test_threads = Some(1);
    let here = std::env::current_exe().expect("this program has a path");
    let library = |name| Code::Library(here.with_file_name(name));
    let program = Code::Program {
        path: env!("CARGO_BIN_EXE_plugin-program").into(),
        arguments: Vec::new(),
    };
    let in_c = c::compile(Path::new("../../plugins/templates/c/example.c"), &["-O2"]);
    let trials: Vec<Trial> = [
        ("library", "memory", library("libtbengine_plugin_tests.so")),
        ("program", "memory", program),
        (
            "template in Rust",
            "example",
            library("libtbengine_example.so"),
        ),
        ("template in C", "example", Code::Library(in_c.path.clone())),
    ]
    .into_iter()
    .flat_map(|(way, kind, code)| {
        let cases = kit::cases(&subject(kind, code));
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

fn trial(way: &str, case: Case) -> Trial {
    let name = match case.kind {
        Some(kind) => format!("{} of a {kind}", case.name),
        None => case.name.to_owned(),
    };
    let run = case.run;
    let trial = Trial::ignorable_test(name, move || match run() {
        CaseEnd::Held => Ok(Completion::Completed),
        CaseEnd::Ignored(reason) => Ok(Completion::ignored_with(reason)),
        CaseEnd::Broken(message) => Err(message.into()),
    });
    trial.with_kind(way)
}
