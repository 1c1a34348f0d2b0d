//! A provider with one thing for each safeguard, none of which any input may have deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control, apply};
use tbengine_engine::clock::RunClock;
use tbengine_engine::discover::{Inventory, ListFailure};
use tbengine_engine::facts::{IdentityKey, LiveLease, Quarantine, QuarantineEntry};
use tbengine_engine::kinds::Kinds;
use tbengine_engine::plan::{Own, Plan, Safeguards, saved};
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Policy, PolicyContext, PolicySource, RetryAdvice,
};
use tbengine_engine::terms::Terms;
use tbengine_memory::{Memory, container, network, volume};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Account, Damage, Error, ErrorKind, Identity, Kind, Owner, State, Timestamp};

/// The time in all worlds.
pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// A provider with things that may go, and things of which each is kept by one safeguard.
pub struct World {
    /// The provider.
    pub memory: Memory,
    /// What leases and quarantine say.
    pub facts: Facts,
    /// How the safeguards are set.
    pub safeguards: Safeguards,
    /// What must be alive at the end.
    sacred: Vec<Identity>,
}

impl World {
    /// The world.
    pub fn new() -> Self {
        let memory = Memory::new("memory", NOW);
        for name in ["web", "db", "other"] {
            memory.insert(container(name).native(format!("{name}-id")));
        }
        let over = |name: &str| {
            let of = container(name).native(format!("{name}-id"));
            of.label(RUN_ID_LABEL, "over")
                .owner(Owner::Run("over".into()))
        };
        memory.insert(over("over").running());
        let mut sacred = Vec::new();
        let mut keep = |make| sacred.push(memory.insert(make));
        keep(over("protected").label("tbengine.protect", "true"));
        keep(over("until").label("tbengine.keep-until", "2030-01-01T00:00:00Z"));
        keep(over("young").created(Duration::from_secs(10)));
        keep(over("ageless").created_unknown());
        keep(over("own"));
        keep(over("parked"));
        keep(over("odd").state(State::Unknown));
        let leased = container("leased").label(RUN_ID_LABEL, "live");
        keep(leased.owner(Owner::Run("live".into())));
        let foreign = container("foreign").label(RUN_ID_LABEL, "elsewhere");
        keep(foreign.owner(Owner::Run("elsewhere".into())));
        keep(container("running").running());
        keep(container("kept").owner(Owner::Kept("kind".into())));
        keep(container("member").unit("shop"));
        let (net, data) = (memory.insert(network("net")), memory.insert(volume("data")));
        let user = container("user").running().unit("shop");
        let user = memory.insert(user.uses(&net).uses(&data));
        let damaged = memory.insert(over("damaged").running());
        if let Some(mut found) = memory.oracle().resource(&damaged) {
            found.damaged = Some(Damage {
                message: "its layer is gone".into(),
                code: None,
            });
            memory.insert_resource(found);
        }
        sacred.extend([net, data, user, damaged]);
        let named = |name: &str| {
            let mut all = sacred.iter();
            all.find(|one| one.native == format!("{name}-id")).cloned()
        };
        let parked = named("parked").map(|parked| {
            let entry = QuarantineEntry {
                runs: 3,
                last_run: "before".into(),
                reason: "it failed".into(),
            };
            (IdentityKey::of(&parked), entry)
        });
        let facts = Facts {
            quarantine: Quarantine::new(parked.into_iter().collect::<HashMap<_, _>>()),
            live: vec![LiveLease {
                id: "live".into(),
                terms: Terms::default(),
                images: Default::default(),
            }],
            over: ["over".to_owned()].into(),
            ..Facts::default()
        };
        let own = named("own").map(|own| own.native);
        let safeguards = Safeguards {
            own: Own {
                containers: own.into_iter().collect(),
            },
            ..Safeguards::default()
        };
        Self {
            memory,
            facts,
            safeguards,
            sacred,
        }
    }

    /// The provider, open.
    pub fn backends(&self) -> [OpenBackend; 1] {
        let memory = Arc::new(self.memory.clone());
        [OpenBackend::new("memory", "memory", memory)]
    }

    /// What a listing shows, without those kinds that could not be listed.
    pub fn inventory(&self, failing: &[Kind]) -> Inventory {
        let account = Account::new("account-of-memory", "Memory");
        let alive = self.memory.oracle().alive().into_iter();
        let listed = alive.filter(|one| !failing.contains(&one.identity.kind));
        let failures = failing.iter().map(|kind| ListFailure {
            backend: "memory".into(),
            kind: Some(*kind),
            item: None,
            error: Error::new(ErrorKind::Internal, "the listing failed"),
        });
        Inventory::new(
            BTreeMap::from([("memory".into(), account)]),
            listed.collect(),
            failures.collect(),
        )
        .with_kinds(Kinds::of(&self.backends()))
    }

    /// Panics if anything was deleted that a safeguard keeps.
    pub fn assert_sacred_is_alive(&self) {
        for one in self.memory.oracle().deleted_by_us() {
            let is_sacred = self.sacred.iter().any(|sacred| sacred.native == one.native);
            let names = self.sacred.iter().position(|sacred| *sacred == one);
            assert!(
                !is_sacred,
                "{} (number {names:?} of those that are kept) is kept by a safeguard, and gone",
                one.id()
            );
        }
    }

    /// Revises a plan by what is listed, and applies it. Nothing outside of the plan, nothing that a safeguard keeps and
    /// nothing that was not listed is deleted, and every step has its outcome. Answers whether it had any.
    pub async fn apply(&self, plan: Plan, failing: &[Kind]) -> bool {
        let policy: Arc<dyn Policy> = Arc::new(Silent(plan.header.policy.clone()));
        let inventory = self.inventory(failing);
        let valid = Duration::from_secs(u64::MAX);
        let source = policy.source();
        let configuration = &plan.header.configuration;
        if saved::check(&plan, source, configuration, &inventory, valid, NOW).is_err() {
            return false;
        }
        let plan = saved::revise(plan, &inventory, &self.facts, &self.safeguards, NOW);
        if plan.blast_radius.is_some() {
            return false;
        }
        let targets: Vec<Identity> = plan.steps.iter().map(|step| step.target.clone()).collect();
        let options = ApplyOptions {
            deadline: Some(Duration::from_secs(3600)),
            ..ApplyOptions::default()
        };
        let report = apply(
            plan,
            &self.backends(),
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
        for deleted in self.memory.oracle().deleted_by_us() {
            assert!(
                targets.contains(&deleted),
                "{deleted:?} was not in the plan"
            );
            assert!(
                !failing.contains(&deleted.kind),
                "{deleted:?} was not listed"
            );
        }
        self.assert_sacred_is_alive();
        !report.outcomes.is_empty()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs something in time that passes by itself.
///
/// # Panics
/// If there is no runtime.
pub fn in_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
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
