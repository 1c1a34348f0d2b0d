//! The fake service, a policy that wants everything gone, and one run over it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tbengine_daytona::Daytona;
use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::owners::Owners;
use tbengine_engine::plan::Safeguards;
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};
use tbengine_engine::report::{Report, StepResult};
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_fake_daytona::{FakeDaytona, FaultPlan, Record, Settings};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Backend, OpenRequest, Timestamp};
use tokio::runtime::Runtime;

use crate::support::median;
use crate::support::service::{Service, leaked};

/// The service with sandboxes that Harbor left an hour ago.
pub(crate) struct Cloud(Service);

impl Cloud {
    pub(crate) fn with_sandboxes(count: usize, settings: Settings) -> Self {
        Self::with_busy(count, 0, settings)
    }

    /// The same where of some, spread over all, a change is under way that never ends.
    pub(crate) fn with_busy(count: usize, busy: usize, settings: Settings) -> Self {
        let service = Service::start(settings);
        for number in 0..count {
            let is_busy = (number + 1) * busy / count > number * busy / count;
            service.fake.put(leaked(number).pending(is_busy));
        }
        Self(service)
    }

    fn fake(&self) -> &FakeDaytona {
        &self.0.fake
    }

    pub(crate) fn faults(self, plan: FaultPlan) -> Self {
        self.fake().set_faults(plan);
        self
    }

    fn backend(&self) -> Daytona {
        let request = OpenRequest {
            name: "cloud".into(),
            config: serde_json::json!({ "api-url": self.fake().url() }),
            environment: Arc::new(BTreeMap::from([(
                "DAYTONA_API_KEY".to_owned(),
                self.fake().key(),
            )])),
            now: Timestamp::from_unix_seconds(0),
        };
        Daytona::open(request).expect("the configuration is right")
    }

    /// How long one request takes while nothing else is done: the median of many.
    pub(crate) fn latency(&self) -> Duration {
        let backend = self.backend();
        runtime().block_on(async {
            let mut times = Vec::new();
            for _ in 0..101 {
                let begin = Instant::now();
                backend.check().await.expect("the service answers");
                times.push(begin.elapsed());
            }
            median(times)
        })
    }

    /// Plans to delete everything, and applies that.
    pub(crate) fn clean(&self, apply: ApplyOptions) -> Cleaned {
        self.run(apply, None)
    }

    /// The same, and from the end of the planning on, things go wrong.
    pub(crate) fn clean_after_planning(&self, apply: ApplyOptions, plan: FaultPlan) -> Cleaned {
        self.run(apply, Some(plan))
    }

    fn run(&self, apply: ApplyOptions, faults: Option<FaultPlan>) -> Cleaned {
        let open = OpenBackend::new("cloud", "daytona", Arc::new(self.backend()));
        let options = EngineOptions {
            run: "run-1".into(),
            now: self.fake().with(|_, now| now),
            scope: Scope::default(),
            sizes: false,
            account_of_nothing: true,
            safeguards: Safeguards::default(),
            apply,
        };
        let owners = Arc::new(Owners::embedded().unwrap());
        let engine = Engine::new(vec![open], options).recognising(owners);
        let policy: Arc<dyn Policy> = Arc::new(Everything::new());
        runtime().block_on(async {
            let quiet = &mut |_: &_| {};
            let begin = Instant::now();
            let inventory = Arc::new(engine.discover(quiet).await);
            let facts = Facts::default();
            let planned = engine
                .plan(inventory, &facts, &policy, "everything", false, quiet)
                .await;
            let planning = begin.elapsed();
            if let Some(faults) = faults {
                self.fake().set_faults(faults);
            }
            let before = self.fake().with(|cloud, _| cloud.record.requests.len());
            let begin = Instant::now();
            let control = Control::default();
            let report = engine
                .apply(planned.plan, &policy, &control, None, quiet)
                .await;
            Cleaned {
                planning,
                took: begin.elapsed(),
                report,
                record: self.fake().record(),
                before,
                left: self.fake().live().len(),
            }
        })
    }
}

/// One thread for the engine, as the program has it.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// What came of a run.
pub(crate) struct Cleaned {
    pub(crate) planning: Duration,
    pub(crate) took: Duration,
    pub(crate) report: Report,
    pub(crate) left: usize,
    record: Record,
    before: usize,
}

impl Cleaned {
    /// How many requests there were while the plan was applied: those that change something, and
    /// all of them.
    pub(crate) fn requests(&self) -> (usize, usize) {
        let requests = &self.record.requests[self.before..];
        let changes = requests.iter().filter(|request| request.method != "GET");
        (changes.count(), requests.len())
    }

    /// From the first request that the plan led to: when the first and the last change were asked for.
    pub(crate) fn changes_from_to(&self) -> (Duration, Duration) {
        let requests = &self.record.requests[self.before..];
        let began = requests
            .first()
            .map_or(Duration::ZERO, |one| one.since_opened);
        let mut changes = requests.iter().filter(|request| request.method != "GET");
        let first = changes.next().map_or(began, |one| one.since_opened);
        let last = changes.next_back().map_or(first, |one| one.since_opened);
        (first.saturating_sub(began), last.saturating_sub(began))
    }

    /// The share of replies that were 429.
    pub(crate) fn refused(&self) -> f64 {
        let requests = &self.record.requests[self.before..];
        let refused = requests.iter().filter(|one| one.status == Some(429));
        refused.count() as f64 / requests.len().max(1) as f64
    }

    /// How many steps did not end with the resource gone, or are said to and did not.
    pub(crate) fn lost(&self) -> usize {
        let gone = self.report.outcomes.iter().filter(|outcome| {
            matches!(
                outcome.result,
                StepResult::Deleted | StepResult::AlreadyGone
            )
        });
        (self.report.outcomes.len() - gone.count()).max(self.left)
    }
}

/// Wants everything gone.
struct Everything(PolicySource);

impl Everything {
    fn new() -> Self {
        Self(PolicySource {
            name: "everything".into(),
            version: "1.0.0".into(),
            digest: "none".into(),
            params: BTreeMap::new(),
        })
    }
}

impl Policy for Everything {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let delete = |candidate: &Candidate<'_>| Proposal {
            id: candidate.resource.identity.id().to_string(),
            verdict: Verdict::Delete {
                reason: "leaked".into(),
                force: Force::Always,
                grace: Some(Duration::ZERO),
            },
            priority: 0,
        };
        Ok(Answer {
            proposals: candidates.iter().map(delete).collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}
