//! What is not a policy is refused before it runs, in words that help.

use std::time::Duration;

use tbengine_engine::policy::load::MAX_COMPONENT;
use tbengine_engine::policy::{FaultKind, Limits, LoadError, PolicyEngine, PolicyEngineOptions};

use crate::policy_host::support::{ENGINE, container, decide, load_error, params, shaped};
use tbengine_sdk::State;

#[test]
fn a_component_of_the_right_shape_is_a_policy() {
    let policy = ENGINE.load(&shaped(""), "odd.wasm").unwrap();
    assert_eq!(
        (
            policy.description().name.as_str(),
            policy.description().version.as_str()
        ),
        ("odd", "1")
    );
    let policy = policy.configure(&params(&[]), Limits::default()).unwrap();
    assert_eq!(
        decide(&policy, &[container("a", State::Exited, 1)])
            .unwrap()
            .proposals,
        []
    );
}

#[test]
fn a_core_module_is_refused_with_the_command_that_packs_it() {
    let error = load_error(&wat::parse_str("(module)").unwrap());
    assert!(matches!(error, LoadError::CoreModule { .. }));
    assert_eq!(
        error.to_string(),
        "policies/mine.wasm is a core module, not a component; pack it with \
         `tbengine policy pack policies/mine.wasm -o mine.policy.wasm`"
    );
}

#[test]
fn text_and_garbage_are_distinguished() {
    assert!(matches!(
        load_error(b"\n (component)"),
        LoadError::Text { .. }
    ));
    assert!(matches!(
        load_error(b";; my policy"),
        LoadError::Text { .. }
    ));
    assert!(matches!(
        load_error(b"#!/bin/sh"),
        LoadError::NotWasm { .. }
    ));
    assert!(matches!(load_error(b""), LoadError::NotWasm { .. }));
    assert!(matches!(
        load_error(b"\0asm\x0d\0\x01\0garbage"),
        LoadError::Invalid { .. }
    ));
    assert!(matches!(
        load_error(b"\0asm\x0c\0\x01\0"),
        LoadError::Invalid { .. }
    ));
    // Every cut of a real policy: an error, and never a panic.
    let wasm = tbengine_builtins::get("default").unwrap().wasm;
    for end in (0..wasm.len()).step_by(wasm.len() / 50) {
        load_error(&wasm[..end]);
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let mut bytes = tbengine_builtins::HOSTILE.to_vec();
    bytes.resize(MAX_COMPONENT + 1, 0);
    assert!(
        matches!(load_error(&bytes), LoadError::TooLarge { size, .. } if size == MAX_COMPONENT + 1)
    );
}

#[test]
fn another_major_version_is_named_with_what_to_do() {
    let speaking = |version: &str| {
        let text = format!(
            r#"(component (instance $i) (export "tbengine:policy/hooks@{version}" (instance $i)))"#
        );
        load_error(&wat::parse_str(text).unwrap()).to_string()
    };
    assert_eq!(
        speaking("4.3.0"),
        "policies/mine.wasm: policy implements tbengine:policy 4.x, this engine supports 2.x and 3.x; \
         it needs a newer tbengine"
    );
    assert_eq!(
        speaking("1.0.0"),
        "policies/mine.wasm: policy implements tbengine:policy 1.x, this engine supports 2.x and 3.x; \
         rebuild it from its sources with the current guest crate or template"
    );
}

#[test]
fn a_component_without_hooks_is_no_policy() {
    let error = load_error(&wat::parse_str("(component)").unwrap());
    assert_eq!(
        error.to_string(),
        "policies/mine.wasm is not a policy: it does not export tbengine:policy/hooks"
    );
}

#[test]
fn hooks_of_other_types_do_not_fit() {
    let empty = wat::parse_str(
        r#"(component (instance $i) (export "tbengine:policy/hooks@3.0.0" (instance $i)))"#,
    )
    .unwrap();
    let error = load_error(&empty);
    assert!(matches!(error, LoadError::Shape { .. }), "{error}");
    assert!(
        error.to_string().contains("tbengine:policy/setup@3.0.0"),
        "{error}"
    );
}

#[test]
fn an_import_that_is_not_granted_is_named_with_a_hint() {
    for (import, part) in [
        (
            "wasi:http/outgoing-handler@0.2.0",
            "policies have no network",
        ),
        ("wasi:keyvalue/store@0.2.0", "allowed are wasi:io"),
        ("acme:metrics/push", "allowed are tbengine:policy/log"),
    ] {
        let text = format!(
            r#"(component (import "{import}" (instance)) (instance $i) (export "tbengine:policy/hooks@3.0.0" (instance $i)))"#
        );
        let error = load_error(&wat::parse_str(text).unwrap());
        assert!(
            matches!(&error, LoadError::Import { import: named, .. } if named == import),
            "{error}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn shared_memory_and_relaxed_simd_are_not_compiled() {
    for core in [
        "(memory 1 1 shared)",
        "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
    ] {
        let wasm = wat::parse_str(format!("(component (core module {core}))")).unwrap();
        assert!(
            matches!(load_error(&wasm), LoadError::Invalid { .. }),
            "{core}"
        );
    }
}

fn describe_fault(parts: &str) -> FaultKind {
    let limits = Limits {
        describe_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let engine = PolicyEngine::new(PolicyEngineOptions {
        limits,
        ..Default::default()
    })
    .unwrap();
    match engine.load(&shaped(parts), "odd.wasm").unwrap_err() {
        LoadError::Fault { fault, .. } => {
            assert_eq!(fault.function, "describe");
            fault.kind
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_policy_that_fails_to_describe_itself_is_not_loaded() {
    let describe = |body: &str| format!(r#"(func (export "describe") (result i32) {body})"#);
    assert_eq!(describe_fault(&describe("unreachable")), FaultKind::Trap);
    assert_eq!(
        describe_fault(&describe("(loop (br 0)) unreachable")),
        FaultKind::TimedOut
    );
    // A pointer beyond its memory.
    assert_eq!(
        describe_fault(&describe("(i32.const 0x7ffffff0)")),
        FaultKind::Trap
    );
}

#[test]
fn a_start_function_is_under_the_same_limits() {
    assert_eq!(
        describe_fault("(func $start (loop (br 0))) (start $start)"),
        FaultKind::TimedOut
    );
    assert_eq!(
        describe_fault("(func $start unreachable) (start $start)"),
        FaultKind::Trap
    );
}

#[test]
fn a_memory_that_is_too_large_from_the_start_is_refused() {
    assert_eq!(
        describe_fault(r#"(memory (export "memory") 8192)"#),
        FaultKind::OutOfMemory
    );
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    // The name is the two bytes at 1000, which are zero.
    let parts = r#"(func (export "describe") (result i32)
        (i32.store (i32.const 64) (i32.const 1000)) (i32.const 64))"#;
    let error = load_error(&shaped(parts));
    assert!(matches!(error, LoadError::Description { .. }), "{error}");
}

#[test]
fn tables_are_limited() {
    // A table that is too large from the start, and one that is grown without end.
    assert_eq!(describe_fault("(table 200000 funcref)"), FaultKind::Trap);
    let parts = r#"(table $t 1 funcref)
        (func (export "describe") (result i32)
          (loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 10000)))))
          unreachable)"#;
    assert_eq!(describe_fault(parts), FaultKind::Trap);
}

#[test]
fn a_core_module_that_never_ends_to_begin_is_stopped_after_packing_too() {
    let text = include_str!("../../../../policies/templates/wat/max-age.wat").trim_end();
    let looping =
        text.trim_end_matches(')').to_owned() + r#"(func (export "_initialize") (loop (br 0))))"#;
    let packed = tbengine_engine::policy::pack(looping.as_bytes(), "loop.wat", None).unwrap();
    let limits = Limits {
        describe_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let engine = PolicyEngine::new(PolicyEngineOptions {
        limits,
        ..Default::default()
    })
    .unwrap();
    match engine.load(&packed.component, "loop").unwrap_err() {
        LoadError::Fault { fault, .. } => assert_eq!(fault.kind, FaultKind::TimedOut),
        other => panic!("{other}"),
    }
}

#[test]
fn modules_of_many_parts_are_refused_or_run_within_their_bounds() {
    // Ten thousand functions, and a body as deep as the parser allows: an error or a fault, and no panic.
    let many: String = (0..10_000).map(|_| "(func (drop (i32.const 1)))").collect();
    assert!(ENGINE.load(&shaped(&many), "many").is_ok());
    let deep = format!(
        "(func (result i32) {}(i32.const 1){})",
        "(i32.eqz ".repeat(2_000),
        ")".repeat(2_000)
    );
    assert!(ENGINE.load(&shaped(&deep), "deep").is_ok());
    let memories: String = (0..9).map(|_| "(memory 1)").collect();
    assert_eq!(describe_fault(&memories), FaultKind::Trap);
}
