//! Policies in files: exported, packed, begun from a template.

use super::MAX_AGE;
use crate::home;

#[test]
fn export_overwrites_only_if_asked() {
    let host = home().memory("");
    host.run(&["policy", "export", "default", "-o", "p.wasm"])
        .with_code(0);
    assert_eq!(
        std::fs::read(host.path("p.wasm")).unwrap(),
        tbengine_builtins::get("default").unwrap().wasm
    );
    host.run(&["policy", "export", "aggressive", "-o", "p.wasm"])
        .with_code(2)
        .says("--force");
    assert_eq!(
        std::fs::read(host.path("p.wasm")).unwrap(),
        tbengine_builtins::get("default").unwrap().wasm
    );
    host.run(&["policy", "export", "aggressive", "-o", "p.wasm", "--force"])
        .with_code(0);
    host.run(&["policy", "export", "agressive", "-o", "q.wasm"])
        .with_code(2)
        .says("built-in policies");
}

#[test]
fn a_core_module_is_refused_with_the_command_that_packs_it() {
    let host = home().memory("");
    host.write("core.wat", MAX_AGE);
    let refused = host.run(&["plan", "--policy", "./core.wat"]).with_code(2);
    let command = "`tbengine policy pack";
    assert!(refused.stderr.contains(command), "{}", refused.stderr);
    let made = host
        .run(&["policy", "pack", "core.wat", "-o", "max-age.wasm"])
        .with_code(0);
    assert!(
        made.stdout.contains("implements tbengine:policy@3.0.0"),
        "{}",
        made.stdout
    );
    host.run(&["plan", "--policy", "max-age.wasm", "--set", "older-than=1h"])
        .with_code(0);
    // Nothing is lost by a slip.
    host.run(&["policy", "pack", "core.wat", "-o", "max-age.wasm"])
        .with_code(2)
        .says("--force");
    let json = host
        .run(&[
            "policy",
            "pack",
            "core.wat",
            "--contract",
            "3",
            "-o",
            "max-age.wasm",
            "--force",
            "-O",
            "json",
        ])
        .with_code(0)
        .json();
    assert_eq!(json["contract"], "tbengine:policy@3.0.0");
    host.run(&["policy", "pack", "core.wat", "--contract", "9"])
        .with_code(2)
        .says("there is no version 9 of the contract");
    host.write("empty.wat", "(module)");
    host.run(&["policy", "pack", "empty.wat"])
        .with_code(2)
        .says("does not export `memory`")
        .says("policy pack --help");
    host.run(&["policy", "pack", "max-age.wasm"])
        .with_code(2)
        .says("is already a component");
    host.run(&["policy", "pack", "missing.wasm"])
        .with_code(2)
        .says("missing.wasm");
}

#[test]
fn a_template_needs_a_language_a_name_and_a_place() {
    let host = home().memory("");
    host.run(&["policy", "new", "phyton", "p"])
        .with_code(2)
        .says("did you mean `python`?");
    for name in ["", "Upper", "a b", "../up", "-x", "1st"] {
        host.run(&["policy", "new", "c", "--", name])
            .with_code(2)
            .says("invalid policy name");
    }
    host.run(&["policy", "new", "go", "mine"]).with_code(0);
    assert!(
        std::fs::read_to_string(host.path("mine/go.mod"))
            .unwrap()
            .starts_with("module mine\n")
    );
    host.run(&["policy", "new", "go", "mine"])
        .with_code(2)
        .says("mine exists");
}
