//! A core module becomes a policy: as text, by short names or long ones, with WASI or without.

use std::collections::{BTreeMap, BTreeSet};

use tbengine_engine::policy::{FaultKind, Limits, PackError, Policy, RetryAdvice, Version, pack};
use tbengine_sdk::{ErrorKind, State};
use wit_parser::{Resolve, TypeDefKind};

use crate::policy_host::support::{
    ENGINE, configured, container, context, decide, failure, params, verdicts,
};

/// The policy that the templates have in every language.
const MAX_AGE: &str = include_str!("../../../../policies/templates/wat/max-age.wat");

#[test]
fn text_with_short_names_becomes_a_policy() {
    let packed = pack(MAX_AGE.as_bytes(), "max-age.wat", None).unwrap();
    assert_eq!(packed.version, Version::V3);
    assert_eq!(packed.adapted, <[&str; 0]>::default());
    let policy = ENGINE.load(&packed.component, "max-age").unwrap();
    assert_eq!(policy.version(), Version::V3);
    assert_eq!(policy.description().params.len(), 2);
    let policy = policy
        .configure(&params(&[("older-than", "3h")]), Limits::default())
        .unwrap();
    let mut kept = container("kept", State::Exited, 9);
    kept.labels = [("keep", "")].into_iter().collect();
    let resources = [
        container("young", State::Exited, 3),
        container("old", State::Exited, 4),
        kept,
        container("runs", State::Running, 4),
        container("odd", State::Unknown, 4),
    ];
    let answer = decide(&policy, &resources).unwrap();
    let verdicts: Vec<_> = verdicts(&answer).into_iter().collect();
    assert_eq!(
        verdicts,
        [
            ("kept", "keep: labelled to be kept".to_owned()),
            ("old", "delete: older than allowed".to_owned()),
            ("runs", "stop: older than allowed".to_owned()),
        ]
    );
    assert_eq!(answer.proposals[0].priority, 4);
    let advice = policy.retry(&context(), &failure(ErrorKind::Transient, 4));
    assert_eq!(advice, Ok(RetryAdvice::GiveUp("tried often enough".into())));
    let refused = configured(
        &packed.component,
        &[("older-than", "0s")],
        Limits::default(),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("must be more than nothing")
    );
}

#[test]
fn what_a_module_does_after_each_function_is_called() {
    let more = r#"(func (export "cabi_post_decide") (param i32) (if (i32.eqz (local.get 0)) (then unreachable))
        (i32.store (i32.const 0x10) (i32.const 1)) (if (i32.load (i32.const 0x10)) (then unreachable)))"#;
    let text = MAX_AGE.trim_end().trim_end_matches(')').to_owned() + more + ")";
    let packed = pack(text.as_bytes(), "max-age.wat", None).unwrap();
    let policy = configured(&packed.component, &[], Limits::default()).unwrap();
    let fault = decide(&policy, &[container("old", State::Exited, 99)]).unwrap_err();
    assert_eq!(fault.message, "aborted");
}

#[test]
fn the_newest_version_that_fits_is_meant_unless_one_is_asked_for() {
    for version in Version::ALL {
        let log = format!(
            "(import \"tbengine:policy/log@{}.0.0\" \"emit\" (func (param i32 i32 i32)))",
            version.major()
        );
        let text = module_of(version, &log);
        let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
        assert_eq!(packed.version, version);
        let text = module_of(version, "");
        let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
        assert_eq!(packed.version, version);
        for asked in Version::ALL {
            let fits = pack(text.as_bytes(), "core.wat", Some(asked)).is_ok();
            assert_eq!(fits, asked == version);
        }
        let decoded = wit_component::decode(&packed.component).unwrap();
        let hooks = format!("tbengine:policy/hooks@{}.0.0", version.major());
        assert!(interfaces(decoded.resolve()).contains_key(&hooks));
    }
}

/// A module with all that a policy exports, and `parts` besides.
fn module(parts: &str) -> String {
    module_of(Version::NEWEST, parts)
}

fn module_of(version: Version, parts: &str) -> String {
    let decide = match version {
        Version::V2 => "(param i64 i32 i32 i32 i32 i32 i32 i32)",
        // So many that they lie in memory.
        Version::V3 => "(param i32)",
    };
    let functions = [
        ("describe", ""),
        ("configure", "(param i32 i32)"),
        ("decide", decide),
        ("retry", "(param i32)"),
    ];
    let mut text = format!("(module {parts}");
    for (name, params) in functions {
        if !text.contains(&format!("\"{name}\"")) {
            text.push_str(&format!(
                "(func (export \"{name}\") {params} (result i32) unreachable)"
            ));
        }
    }
    if !text.contains("\"memory\"") {
        text.push_str("(memory (export \"memory\") 1)");
    }
    text.push_str(
        "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable))",
    );
    text
}

#[test]
fn what_a_module_lacks_or_has_too_much_is_said() {
    let error = |text: &str| pack(text.as_bytes(), "core.wat", None).unwrap_err();
    for (text, part) in [
        ("(module".to_owned(), "is not a WebAssembly module"),
        ("(module)".to_owned(), "does not export `memory`"),
        (
            module("(func (export \"tbengine:policy/hooks@7.0.0#decide\"))"),
            "a version that this engine does not speak (2.x and 3.x)",
        ),
        (
            module("(import \"env\" \"abort\" (func))"),
            "`env.abort`, which policies may not use; the linker",
        ),
        (
            module("(import \"wasi_snapshot_preview1\" \"fly\" (func))"),
            "WASI preview 1 has no such function",
        ),
        (
            module("(import \"tbengine:policy/log@2.0.0\" \"emit\" (func (param i32 i32 i32)))"),
            "built for another version",
        ),
        (
            module("(func (export \"retry\") (param i64) (result i32) unreachable)"),
            "does not fit tbengine:policy@3.0.0",
        ),
    ] {
        let said = error(&text).to_string();
        assert!(
            said.starts_with("core.wat ") && said.contains(part),
            "{said}"
        );
    }
    let component = tbengine_builtins::get("default").unwrap().wasm;
    assert!(matches!(
        pack(component, "p.wasm", None),
        Err(PackError::Component { .. })
    ));
}

#[test]
fn wasi_is_denied_but_for_standard_error() {
    // Opens, reads the time twice and writes to both streams and to a file that there is not, then ends.
    let text = module(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "not to be lost, whoever writes here")
        (data (i32.const 100) "first, second")
        (data (i32.const 200) "\64\00\00\00\07\00\00\00\6b\00\00\00\06\00\00\00")
        (func $must (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
        (func $begin (export "_initialize")
          (call $must (i32.eqz (call $write (i32.const 2) (i32.const 200) (i32.const 2) (i32.const 300))))
          (call $must (i32.eq (i32.load (i32.const 300)) (i32.const 13)))
          (call $must (i32.eq (i32.load8_u (i32.const 17)) (i32.const 111)))
          (call $must (i32.eq (i32.const 8) (call $write (i32.const 3) (i32.const 200) (i32.const 2) (i32.const 300))))
          (call $must (i32.eq (i32.const 8) (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0))))
          (call $must (i32.eqz (call $time (i32.const 0) (i64.const 0) (i32.const 304))))
          (call $must (i64.gt_u (i64.load (i32.const 304)) (i64.const 0)))
          (i64.store (i32.const 320) (i64.const -1))
          (call $must (i32.eqz (call $random (i32.const 320) (i32.const 4))))
          (call $must (i64.eq (i64.load (i32.const 320)) (i64.const 0xffffffff00000000)))
          (call $exit (i32.const 1)))"#,
    );
    let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
    assert_eq!(packed.adapted.len(), 5);
    let error = ENGINE.load(&packed.component, "core").unwrap_err();
    let tbengine_engine::policy::LoadError::Fault { fault, .. } = error else {
        panic!("{error}")
    };
    // The exit, and none of the checks before it.
    assert_eq!(
        (fault.kind, fault.stderr.as_str()),
        (FaultKind::Trap, "first, second")
    );
    assert!(
        fault
            .backtrace
            .iter()
            .any(|frame| frame.contains("proc_exit")),
        "{fault:?}"
    );
}

#[test]
fn what_is_written_to_standard_error_has_no_end() {
    let text = module(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 100) "a line\0a")
        (data (i32.const 200) "\64\00\00\00\07\00\00\00")
        (func (export "describe") (result i32) (local $lines i32)
          (loop $next
            (drop (call $write (i32.const 2) (i32.const 200) (i32.const 1) (i32.const 300)))
            (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $lines) (i32.const 20000))))
          unreachable)"#,
    );
    let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
    let error = ENGINE.load(&packed.component, "core").unwrap_err();
    let tbengine_engine::policy::LoadError::Fault { fault, .. } = error else {
        panic!("{error}")
    };
    // It got to its own end, and what was cut off is counted.
    assert_eq!(fault.message, "aborted");
    let cut = 20_000 * "a line\n".len() - (64 << 10);
    assert!(
        fault.stderr.ends_with(&format!("[{cut} more bytes]")),
        "{}",
        fault.stderr
    );
}

#[test]
fn names_of_functions_are_cut_in_a_backtrace() {
    let long = "f".repeat(100_000);
    let call = format!("(func ${long} unreachable)");
    let text = module(&format!(
        "{call} (func (export \"describe\") (result i32) (call ${long}) unreachable)"
    ));
    let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
    let error = ENGINE.load(&packed.component, "core").unwrap_err();
    let tbengine_engine::policy::LoadError::Fault { fault, .. } = error else {
        panic!("{error}")
    };
    assert!(fault.backtrace[0].ends_with(" more bytes)"), "{fault:?}");
    for frame in &fault.backtrace {
        assert!(frame.len() < 1 << 10, "{}", frame.len());
    }
}

#[test]
fn a_large_function_is_refused_before_it_is_compiled() {
    let large = "i32.const 7 i32.mul ".repeat(400_000);
    let text = module(&format!("(func (result i32) i32.const 7 {large})"));
    let packed = pack(text.as_bytes(), "core.wat", None).unwrap();
    let error = ENGINE.load(&packed.component, "core").unwrap_err();
    assert!(
        matches!(error, tbengine_engine::policy::LoadError::LargeFunction { size, .. } if size > 1 << 20),
        "{error}"
    );
}

/// How often each module is damaged.
const MUTATIONS: usize = 200;

/// The interfaces of a contract, each with its functions, and its types with what they are made of.
fn interfaces(resolve: &Resolve) -> BTreeMap<String, BTreeSet<String>> {
    let interfaces = resolve.interfaces.iter().filter_map(|(id, interface)| {
        let types = interface.types.iter().map(|(name, id)| {
            let kind = &resolve.types[*id].kind;
            let parts: Vec<&str> = match kind {
                TypeDefKind::Record(record) => record.fields.iter().map(|f| &*f.name).collect(),
                TypeDefKind::Enum(cases) => cases.cases.iter().map(|c| &*c.name).collect(),
                TypeDefKind::Variant(cases) => cases.cases.iter().map(|c| &*c.name).collect(),
                _ => Vec::new(),
            };
            format!("{} {name} {}", kind.as_str(), parts.join(" "))
        });
        let functions = interface.functions.values().map(|function| {
            let params: Vec<&str> = function.params.iter().map(|p| &*p.name).collect();
            format!("{} {}", function.name, params.join(" "))
        });
        Some((resolve.id_of(id)?, types.chain(functions).collect()))
    });
    interfaces.collect()
}

#[test]
fn the_types_around_a_module_are_those_of_the_contract() {
    for version in Version::ALL {
        let module = module_of(version, "");
        let packed = pack(module.as_bytes(), "core.wat", Some(version)).unwrap();
        let decoded = wit_component::decode(&packed.component).unwrap();
        let mut contract = Resolve::default();
        contract.push_source("policy.wit", version.wit()).unwrap();
        let mut contract = interfaces(&contract);
        // The module does not log, so nothing is imported for it.
        let log = format!("tbengine:policy/log@{}.0.0", version.major());
        assert!(contract.remove(&log).is_some());
        // What vetoes export is another world.
        contract.remove("tbengine:policy/vetoes@3.0.0");
        assert_eq!(interfaces(decoded.resolve()), contract);
    }
}

#[test]
fn the_same_module_makes_the_same_bytes() {
    let imports = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#;
    for version in Version::ALL {
        for text in [module_of(version, ""), module_of(version, imports)] {
            let once = pack(text.as_bytes(), "core.wat", Some(version)).unwrap();
            // Where it lies is not in it.
            let again = pack(text.as_bytes(), "elsewhere.wat", Some(version)).unwrap();
            assert!(once.component == again.component);
        }
    }
}

#[test]
fn a_damaged_module_is_refused_or_packed() {
    let with_wasi = module(
        r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
    );
    let mut random = fastrand::Rng::with_seed(1);
    let mut packed = 0;
    for (text, version) in [(MAX_AGE, Version::V3), (&with_wasi, Version::V3)] {
        let whole = wat::parse_str(text).unwrap();
        for _ in 0..MUTATIONS {
            let mut core = whole.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..core.len());
                core[at] = random.u8(..);
            }
            packed += usize::from(pack(&core, "core.wasm", Some(version)).is_ok());
        }
    }
    assert!(packed > 0);
}
