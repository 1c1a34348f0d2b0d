//! Lists, plans and applies over a session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control, RetrySchedule};
use tbengine_engine::facts::LiveLease;
use tbengine_engine::owners::Owners;
use tbengine_engine::plan::{MaxDelete, Safeguards};
use tbengine_engine::policy::Policy;
use tbengine_engine::report::Event;
use tbengine_engine::run::{Engine, EngineOptions};
use tbengine_engine::scope::Scope;
use tbengine_engine::terms::Terms;
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::{Resource, Timestamp};

use super::policies::{Appetite, Hungry};
use super::session::Change;

/// The time in all sessions.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
/// The run that is live.
pub const LIVE: &str = "20270115T070000-live";
/// The run that has ended.
pub const OVER: &str = "20270101T000000-over";

/// What came of one session.
#[derive(Debug, Default)]
pub struct Found {
    /// What was listed, by kind and id.
    pub resources: BTreeMap<(String, String), Resource>,
    /// What is planned, by the appetite of the policy: action, kind and id.
    pub planned: [BTreeSet<(String, String, String)>; 2],
    /// Whether anything could not be listed or read.
    pub is_whole: bool,
    /// What was said, of everything.
    pub said: String,
    /// What was asked for in applying the first plan.
    pub changes: Vec<Change>,
}

/// Rules of owners, as they come with the program.
fn owners() -> Arc<Owners> {
    static OWNERS: OnceLock<Arc<Owners>> = OnceLock::new();
    let owners = OWNERS.get_or_init(|| Arc::new(Owners::embedded().expect("rules")));
    owners.clone()
}

/// Lists and plans over an open backend, and applies if asked to.
pub async fn run(backend: OpenBackend, applies: bool, changes: impl Fn() -> Vec<Change>) -> Found {
    let apply = ApplyOptions {
        retry: RetrySchedule::Fixed {
            delay: Duration::from_millis(5),
            factor: 1.0,
            retries: 2,
        },
        call_timeout: Duration::from_secs(60),
        step_deadline: Duration::from_secs(60),
        deadline: Some(Duration::from_secs(150)),
        outage_deadline: Duration::from_millis(100),
        stuck_after: Duration::from_millis(100),
        ..ApplyOptions::default()
    };
    let options = EngineOptions {
        run: "fuzz".into(),
        now: NOW,
        scope: Scope::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards {
            // What is less may be below a limit that more exceeded.
            max_delete: Some(MaxDelete::Count(usize::MAX)),
            ..Safeguards::default()
        },
        apply,
    };
    let engine = Engine::new(vec![backend], options).recognising(owners());
    let facts = Facts {
        live: vec![LiveLease {
            id: LIVE.into(),
            terms: Terms::default(),
            images: Default::default(),
        }],
        over: [OVER.to_owned()].into(),
        ..Facts::default()
    };
    let mut events: Vec<String> = Vec::new();
    let mut note = |event: &Event| events.push(format!("{event:?}"));
    let inventory = Arc::new(engine.discover(&mut note).await);
    let mut found = Found {
        is_whole: inventory.failures.is_empty(),
        ..Found::default()
    };
    for resource in &inventory.resources {
        let identity = &resource.identity;
        let key = (identity.kind.to_string(), identity.native.clone());
        found.resources.insert(key, resource.clone());
    }
    for (number, appetite) in [Appetite::Everything, Appetite::Rubbish]
        .into_iter()
        .enumerate()
    {
        let policy: Arc<dyn Policy> = Arc::new(Hungry::new(appetite));
        let planned = engine.plan(inventory.clone(), &facts, &policy, "fuzz", false, &mut note);
        let plan = planned.await.plan;
        found.said += &format!("{:?}", plan.refusals);
        if plan.blast_radius.is_some() {
            continue;
        }
        for step in &plan.steps {
            found.planned[number].insert((
                step.action.kind().to_string(),
                step.target.kind.to_string(),
                step.target.native.clone(),
            ));
        }
        if applies && number == 0 {
            let steps = plan.steps.len();
            let report = engine
                .apply(plan, &policy, &Control::default(), None, &mut note)
                .await;
            assert_eq!(report.outcomes.len(), steps, "not one outcome per step");
            found.said += &format!("{:?}", report.outcomes);
        }
    }
    found.said += &format!("{:?}", inventory.failures);
    found.said.extend(events);
    found.changes = changes();
    found
}
