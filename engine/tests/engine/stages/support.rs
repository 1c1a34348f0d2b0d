//! A provider, a policy made of closures, and an engine between them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::plan::{Plan, Safeguard, Safeguards};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict, Veto,
};
use tbengine_engine::report::{Event, EventKind, Outcome, Report, StepResult};
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions, Facts, Planned};
use tbengine_memory::{Make, Memory, container};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Owner, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A provider named `memory` with nothing in it.
pub(crate) fn provider() -> Memory {
    Memory::new("memory", NOW)
}

type Judge = dyn Fn(&Candidate<'_>) -> Option<Verdict> + Send + Sync;
type Advise = dyn Fn(&Failure) -> RetryAdvice + Send + Sync;

/// A policy made of closures.
pub(crate) struct Scripted {
    source: PolicySource,
    judge: Box<Judge>,
    advise: Box<Advise>,
    context: Arc<Mutex<Option<PolicyContext>>>,
}

impl Scripted {
    pub(crate) fn new(
        judge: impl Fn(&Candidate<'_>) -> Option<Verdict> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: PolicySource {
                name: "scripted".into(),
                version: "1.0.0".into(),
                digest: "d1".into(),
                params: Default::default(),
            },
            judge: Box::new(judge),
            advise: Box::new(|_| RetryAdvice::NoOpinion),
            context: Arc::default(),
        }
    }

    pub(crate) fn advising(
        mut self,
        advise: impl Fn(&Failure) -> RetryAdvice + Send + Sync + 'static,
    ) -> Self {
        self.advise = Box::new(advise);
        self
    }

    /// The context of its last call will be here.
    pub(crate) fn context(&self) -> Arc<Mutex<Option<PolicyContext>>> {
        self.context.clone()
    }

    /// What it says about a candidate.
    pub(crate) fn judge(&self, candidate: &Candidate<'_>) -> Option<Verdict> {
        (self.judge)(candidate)
    }

    pub(crate) fn digest(mut self, digest: &str) -> Self {
        self.source.digest = digest.into();
        self
    }
}

impl Policy for Scripted {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn decide(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault> {
        *self.context.lock().unwrap() = Some(context.clone());
        let proposals = candidates
            .iter()
            .filter_map(|candidate| {
                (self.judge)(candidate).map(|verdict| Proposal {
                    id: candidate.resource.identity.id().to_string(),
                    verdict,
                    priority: 0,
                })
            })
            .collect();
        Ok(Answer {
            proposals,
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, failure: &Failure) -> Result<RetryAdvice, Fault> {
        Ok((self.advise)(failure))
    }
}

pub(crate) fn delete(force: Force, grace: Duration) -> Verdict {
    Verdict::Delete {
        reason: "the test says so".into(),
        force,
        grace: Some(grace),
    }
}

/// Wants everything gone, running or not, at once.
pub(crate) fn delete_all() -> Scripted {
    Scripted::new(|_| Some(delete(Force::Always, Duration::ZERO)))
}

/// Wants everything gone, after so long a grace period.
pub(crate) fn delete_within(grace: Duration) -> Scripted {
    Scripted::new(move |_| Some(delete(Force::Always, grace)))
}

/// A container with the label that [`claiming_world`] names.
pub(crate) fn ours(name: &str) -> Make {
    container(name).label("team", "evals")
}

/// The owner of what a benchmark left.
pub(crate) fn benchmark() -> Owner {
    Owner::Benchmark("harbor".into())
}

/// A world whose operator claims what runs by a label.
pub(crate) fn claiming_world(memory: &Memory) -> World {
    let mut world = World::new(memory.clone());
    world.scope.labels = vec!["team=evals".parse().unwrap()];
    world
}

/// Everything a test can set, and what it saw.
pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) scope: Scope,
    pub(crate) safeguards: Safeguards,
    pub(crate) facts: Facts,
    pub(crate) apply: ApplyOptions,
    pub(crate) control: Control,
    pub(crate) others: Vec<Memory>,
    pub(crate) run: &'static str,
    pub(crate) vetoes: Vec<Arc<dyn Veto>>,
    events: Arc<Mutex<Vec<Event>>>,
    #[expect(clippy::type_complexity, reason = "a hook of one test")]
    pub(crate) on_event: Option<Box<dyn Fn(&Event, &Control) + Send + Sync>>,
}

impl World {
    pub(crate) fn new(memory: Memory) -> Self {
        Self {
            memory,
            scope: Scope::default(),
            safeguards: Safeguards {
                // Tests that are not about it may end whatever they like.
                max_unproven_running: usize::MAX,
                ..Safeguards::default()
            },
            facts: Facts::default(),
            apply: ApplyOptions::default(),
            control: Control::default(),
            others: Vec::new(),
            run: "run-1",
            vetoes: Vec::new(),
            events: Arc::default(),
            on_event: None,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        let open = |memory: &Memory, name: &str| {
            OpenBackend::new(name, "memory", Arc::new(memory.clone()))
        };
        let mut backends = vec![open(&self.memory, "memory")];
        for (number, other) in self.others.iter().enumerate() {
            backends.push(open(other, &format!("other-{number}")));
        }
        let options = EngineOptions {
            run: self.run.into(),
            now: self.memory.now(),
            scope: self.scope.clone(),
            sizes: false,
            account_of_nothing: true,
            safeguards: self.safeguards.clone(),
            apply: self.apply.clone(),
        };
        Engine::new(backends, options).with_vetoes(self.vetoes.clone())
    }

    fn reporter(&self) -> impl FnMut(&Event) {
        let events = self.events.clone();
        move |event: &Event| {
            if let Some(hook) = &self.on_event {
                hook(event, &self.control);
            }
            events.lock().unwrap().push(event.clone());
        }
    }

    pub(crate) async fn plan(&self, policy: impl Policy + 'static) -> Planned {
        let policy: Arc<dyn Policy> = Arc::new(policy);
        self.plan_with(&self.engine(), &policy).await
    }

    /// Plans with an engine.
    pub(crate) async fn plan_with(&self, engine: &Engine, policy: &Arc<dyn Policy>) -> Planned {
        let mut see = self.reporter();
        let inventory = Arc::new(engine.discover(&mut see).await);
        engine
            .plan(inventory, &self.facts, policy, "scripted", false, &mut see)
            .await
    }

    /// Plans with a policy and applies the plan.
    pub(crate) async fn run(&self, policy: Scripted) -> Report {
        let policy: Arc<dyn Policy> = Arc::new(policy);
        let engine = self.engine();
        let planned = self.plan_with(&engine, &policy).await;
        engine
            .apply(
                planned.plan,
                &policy,
                &self.control,
                None,
                &mut self.reporter(),
            )
            .await
    }

    /// Applies a plan that was made before.
    pub(crate) async fn apply(&self, plan: Plan, policy: impl Policy + 'static) -> Report {
        let policy: Arc<dyn Policy> = Arc::new(policy);
        self.engine()
            .apply(plan, &policy, &self.control, None, &mut self.reporter())
            .await
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// What happened, a line each, with the milliseconds since the start.
    pub(crate) fn story(&self) -> String {
        let lines: Vec<String> = self
            .events()
            .iter()
            .filter_map(|event| {
                let at = event.at.as_unix_ms() - NOW.as_unix_ms();
                tell(&event.kind).map(|line| format!("{at:>6} {line}"))
            })
            .collect();
        lines.join("\n")
    }
}

fn tell(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::RunStarted { steps, .. } => format!("run started, {steps} steps"),
        EventKind::AttemptStarted {
            id,
            action,
            attempt,
            ..
        } => format!("{action} {}: attempt {attempt}", short(id)),
        EventKind::StopRequested { id, grace_ms, .. } => {
            format!("{}: asked to end within {grace_ms} ms", short(id))
        }
        EventKind::AttemptFailed {
            id,
            attempt,
            error,
            delay_ms,
            ..
        } => format!(
            "{}: attempt {attempt} failed ({}), next in {delay_ms} ms",
            short(id),
            error.kind
        ),
        EventKind::BackendPaused {
            backend,
            error,
            delay_ms,
        } => format!("{backend} paused for {delay_ms} ms ({})", error.kind),
        EventKind::BackendResumed { backend } => format!("{backend} resumed"),
        EventKind::BackendStopped { backend, error } => {
            format!("{backend} stopped ({})", error.kind)
        }
        EventKind::StepFinished(outcome) => {
            let detail = outcome.detail.as_deref().unwrap_or("-");
            format!("{}: {} ({detail})", short(&outcome.id), outcome.result)
        }
        EventKind::RunInterrupted { in_flight } => format!("interrupted, {in_flight} in flight"),
        EventKind::RunFinished(_) => "run finished".into(),
        _ => return None,
    })
}

fn short(id: &tbengine_engine::report::outcome::ResourceIdText) -> String {
    let native: String = id.0.native.chars().take(12).collect();
    format!("{}/{native}", id.0.kind)
}

/// How the resource of a name ended.
pub(crate) fn outcome<'a>(report: &'a Report, name: &str) -> &'a Outcome {
    report
        .outcomes
        .iter()
        .find(|outcome| outcome.name == name)
        .unwrap_or_else(|| panic!("no outcome for `{name}`: {report:?}"))
}

pub(crate) fn result(report: &Report, name: &str) -> StepResult {
    outcome(report, name).result
}

/// The safeguard that refused the resource of a name, if any did.
pub(crate) fn refused(plan: &Plan, name: &str) -> Option<Safeguard> {
    let refusal = plan.refusals.iter().find(|refusal| refusal.name == name);
    let planned = plan.steps.iter().any(|step| step.name == name);
    assert!(
        planned != refusal.is_some(),
        "`{name}` is either planned or refused: {plan:?}"
    );
    refusal.map(|refusal| refusal.safeguard)
}

/// A provider with so many containers, `c0000` and on.
pub(crate) fn many(count: usize) -> Memory {
    let memory = provider();
    for number in 0..count {
        memory.insert(container(&format!("c{number:04}")));
    }
    memory
}
