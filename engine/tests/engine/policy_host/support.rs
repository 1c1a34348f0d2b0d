//! Engines, resources and modules for the tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use tbengine_engine::policy::{
    Answer, Candidate, ConfigError, ConfiguredPolicy, Dependent, Failure, Fault, Force, Limits,
    LoadError, Policy, PolicyContext, PolicyEngine, PolicyEngineOptions, Verdict, pack,
};
use tbengine_sdk::{Error, ErrorKind, Identity, Kind, Owner, Resource, State, Timestamp};

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
    PolicyContext::new(Timestamp::from_unix_ms(NOW), "run-1")
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

/// A failed deletion of the container `c1`, which runs.
pub(crate) fn failure(kind: ErrorKind, attempt: u32) -> Failure {
    let mut resource = container("c1", State::Running, 3);
    resource.owner = Owner::Benchmark("harbor".to_owned());
    let mut error = Error::new(kind, "driver failed");
    error.code = Some("docker:500".to_owned());
    error.retry_after = Some(Duration::from_millis(1500));
    Failure {
        force: Force::OnRetry,
        reason: "it is too old".to_owned(),
        elapsed: Duration::from_secs(3),
        ..Failure::new(resource, error, attempt)
    }
}

/// Candidates that use each other: of each, the indices of its users.
pub(crate) fn using<'a>(resources: &[(&'a Resource, &'a [Dependent<'a>])]) -> Vec<Candidate<'a>> {
    let candidate = |(resource, used_by): &(&'a Resource, &'a [Dependent<'a>])| Candidate {
        used_by,
        ..Candidate::alone(resource)
    };
    resources.iter().map(candidate).collect()
}

/// Who uses something: a resource, and its index among the candidates, if it is one of them.
pub(crate) fn user(resource: &Resource, candidate: Option<usize>) -> Dependent<'_> {
    Dependent {
        identity: &resource.identity,
        candidate,
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
    let mut core = String::from("(module\n");
    // A record of 36 bytes at 64 describes `odd` `1`; 128 zeros at 128 are "ok, everything" to `configure` and
    // "ok, no verdicts" to `decide`.
    let defaults = [
        (
            r#""memory""#,
            r#"(memory (export "memory") 1) (data (i32.const 16) "odd1")
            (data (i32.const 64) "\10\00\00\00\03\00\00\00\13\00\00\00\01\00\00\00\10\00\00\00\03\00\00\00\10\00\00\00\00\00\00\00\03\00\00\00")"#,
        ),
        (
            r#""cabi_realloc""#,
            r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (i32.and (i32.add (i32.const 1031) (i32.const 0)) (i32.const -8)))"#,
        ),
        (
            r#""describe""#,
            r#"(func (export "describe") (result i32) (i32.const 64))"#,
        ),
        (
            r#""configure""#,
            r#"(func (export "configure") (param i32 i32) (result i32) (i32.const 128))"#,
        ),
        (
            r#""decide""#,
            r#"(func (export "decide") (param i32) (result i32) (i32.const 128))"#,
        ),
        (
            r#""retry""#,
            r#"(func (export "retry") (param i32) (result i32) (i32.const 128))"#,
        ),
    ];
    for (name, default) in defaults {
        if !parts.contains(name) {
            core.push_str(default);
        }
    }
    core.push_str(parts);
    core.push(')');
    pack(core.as_bytes(), "odd.wat", None).unwrap().component
}

pub(crate) fn load_error(bytes: &[u8]) -> LoadError {
    ENGINE.load(bytes, "policies/mine.wasm").unwrap_err()
}
