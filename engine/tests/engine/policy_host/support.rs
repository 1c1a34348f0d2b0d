//! Engines, resources and modules for the tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use tbengine_engine::policy::{
    Answer, Candidate, ConfigError, ConfiguredPolicy, Failure, Fault, Limits, LoadError, Policy,
    PolicyContext, PolicyEngine, PolicyEngineOptions, Verdict,
};
use tbengine_sdk::{ErrorKind, Identity, Kind, Owner, Resource, ResourceId, State, Timestamp};

pub(crate) const NOW: i64 = 1_800_000_000_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// One engine for all tests, as a process has one. What it compiled is kept for the tests of other processes.
pub(crate) static ENGINE: LazyLock<PolicyEngine> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tbengine/wasm");
    PolicyEngine::new(PolicyEngineOptions {
        cache_dir: Some(cache),
        ..PolicyEngineOptions::default()
    })
    .unwrap()
});

pub(crate) fn params(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn configured(
    wasm: &[u8],
    given: &[(&str, &str)],
    limits: Limits,
) -> Result<ConfiguredPolicy, ConfigError> {
    ENGINE
        .load(wasm, "test")
        .unwrap()
        .configure(&params(given), limits)
}

pub(crate) fn hostile(given: &[(&str, &str)], limits: Limits) -> ConfiguredPolicy {
    configured(tbengine_builtins::HOSTILE, given, limits).unwrap()
}

pub(crate) fn context() -> PolicyContext {
    PolicyContext {
        now: Timestamp::from_unix_ms(NOW),
        run_id: "run-1".into(),
        dry_run: false,
        claimed: false,
        exclusive: Vec::new(),
    }
}

/// A resource that was created some hours ago.
pub(crate) fn resource(kind: Kind, native: &str, state: State, hours: i64) -> Resource {
    let identity = Identity {
        backend: "docker".into(),
        account: "daemon".into(),
        kind,
        native: native.to_owned(),
        created: Some(Timestamp::from_unix_ms(NOW - hours * HOUR)),
    };
    Resource::new(identity, native, state)
}

pub(crate) fn container(native: &str, state: State, hours: i64) -> Resource {
    resource(Kind::CONTAINER, native, state, hours)
}

pub(crate) fn of_harbor(mut resource: Resource) -> Resource {
    resource.owner = Owner::Benchmark("harbor".to_owned());
    resource
}

pub(crate) fn decide(policy: &ConfiguredPolicy, resources: &[Resource]) -> Result<Answer, Fault> {
    let candidates: Vec<Candidate<'_>> = resources.iter().map(Candidate::alone).collect();
    policy.decide(&context(), &candidates)
}

pub(crate) fn failure(kind: ErrorKind, attempt: u32) -> Failure {
    Failure {
        id: ResourceId {
            backend: "docker".into(),
            kind: Kind::CONTAINER,
            native: "c1".to_owned(),
        },
        operation: "delete",
        kind,
        message: "driver failed".to_owned(),
        attempt,
        elapsed: Duration::from_secs(3),
        retry_after: Some(Duration::from_millis(1500)),
    }
}

/// `delete: reason` for each proposal, by native id.
pub(crate) fn verdicts(answer: &Answer) -> BTreeMap<&str, String> {
    let text = |verdict: &Verdict| match verdict {
        Verdict::Keep { reason } => format!("keep: {reason}"),
        Verdict::Stop { reason, .. } => format!("stop: {reason}"),
        Verdict::Archive { reason, .. } => format!("archive: {reason}"),
        Verdict::Delete { reason, .. } => format!("delete: {reason}"),
    };
    answer
        .proposals
        .iter()
        .map(|proposal| {
            (
                proposal.id.rsplit('/').next().unwrap(),
                text(&proposal.verdict),
            )
        })
        .collect()
}

/// A component of the shape of a policy around parts of a core module.
///
/// Unless `parts` defines it, a function does what a well-behaved policy without opinions does.
pub(crate) fn shaped(parts: &str) -> Vec<u8> {
    let mut core = String::from("(core module\n");
    // A record of 36 bytes at 64 describes `odd` `1`; 128 zeros at 128 are "ok, everything" to `configure` and
    // "ok, no verdicts" to `decide`.
    let defaults = [
        (
            r#""memory""#,
            r#"(memory (export "memory") 1) (data (i32.const 16) "odd1")
            (data (i32.const 64) "\10\00\00\00\03\00\00\00\13\00\00\00\01\00\00\00\10\00\00\00\03\00\00\00\10\00\00\00\00\00\00\00\02\00\00\00")"#,
        ),
        (
            r#""cabi_realloc""#,
            r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (i32.and (i32.add (i32.const 1031) (i32.const 0)) (i32.const -8)))"#,
        ),
        (
            "#describe",
            r#"(func (export "tbengine:policy/hooks@1.0.0#describe") (result i32) (i32.const 64))"#,
        ),
        (
            "#configure",
            r#"(func (export "tbengine:policy/hooks@1.0.0#configure") (param i32 i32) (result i32) (i32.const 128))"#,
        ),
        (
            "#decide",
            r#"(func (export "tbengine:policy/hooks@1.0.0#decide") (param i64 i32 i32 i32 i32 i32 i32 i32)
            (result i32) (i32.const 128))"#,
        ),
        (
            "#retry",
            r#"(func (export "tbengine:policy/hooks@1.0.0#retry") (param i32) (result i32) (i32.const 128))"#,
        ),
    ];
    for (name, default) in defaults {
        if !parts.contains(name) {
            core.push_str(default);
        }
    }
    core.push_str(parts);
    core.push(')');
    wat::parse_str(include_str!("guests/shape.wat").replace("{core}", &core)).unwrap()
}

pub(crate) fn load_error(bytes: &[u8]) -> LoadError {
    ENGINE.load(bytes, "policies/mine.wasm").unwrap_err()
}
