//! The files of leases: its record, its baseline, and what was seen being created under it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tbengine_engine::Facts;
use tbengine_engine::apply::ApplyOptions;
use tbengine_engine::discover::Inventory;
use tbengine_engine::kinds::Kinds;
use tbengine_engine::plan::Safeguards;
use tbengine_engine::policy::Policy;
use tbengine_engine::run::{Engine, EngineOptions};
use tbengine_engine::scope::Scope;
use tbengine_engine::terms::{Filter, Terms};
use tbengine_memory::{Memory, container};
use tbengine_sdk::host::OpenBackend;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Kind, Owner};
use tbengine_store::{
    Baseline, Host, Leases as _, NewLease, Observed, Process, SqliteStore, facts,
};

use super::Run;
use super::world::{NOW, in_paused_time};
use crate::damage::Damage;
use crate::sessions::policies::{Appetite, Hungry};
use crate::sessions::session::Session;
use crate::sessions::spot::Spot;

/// The store makes its directory for its owner only.
const STATE: &str = "state";
const LEASE: &str = "20270115T070000-live";
const RECORD: &str = "json";
const BASELINE: &str = "baseline";
const OBSERVED: &str = "observed";

/// Damages one file of a live lease, and plans to delete everything. Nothing goes that stays while the file is whole: what
/// cannot be read keeps everything. A baseline that can be read says no less than it did, and what was observed no more.
///
/// # Panics
/// If there can be no directory.
pub fn start() -> Run {
    let healthy = in_paused_time(look(&[]));
    assert!(healthy.planned.len() == 1, "{healthy:?}");
    Box::new(move |input| {
        let Ok(spots) = serde_json::from_slice::<Vec<Spot>>(input) else {
            return false;
        };
        let found = in_paused_time(look(&spots));
        if spots.iter().any(is_excused) {
            return true;
        }
        let more: Vec<_> = found.planned.difference(&healthy.planned).collect();
        assert!(more.is_empty(), "with a damaged lease it plans {more:?}");
        if let Some(baseline) = &found.baseline {
            assert_eq!(
                Some(baseline),
                healthy.baseline.as_ref(),
                "another baseline"
            );
        }
        let observed = &found.observed;
        assert!(
            observed.is_subset(&healthy.observed),
            "{observed:?} was not seen"
        );
        true
    })
}

/// What may be another value without anyone noticing: the time at which a lease runs out, in words that fit.
fn is_excused(spot: &Spot) -> bool {
    let is_another = matches!(
        spot.damage,
        Damage::Truncated | Damage::Duplicated | Damage::Enlarged | Damage::Emptied
    );
    let is_free = match &*spot.path {
        // Another start of the host, or an earlier moment of this one, is one at which the lease ran out; a filter with
        // other words names other things.
        RECORD => ["/claim/expires-ms", "/claim/boot", "/terms/"]
            .iter()
            .any(|place| spot.place.starts_with(place)),
        // Any text is a key, and any moment one at which it may have been taken.
        BASELINE => ["/keys", "/accounts", "/taken"]
            .iter()
            .any(|place| spot.place.starts_with(place)),
        // Any text is an id, and what was created at no known time is of a provider that gives no id twice.
        _ => true,
    };
    // Optional fields: what has none leaves them out. Of the terms all are.
    let is_optional = match &*spot.path {
        RECORD => spot.place.starts_with("/terms"),
        BASELINE => spot.place.starts_with("/keys/") || spot.place.starts_with("/accounts/"),
        _ => spot.place.ends_with("/created"),
    };
    is_free && is_another || is_optional && spot.damage.is_absence()
}

#[derive(Debug)]
struct Found {
    planned: BTreeSet<String>,
    baseline: Option<Baseline>,
    observed: BTreeSet<String>,
}

/// Takes a lease, damages its files, and looks at what is known then.
async fn look(spots: &[Spot]) -> Found {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::create(&directory.path().join(STATE), &host()).expect("a store");
    take(&store).await;
    let mut files = files(&directory.path().join(STATE));
    for spot in spots {
        spot.inflict(&mut files);
    }
    for (name, answer) in &files.answers {
        let text = match (&**name, &answer.body) {
            (OBSERVED, Value::Array(lines)) => {
                lines.iter().map(|line| format!("{line}\n")).collect()
            }
            (_, body) => body.to_string(),
        };
        std::fs::write(path(&directory.path().join(STATE), name), text).expect("a file");
    }
    let all = store.all().await.expect("the directory can be read");
    let planned = plan(facts(all)).await;
    let mut found = Found {
        planned,
        baseline: None,
        observed: BTreeSet::new(),
    };
    if let Ok(Some(held)) = store.release(LEASE).await {
        found.baseline = held.baseline().await.ok();
        let observed = held.observed().await.unwrap_or_default();
        found.observed = observed.iter().map(|one| format!("{one:?}")).collect();
    }
    found
}

async fn take(store: &SqliteStore) {
    let filter = Filter {
        names: vec!["by-name".into()],
        ..Filter::default()
    };
    let lease = NewLease {
        id: LEASE.into(),
        since: NOW.minus(Duration::from_secs(3600)),
        terms: Terms {
            filters: vec![filter],
            ..Terms::default()
        },
        ttl: Some(Duration::from_secs(36_000)),
    };
    let inventory = inventory(&world());
    let baseline = Baseline::of(&inventory, NOW.minus(Duration::from_secs(3600)));
    let held = store.take(lease, &baseline).await.expect("a lease");
    let observations = held.observations().expect("a book");
    for native in ["seen-1", "seen-2"] {
        let observed = Observed {
            kind: Kind::CONTAINER,
            native: native.into(),
            created: Some(NOW),
        };
        observations.note(&observed).expect("a line");
    }
}

fn path(directory: &Path, part: &str) -> std::path::PathBuf {
    directory.join("leases").join(format!("{LEASE}.{part}"))
}

/// The files as documents; a book as the list of its lines.
fn files(directory: &Path) -> Session {
    let mut files = Session::new();
    for part in [RECORD, BASELINE, OBSERVED] {
        let text = std::fs::read_to_string(path(directory, part)).expect("a file");
        let body = match part {
            OBSERVED => text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("a line"))
                .collect(),
            _ => serde_json::from_str(&text).expect("a document"),
        };
        files.answer(part, body);
    }
    files
}

/// Everything is older than unknown leases protect, so that only the lease does.
fn world() -> Memory {
    let memory = Memory::new("memory", NOW);
    let old = Duration::from_secs(90 * 24 * 3600);
    let leased = container("leased").label(RUN_ID_LABEL, LEASE);
    memory.insert(leased.owner(Owner::Run(LEASE.into())).created(old));
    memory.insert(container("by-name").created(old));
    memory.insert(container("rubbish").created(old));
    memory
}

fn inventory(memory: &Memory) -> Inventory {
    let backend = OpenBackend::new("memory", "memory", Arc::new(memory.clone()));
    Inventory::new(BTreeMap::new(), memory.oracle().alive(), Vec::new())
        .with_kinds(Kinds::of(&[backend]))
}

async fn plan(facts: Facts) -> BTreeSet<String> {
    let memory = world();
    let backend = OpenBackend::new("memory", "memory", Arc::new(memory.clone()));
    let options = EngineOptions {
        run: "fuzz".into(),
        now: NOW,
        scope: Scope::default(),
        sizes: false,
        account_of_nothing: true,
        safeguards: Safeguards::default(),
        apply: ApplyOptions::default(),
    };
    let engine = Engine::new(vec![backend], options);
    let policy: Arc<dyn Policy> = Arc::new(Hungry::new(Appetite::Everything));
    let inventory = Arc::new(inventory(&memory));
    let quiet = &mut |_: &_| {};
    let planned = engine.plan(inventory, &facts, &policy, "fuzz", false, quiet);
    let plan = planned.await.plan;
    match plan.blast_radius {
        Some(_) => BTreeSet::new(),
        None => plan
            .steps
            .iter()
            .map(|step| step.target.native.clone())
            .collect(),
    }
}

fn host() -> Host {
    Host {
        process: Process {
            boot: "boot-1".into(),
            pid: 77,
            started: 7,
        },
        uptime: || Duration::from_secs(1000),
        lease: Duration::from_secs(30),
    }
}

/// Every damage to every value of every file.
///
/// # Panics
/// If there can be no directory.
pub fn corpus() -> Vec<Vec<u8>> {
    let files = in_paused_time(async {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::create(&directory.path().join(STATE), &host()).expect("a store");
        take(&store).await;
        files(&directory.path().join(STATE))
    });
    let spots = Spot::all(&files).into_iter();
    let text = |spot| serde_json::to_vec(&[spot]).expect("a spot can be written");
    spots.map(text).collect()
}
