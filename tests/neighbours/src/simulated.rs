//! The simulated provider.

use std::collections::BTreeSet;
use std::time::Duration;

use tbengine_engine::facts::{Facts, LiveLease};
use tbengine_engine::owners::Remembered;
use tbengine_engine::terms::{Filter, Terms};
use tbengine_memory::{Chaos, ExternalChange, Fault, Make, Memory, Operation};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Damage, Error, ErrorKind, Identity, Kind, Owner, State, Timestamp};
use tokio::time::Instant;

use crate::act::Nature;
use crate::draft::Draft;
use crate::entitled::User;
use crate::ledger::Ledger;
use crate::provider::Provider;

/// The calendar time at which a story begins.
pub const BEGIN: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// The label by which a job's lease names what is its own.
const JOB: &str = "job";

/// The simulated provider, in simulated time.
pub struct Simulated {
    /// The provider.
    pub memory: Memory,
    /// What tbengine remembers from run to run, for each of its users.
    pub remembered: [Remembered; 2],
    began: Instant,
    leases: u32,
    expired: BTreeSet<u32>,
    /// How far the clock of tbengine's users is ahead of the provider's, in milliseconds.
    ahead: i64,
}

impl Simulated {
    /// A provider with nothing in it.
    pub fn new() -> Self {
        Self {
            memory: Memory::new("docker", BEGIN),
            remembered: Default::default(),
            began: Instant::now(),
            leases: 0,
            expired: BTreeSet::new(),
            ahead: 0,
        }
    }

    /// The time by the clock of tbengine's users.
    pub fn now_of_users(&self) -> Timestamp {
        let now = self.memory.now().as_unix_ms();
        Timestamp::from_unix_ms(now.saturating_add(self.ahead))
    }

    /// What the store of a user says: the leases.
    pub fn facts(&self, ledger: &Ledger, user: User) -> Facts {
        if user == User::Another {
            return Facts::default();
        }
        let live = ledger.live_leases.values().map(|lease| LiveLease {
            id: lease_id(*lease),
            terms: Terms {
                filters: vec![Filter {
                    labels: vec![format!("{JOB}={lease}").parse().expect("a label")],
                    ..Filter::default()
                }],
                ..Terms::default()
            },
            images: Default::default(),
        });
        Facts {
            live: live.collect(),
            over: self.expired.iter().copied().map(lease_id).collect(),
            ..Facts::default()
        }
    }
}

impl Default for Simulated {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for Simulated {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn make(&mut self, draft: Draft) -> Option<Identity> {
        Some(self.memory.insert(of_draft(draft)))
    }

    fn is_going(&self, identity: &Identity) -> bool {
        let there = self.memory.oracle().resource(identity);
        there.is_some_and(|one| one.state == State::Removing)
    }

    fn damage(&mut self, identity: &Identity) -> bool {
        let resource = self.memory.oracle().resource(identity);
        let Some(mut resource) = resource.filter(|one| one.damaged.is_none()) else {
            return false;
        };
        resource.damaged = Some(Damage {
            message: "its layer does not exist".into(),
            code: None,
        });
        self.memory.insert_resource(resource);
        true
    }

    fn hang(&mut self, identity: &Identity) {
        let script = self.memory.script(Operation::Get).of_identity(identity);
        script.then(Fault::Hang(Duration::from_secs(24 * 3600)));
    }

    fn name_of(&self, identity: &Identity) -> Option<String> {
        let found = self.memory.oracle().resource(identity);
        found.map(|one| one.name)
    }

    fn end(&mut self, identity: &Identity) -> bool {
        let change = ExternalChange::End(identity.clone(), 137);
        self.memory.change(change);
        true
    }

    fn start(&mut self, identity: &Identity) -> bool {
        let change = ExternalChange::Restart(identity.clone());
        self.memory.change(change);
        true
    }

    fn remove(&mut self, identity: &Identity) -> bool {
        let change = ExternalChange::Delete(identity.clone());
        self.memory.change(change);
        true
    }

    fn tag(&mut self, identity: &Identity, name: String) -> bool {
        let change = ExternalChange::Name(identity.clone(), name);
        self.memory.change(change);
        true
    }

    fn obscure(&mut self, identity: &Identity) -> bool {
        let change = ExternalChange::SetState(identity.clone(), State::Unknown);
        self.memory.change(change);
        true
    }

    /// The lease is the ledger's, and what it protects is found by a label.
    fn acquire(&mut self, _: u32) -> Option<u32> {
        self.leases += 1;
        Some(self.leases)
    }

    fn make_under(&mut self, lease: u32, draft: Draft) -> Option<Identity> {
        let draft = draft.label(JOB, lease.to_string());
        let draft = draft.label(RUN_ID_LABEL, lease_id(lease));
        let make = of_draft(draft).owner(Owner::Run(lease_id(lease)));
        Some(self.memory.insert(make))
    }

    fn expire(&mut self, lease: u32) {
        self.expired.insert(lease);
    }

    fn nature(&mut self, act: &Nature) {
        match act {
            Nature::Chaos { seed, percent } => {
                let share = f64::from(*percent) / 100.0;
                // Listings are complete: if a provider leaves out resources, it cannot be known what uses the others.
                let chaos = Chaos {
                    transient: share,
                    lost_before: share / 4.0,
                    lost_after: share / 4.0,
                    rate_limited: share / 8.0,
                    ..Chaos::default()
                };
                self.memory.chaos(chaos, *seed);
            }
            Nature::Slow { latency } => self.memory.latency(Duration::from_millis(*latency)),
            Nature::Outage { lasts } => {
                let now = Duration::from_millis(self.now());
                self.memory.outage(now..now + Duration::from_millis(*lasts));
            }
            Nature::ListingFails { kind, times } => {
                let Ok(kind) = kind.parse::<Kind>() else {
                    return;
                };
                let error = Error::new(ErrorKind::Internal, "the listing failed");
                let script = self.memory.script(Operation::List).of_kind(kind);
                script.calls(..*times).then(Fault::Answer(error));
            }
            Nature::Odd { .. } | Nature::Damages { .. } | Nature::Hangs { .. } => {}
            Nature::Crowded { per_second } => self.memory.rate_limit(*per_second, 5),
            Nature::Lingers { takes } => {
                self.memory.deletion_takes(Duration::from_millis(*takes));
            }
            Nature::Clock { ahead } => self.ahead = *ahead,
            Nature::Heals => {
                self.memory.heal();
                self.memory.deletion_takes(Duration::ZERO);
                self.ahead = 0;
                self.memory.latency(Duration::ZERO);
            }
        }
    }
}

/// The id of a lease.
fn lease_id(lease: u32) -> String {
    format!("lease-{lease}")
}

/// What the provider gets by a draft.
fn of_draft(draft: Draft) -> Make {
    let mut make = match draft.kind {
        Kind::CONTAINER => tbengine_memory::container(&draft.name),
        kind => tbengine_memory::resource(kind, &draft.name),
    };
    make = make.created(Duration::ZERO);
    if let Some(native) = draft.native {
        make = make.native(native);
    }
    if draft.runs {
        make = make.running();
    }
    for (key, value) in draft.labels {
        make = make.label(key, value);
    }
    for (key, value) in draft.attrs {
        make = make.attr(key, value);
    }
    if let Some(unit) = draft.unit {
        make = make.unit(unit);
    }
    for used in &draft.uses {
        make = make.uses(used);
    }
    make
}
