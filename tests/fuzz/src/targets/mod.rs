//! What reads the inputs, and what must hold whatever they are.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tbengine_daytona::Daytona;
use tbengine_docker::Docker;
use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control, apply};
use tbengine_engine::clock::RunClock;
use tbengine_engine::discover::Inventory;
use tbengine_engine::plan::{Plan, Safeguards, saved};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Limits, Policy, PolicyContext, PolicyEngine,
    PolicyEngineOptions, PolicySource, RetryAdvice,
};
use tbengine_memory::{Memory, container};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{
    Backend, DeleteOptions, Error, Identity, Kind, ListRequest, OpenRequest, Result as SdkResult,
    StopOptions, Timestamp,
};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;

use crate::answers::{Answers, MAX_CALL_TIME};

/// Takes one input, and panics if a promise is broken. Answers whether the input was taken for a good one.
pub type Run = Box<dyn FnMut(&[u8]) -> bool>;

/// Something that reads hostile input.
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Makes it ready.
    pub start: fn() -> Run,
}

/// Every target.
pub const ALL: [Target; 4] = [
    Target {
        name: "plan",
        start: plan,
    },
    Target {
        name: "policy",
        start: policy,
    },
    Target {
        name: "docker",
        start: docker,
    },
    Target {
        name: "daytona",
        start: daytona,
    },
];

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// A saved plan: read, checked, revised and applied. Nothing outside of it is deleted, and every step
/// has its outcome.
fn plan() -> Run {
    Box::new(|input| {
        let Ok(plan) = serde_json::from_slice::<Plan>(input) else {
            return false;
        };
        let written = serde_json::to_vec(&plan).expect("what was read can be written");
        let again: Plan = serde_json::from_slice(&written).expect("and read again");
        assert_eq!(again, plan, "a plan changes when it is written");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(apply_hostile(plan))
    })
}

async fn apply_hostile(plan: Plan) -> bool {
    let memory = Memory::new("memory", NOW);
    for name in ["web", "db", "other"] {
        memory.insert(container(name).native(format!("{name}-id")));
    }
    let policy: Arc<dyn Policy> = Arc::new(Silent(plan.header.policy.clone()));
    let inventory = Inventory::new(BTreeMap::new(), memory.oracle().alive(), Vec::new());
    let valid = Duration::from_secs(u64::MAX);
    if saved::check(
        &plan,
        policy.source(),
        &plan.header.configuration,
        &inventory,
        valid,
        NOW,
    )
    .is_err()
    {
        return false;
    }
    let plan = saved::revise(
        plan,
        &inventory,
        &Facts::default(),
        &Safeguards::default(),
        NOW,
    );
    let targets: Vec<Identity> = plan.steps.iter().map(|step| step.target.clone()).collect();
    let backends = [OpenBackend::new(
        "memory",
        "memory",
        Arc::new(memory.clone()),
    )];
    let options = ApplyOptions {
        deadline: Some(Duration::from_secs(3600)),
        ..ApplyOptions::default()
    };
    let report = apply(
        plan,
        &backends,
        policy,
        &options,
        &Control::default(),
        RunClock::starting_at(NOW),
        None,
        &mut |_| {},
    )
    .await;
    assert_eq!(
        report.outcomes.len(),
        targets.len(),
        "not one outcome per step"
    );
    for deleted in memory.oracle().deleted_by_us() {
        assert!(
            targets.contains(&deleted),
            "{deleted:?} was not in the plan"
        );
    }
    !report.outcomes.is_empty()
}

struct Silent(PolicySource);

impl Policy for Silent {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, _: &[Candidate<'_>]) -> Result<Answer, Fault> {
        Ok(Answer {
            proposals: Vec::new(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

/// A policy module: loaded, configured and asked. Whatever it is, the host survives within its limits.
fn policy() -> Run {
    let engine = PolicyEngine::new(PolicyEngineOptions::default()).expect("an engine");
    Box::new(move |input| {
        let Ok(compiled) = engine.load(input, "fuzz.wasm") else {
            return false;
        };
        let Ok(policy) = compiled.configure(&BTreeMap::new(), Limits::default()) else {
            return false;
        };
        let context = PolicyContext::new(NOW, "fuzz");
        policy.decide(&context, &[]).is_ok()
    })
}

/// What a dockerd answers, byte by byte.
fn docker() -> Run {
    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("docker.sock");
    let answers = Answers::default();
    let runtime = io_runtime();
    runtime.block_on(async {
        let listener = UnixListener::bind(&path).expect("a socket");
        let healthy = [
            ("/_ping", "OK".to_owned()),
            (
                "/info",
                r#"{"ID":"daemon-1","ServerVersion":"20.10.24"}"#.to_owned(),
            ),
        ];
        answers.serve_unix(listener, healthy.into());
    });
    let host = format!("unix://{}", path.display());
    let backend = Docker::open(request(
        serde_json::json!({ "host": host, "call-timeout": "2s" }),
    ))
    .expect("it opens");
    Box::new(move |input| {
        // The directory lives as long as the target.
        let _socket = &directory;
        answers.set(input);
        runtime.block_on(ask(
            &backend,
            &[Kind::CONTAINER, Kind::NETWORK, Kind::VOLUME, Kind::IMAGE],
            ID,
        ))
    })
}

/// What the Daytona service answers, byte by byte.
fn daytona() -> Run {
    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let answers = Answers::default();
    let runtime = io_runtime();
    let port = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        answers.serve_tcp(listener, BTreeMap::new());
        port
    });
    let url = format!("http://127.0.0.1:{port}/api");
    let open = move || {
        Daytona::open(request(
            serde_json::json!({ "api-url": url, "call-timeout": "2s" }),
        ))
        .expect("it opens")
    };
    let mut backend = open();
    Box::new(move |input| {
        answers.set(input);
        let kinds = [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME];
        let good = runtime.block_on(ask(&backend, &kinds, ID));
        // It slows down after what it learned about limits, so then the next input gets a new one.
        let text = String::from_utf8_lossy(input).to_lowercase();
        if ["ratelimit", "retry-after", " 429 "]
            .iter()
            .any(|word| text.contains(word))
        {
            backend = open();
        }
        good
    })
}

fn io_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// What must not be in any message.
const KEY: &str = "dtn_canary0123456789";

fn request(config: serde_json::Value) -> OpenRequest {
    let environment = BTreeMap::from([("DAYTONA_API_KEY".to_owned(), KEY.to_owned())]);
    OpenRequest {
        name: "fuzz".into(),
        config,
        environment: Arc::new(environment),
        now: NOW,
    }
}

/// Calls every method. Whatever comes back, each ends in time, tells no secret, and shows no other
/// resource than the one that was asked for.
async fn ask(backend: &dyn Backend, kinds: &[Kind], native: &str) -> bool {
    let _account = within(backend.check()).await;
    let mut good = false;
    for kind in kinds {
        let page = within(backend.list(ListRequest::first(*kind))).await;
        good |= page.is_ok_and(|page| !page.resources.is_empty());
    }
    let target = Identity {
        backend: "fuzz".into(),
        account: "daemon-1".into(),
        kind: kinds[0],
        native: native.to_owned(),
        created: Some(NOW),
    };
    if let Ok(Some(found)) = within(backend.get(&target)).await {
        assert_eq!(
            found.identity.native, target.native,
            "another resource was shown"
        );
        assert_eq!(found.identity.kind, target.kind);
        good = true;
    }
    let _stopped = within(backend.stop(&target, StopOptions::FORCE)).await;
    let _deleted = within(backend.delete(&target, DeleteOptions::GENTLE)).await;
    good
}

async fn within<T>(call: impl Future<Output = SdkResult<T>>) -> SdkResult<T> {
    let answer = tokio::time::timeout(MAX_CALL_TIME, call)
        .await
        .expect("a call ends within its own time");
    if let Err(error) = &answer {
        tells_no_secret(error);
    }
    answer
}

fn tells_no_secret(error: &Error) {
    assert!(
        !format!("{error:?}").contains(KEY),
        "the key is in {error:?}"
    );
    assert!(
        error.message.len() < 10_000,
        "a message of {} bytes",
        error.message.len()
    );
}
