//! Taking information away never adds a deletion: of whatever is known less, what is planned, and what a saved
//! plan still does, is at most what it was.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Facts;
use tbengine_engine::apply::{ApplyOptions, Control};
use tbengine_engine::discover::{Inventory, ListFailure};
use tbengine_engine::facts::{IdentityKey, LiveLease, Quarantine, QuarantineEntry};
use tbengine_engine::plan::{Action, Listing, Plan, Step};
use tbengine_engine::policy::{Force, Policy};
use tbengine_engine::terms::{Filter, Terms};
use tbengine_memory::{Memory, container};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Class, Damage, Error, ErrorKind, Identity, Kind, Owner, State};
use tbengine_simulation::policy::Eager;
use tbengine_simulation::world::{OURS, World, name};

/// What is known of a world: everything, or less.
#[derive(Clone)]
struct Known {
    inventory: Inventory,
    facts: Facts,
}

/// One piece of information that can be missing.
#[derive(Clone, Debug)]
enum Piece {
    /// The listing of a kind of a backend.
    Listing(usize, Kind),
    /// All that a backend has.
    Backend(usize),
    /// The record of a lease.
    Lease(usize),
    /// Which leases there are.
    Leases,
    /// What is parked.
    Quarantine,
    /// One fact of one resource.
    Fact(usize, Fact),
}

/// What a resource may not say.
#[derive(Clone, Copy, Debug)]
enum Fact {
    State,
    Created,
    Owner,
}

impl Known {
    fn without(&self, piece: &Piece) -> Self {
        let mut less = self.clone();
        match piece {
            Piece::Listing(backend, kind) => less.unlist(&name(*backend), Some(*kind)),
            Piece::Backend(backend) => less.unlist(&name(*backend), None),
            Piece::Lease(place) => {
                let lease = less.facts.live.remove(*place);
                less.facts.unreadable.push(format!("lease {}", lease.id));
            }
            Piece::Leases => {
                less.facts.live.clear();
                less.facts.over.clear();
                less.facts.unreadable.push("the leases".into());
            }
            Piece::Quarantine => {
                less.facts.quarantine = Quarantine::default();
                less.facts.unreadable.push("the quarantine".into());
            }
            Piece::Fact(place, fact) => {
                let mut resources = less.inventory.resources.clone();
                let resource = &mut resources[*place];
                match fact {
                    Fact::State => resource.state = State::Unknown,
                    Fact::Created => resource.identity.created = None,
                    Fact::Owner => {
                        // Who keeps it is read from it, so that it was read in part only.
                        if matches!(resource.owner, Owner::Kept(_)) {
                            resource.damaged = Some(Damage {
                                message: "taken away".into(),
                                code: None,
                            });
                        }
                        resource.owner = Owner::Unknown;
                    }
                }
                let Inventory {
                    accounts, failures, ..
                } = less.inventory.clone();
                less.relist(Inventory::new(accounts, resources, failures));
            }
        }
        less
    }

    fn unlist(&mut self, backend: &str, kind: Option<Kind>) {
        let mut inventory = std::mem::take(&mut self.inventory);
        inventory.resources.retain(|resource| {
            &*resource.identity.backend != backend
                || kind.is_some_and(|kind| kind != resource.identity.kind)
        });
        if kind.is_none() {
            inventory.accounts.remove(backend);
        }
        inventory.failures.push(ListFailure {
            backend: backend.into(),
            kind,
            item: None,
            error: Error::new(ErrorKind::Internal, "taken away"),
        });
        let Inventory {
            accounts,
            resources,
            failures,
            ..
        } = inventory.clone();
        self.inventory = inventory;
        self.relist(Inventory::new(accounts, resources, failures));
    }

    /// Has this been listed in place of what was, of the same providers by the same clocks.
    fn relist(&mut self, listed: Inventory) {
        let before = std::mem::take(&mut self.inventory);
        self.inventory = listed.with_kinds(before.kinds);
        self.inventory.clocks = before.clocks;
    }
}

/// What a plan does if it is applied: what it would change, and how.
fn sent(plan: &Plan) -> HashSet<String> {
    let is_sent = |step: &&Arc<Step>| step.listing == Listing::Present;
    let steps = plan.steps.iter().filter(is_sent);
    match plan.blast_radius {
        Some(_) => HashSet::new(),
        None => steps
            .map(|step| format!("{} {}", step.action.kind(), step.target.id()))
            .collect(),
    }
}

/// Leases and a quarantine over some of the resources of a world.
fn facts(world: &mut World, inventory: &Inventory) -> Facts {
    let some = |world: &mut World| {
        let resources = &inventory.resources;
        resources[world.random.usize(0..resources.len())].clone()
    };
    let mut facts = world.facts.clone();
    for number in 0..world.random.usize(0..3) {
        let filter = Filter {
            names: vec![some(world).name.to_string()],
            ..Filter::default()
        };
        facts.live.push(LiveLease {
            images: Default::default(),
            id: format!("live-{number}"),
            terms: Terms {
                filters: vec![filter],
                ..Terms::default()
            },
        });
    }
    let entry = QuarantineEntry {
        runs: 3,
        last_run: "r".into(),
        reason: "it failed".into(),
    };
    let parked = (0..world.random.usize(0..3))
        .map(|_| (IdentityKey::of(&some(world).identity), entry.clone()))
        .collect::<HashMap<_, _>>();
    facts.quarantine = Quarantine::new(parked);
    facts
}

/// Everything that may be missing.
fn pieces(known: &Known, world: &mut World) -> Vec<Piece> {
    let mut pieces = vec![Piece::Leases, Piece::Quarantine];
    for backend in 0..world.backends.len() {
        pieces.push(Piece::Backend(backend));
        let kinds = [
            Kind::CONTAINER,
            Kind::SANDBOX,
            Kind::NETWORK,
            Kind::VOLUME,
            Kind::IMAGE,
        ];
        pieces.extend(kinds.map(|kind| Piece::Listing(backend, kind)));
    }
    pieces.extend((0..known.facts.live.len()).map(Piece::Lease));
    for _ in 0..4 {
        let place = world.random.usize(0..known.inventory.resources.len());
        let fact = [Fact::State, Fact::Created, Fact::Owner][world.random.usize(0..3)];
        pieces.push(Piece::Fact(place, fact));
    }
    // Some of them in each world: what one misses another has.
    world.random.shuffle(&mut pieces);
    pieces.truncate(8);
    pieces
}

/// A plan that names everything there is, as one who forges a plan would write it.
fn forged(plan: &Plan, inventory: &Inventory) -> Plan {
    let mut plan = plan.clone();
    let step = |target: &Identity, name: &str, state: State| Step {
        target: target.clone(),
        class: Class::Compute,
        name: name.to_owned(),
        state,
        damaged: false,
        started: None,
        unit: None,
        action: Action::Delete {
            force: Force::Always,
            grace: Duration::ZERO,
        },
        reason: "forged".into(),
        priority: 0,
        after: Vec::new(),
        bound: Vec::new(),
        alone: false,
        along: Vec::new(),
        listing: Listing::Present,
        known: Default::default(),
    };
    let resources = inventory.resources.iter();
    plan.steps = resources
        .map(|one| Arc::new(step(&one.identity, &one.name, one.state)))
        .collect();
    plan
}

async fn hold(seed: u64) {
    let mut world = World::new(seed);
    // What is less may be below a limit that more exceeded.
    world.lift_limits();
    // A running container of a run that has ended, and one of a run that nobody knows.
    for id in ["over", "unknown"] {
        let made = container(id).running().label(RUN_ID_LABEL, id);
        world.backends[0].insert(made.label(OURS.0, OURS.1).owner(Owner::Run(id.into())));
    }
    let policy: Arc<dyn Policy> = Arc::new(Eager::new(Force::Always, Duration::ZERO));
    let quiet = &mut |_: &_| {};
    let engine = world.engine(ApplyOptions::default(), "run");
    let inventory = engine.discover(quiet).await;
    let facts = facts(&mut world, &inventory);
    let known = Known { inventory, facts };

    let Known { inventory, facts } = known.clone();
    let whole = engine.plan(Arc::new(inventory), &facts, &policy, "eager", false, quiet);
    let whole = whole.await.plan;
    let revise = async |plan: &Plan, known: &Known| {
        let Known { inventory, facts } = known.clone();
        let inventory = Arc::new(inventory);
        let valid = Duration::from_secs(3600);
        engine
            .revise(
                plan.clone(),
                &inventory,
                &facts,
                &policy,
                valid,
                &mut |_| {},
            )
            .await
            .expect("a plan of this world")
    };
    let forged = forged(&whole, &known.inventory);
    let saved = [
        (&whole, sent(&revise(&whole, &known).await)),
        (&forged, sent(&revise(&forged, &known).await)),
    ];

    for piece in pieces(&known, &mut world) {
        let less = known.without(&piece);
        let Known { inventory, facts } = less.clone();
        let planned = engine.plan(Arc::new(inventory), &facts, &policy, "eager", false, quiet);
        let more: Vec<_> = sent(&planned.await.plan)
            .difference(&sent(&whole))
            .cloned()
            .collect();
        assert!(
            more.is_empty(),
            "seed {seed}: without {piece:?} it plans {more:?}"
        );
        for (plan, then) in &saved {
            let now = revise(plan, &less).await;
            let more: Vec<_> = sent(&now).difference(then).cloned().collect();
            assert!(
                more.is_empty(),
                "seed {seed}: without {piece:?} it keeps {more:?}"
            );
        }
    }

    // What is not sent according to the plan is not sent in fact.
    let piece = match world.random.u8(0..3) {
        0 => Piece::Backend(0),
        1 => Piece::Listing(0, Kind::CONTAINER),
        _ => Piece::Listing(0, Kind::NETWORK),
    };
    let now = revise(&forged, &known.without(&piece)).await;
    if now.blast_radius.is_some() {
        return;
    }
    let allowed = sent(&now);
    let steps = now.steps.len();
    let report = engine
        .apply(now, &policy, &Control::default(), None, quiet)
        .await;
    assert_eq!(report.outcomes.len(), steps);
    for (number, backend) in world.backends.iter().enumerate() {
        only_allowed(seed, &piece, number, backend, &allowed);
    }
}

fn only_allowed(
    seed: u64,
    piece: &Piece,
    number: usize,
    backend: &Memory,
    allowed: &HashSet<String>,
) {
    for deleted in backend.oracle().deleted_by_us() {
        let step = format!(
            "delete {}/{}/{}",
            name(number),
            deleted.kind,
            deleted.native
        );
        assert!(
            allowed.contains(&step),
            "seed {seed}: without {piece:?}: {step}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn taking_information_away_never_adds_a_deletion() {
    for seed in 0..800 {
        hold(seed).await;
    }
}
