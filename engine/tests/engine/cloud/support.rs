//! The fake service, the backend on it, a policy that wants everything gone, and an engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::owners::Owners;
use tbengine_engine::plan::{Plan, Safeguards};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};
use tbengine_engine::report::{Outcome, Report, StepResult};
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_fake_daytona::{FakeDaytona, FaultPlan, Make, RunnerTimes, Settings, sandbox};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, OpenRequest, Resource, State, Timestamp};

/// Wants the same for everything that is not on its way out already.
struct Everything {
    source: PolicySource,
    verdict: Verdict,
}

impl Policy for Everything {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let proposals = candidates
            .iter()
            .filter(|candidate| candidate.resource.state != State::Removing)
            .map(|candidate| Proposal {
                id: candidate.resource.identity.id().to_string(),
                verdict: self.verdict.clone(),
                priority: 0,
            })
            .collect();
        Ok(Answer {
            proposals,
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

pub(crate) fn source(name: &str) -> PolicySource {
    PolicySource {
        name: name.into(),
        version: "1.0.0".into(),
        digest: "d1".into(),
        params: Default::default(),
    }
}

/// Deletes all but the newest running sandbox of each unit: Harbor means to have one for each session.
pub(crate) struct OneOfEachUnit(pub(crate) PolicySource);

impl Policy for OneOfEachUnit {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let mut live: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
        for Candidate { resource, .. } in candidates {
            if let (true, Some(unit)) = (resource.state.is_running(), &resource.unit) {
                live.entry(unit.0.as_str()).or_default().push(resource);
            }
        }
        let doubles = live.into_values().flat_map(|mut unit| {
            unit.sort_by_key(|resource| resource.identity.created);
            unit.pop();
            unit
        });
        let delete = |resource: &Resource| Proposal {
            id: resource.identity.id().to_string(),
            verdict: Verdict::Delete {
                reason: "another live sandbox has its session".into(),
                force: Force::Always,
                grace: None,
            },
            priority: 0,
        };
        Ok(Answer {
            proposals: doubles.map(delete).collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

/// Runners that are quick, so that tests are.
pub(crate) fn fast() -> Settings {
    Settings {
        runner: RunnerTimes {
            pick_up: Duration::from_millis(5),
            stop: Duration::from_millis(20),
            destroy: Duration::from_millis(50),
            ..RunnerTimes::default()
        },
        ..Settings::default()
    }
}

/// A sandbox that Harbor left, an hour old.
pub(crate) fn leaked(task: &str) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.session_id", format!("{task}__DqmfGz2__env"))
        .age(Duration::from_secs(3600))
}

/// The service, and how a run goes about it.
pub(crate) struct World {
    pub(crate) fake: FakeDaytona,
    pub(crate) key: String,
    pub(crate) verdict: Verdict,
    pub(crate) apply: ApplyOptions,
    /// What goes wrong once the plan is made: what is not listed is not a step, and cannot be lost.
    pub(crate) faults: Option<FaultPlan>,
}

impl World {
    pub(crate) async fn new(settings: Settings) -> Self {
        let fake = FakeDaytona::start(settings).await.unwrap();
        Self {
            key: fake.key(),
            fake,
            verdict: Verdict::Delete {
                reason: "the test says so".into(),
                force: Force::Always,
                grace: Some(Duration::ZERO),
            },
            apply: ApplyOptions::default(),
            faults: None,
        }
    }

    /// A backend on a service, as a configuration would open it.
    pub(crate) fn backend(name: &str, url: &str, key: &str) -> OpenBackend {
        let request = OpenRequest {
            name: name.into(),
            config: serde_json::json!({ "api-url": url }),
            environment: Arc::new(BTreeMap::from([(
                "DAYTONA_API_KEY".to_owned(),
                key.to_owned(),
            )])),
            now: Timestamp::from_unix_seconds(0),
        };
        let backend = tbengine_daytona::Daytona::open(request).unwrap();
        OpenBackend::new(name, "daytona", Arc::new(backend) as Arc<dyn Backend>)
    }

    pub(crate) fn cloud(&self) -> OpenBackend {
        Self::backend("cloud", &self.fake.url(), &self.key)
    }

    /// Plans and applies, and answers both what was refused and what was done.
    pub(crate) async fn run_on(&self, backends: Vec<OpenBackend>) -> Report {
        let policy = Everything {
            source: source("everything"),
            verdict: self.verdict.clone(),
        };
        self.run_policy(backends, Arc::new(policy)).await
    }

    /// Plans, and applies nothing.
    pub(crate) async fn plan(&self) -> Plan {
        let policy: Arc<dyn Policy> = Arc::new(Everything {
            source: source("everything"),
            verdict: self.verdict.clone(),
        });
        let engine = self.engine(vec![self.cloud()]);
        let inventory = Arc::new(engine.discover(&mut |_: &_| {}).await);
        let facts = Facts::default();
        let quiet = &mut |_: &_| {};
        let planned = engine
            .plan(inventory, &facts, &policy, "test", false, quiet)
            .await;
        planned.plan
    }

    fn engine(&self, backends: Vec<OpenBackend>) -> Engine {
        let options = EngineOptions {
            run: "run-1".into(),
            now: self.fake.with(|_, now| now),
            scope: Scope::default(),
            sizes: false,
            account_of_nothing: true,
            safeguards: Safeguards {
                max_delete: "100%".parse().ok(),
                ..Safeguards::default()
            },
            apply: self.apply.clone(),
        };
        let owners = Arc::new(Owners::embedded().unwrap());
        Engine::new(backends, options).recognising(owners)
    }

    /// The same with another policy.
    pub(crate) async fn run_policy(
        &self,
        backends: Vec<OpenBackend>,
        policy: Arc<dyn Policy>,
    ) -> Report {
        let engine = self.engine(backends);
        let inventory = Arc::new(engine.discover(&mut |_: &_| {}).await);
        let facts = Facts::default();
        let planned = engine
            .plan(inventory, &facts, &policy, "test", false, &mut |_: &_| {})
            .await;
        if let Some(faults) = &self.faults {
            self.fake.set_faults(faults.clone());
        }
        engine
            .apply(
                planned.plan,
                &policy,
                &Control::default(),
                None,
                &mut |_: &_| {},
            )
            .await
    }

    pub(crate) async fn run(&self) -> Report {
        self.run_on(vec![self.cloud()]).await
    }
}

/// How the sandbox of an id ended.
pub(crate) fn outcome<'r>(report: &'r Report, id: &str) -> &'r Outcome {
    report
        .outcomes
        .iter()
        .find(|outcome| outcome.id.0.native == id)
        .unwrap_or_else(|| panic!("no outcome for {id}: {report:?}"))
}

pub(crate) fn result(report: &Report, id: &str) -> StepResult {
    outcome(report, id).result
}
