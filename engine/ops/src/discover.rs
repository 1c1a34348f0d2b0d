//! Asking the backends what exists, knowing what is remembered from earlier runs.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Engine;
use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_engine::discover::{Inventory, Listings};
use tbengine_engine::facts::IdentityKey;
use tbengine_engine::owners::Remembered;
use tbengine_engine::report::Reporter;
use tbengine_sdk::Timestamp;
use tbengine_store::{Host, Store, StoreError};

use crate::config::Settings;
use crate::stored::existing_store;
use crate::world::World;

/// How long it is remembered what was proven of an owner, and what was seen.
const MEMORY_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is to be remembered of an inventory.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToRemember {
    /// What was proven of owners.
    learned: Vec<LearnedIn>,
    /// What does not say when it arrived.
    sighted: Vec<(IdentityKey, Timestamp)>,
}

impl ToRemember {
    /// What is to be remembered of an inventory.
    pub(crate) fn of(inventory: &Inventory) -> Self {
        Self {
            learned: inventory.learned.clone(),
            sighted: inventory.sighted.clone(),
        }
    }

    /// Whether anything was seen that does not say when it arrived.
    pub(crate) fn has_sighted(&self) -> bool {
        !self.sighted.is_empty()
    }
}

/// Asks the backends of an engine what exists. Its owner follows from the facts and from what was proven
/// before, and when an image arrived from when it was first seen. Both are kept in the store, if there is one: looking
/// around makes none.
///
/// That neither can be read or written is not a failure: what is not known to be anybody's is kept, and what was never
/// seen before is new.
pub async fn discover(
    engine: &Engine,
    settings: &Settings,
    world: &World,
    see: &mut Reporter<'_>,
) -> Inventory {
    let mut listings = engine.begin_listing();
    listings.rest().await;
    take(engine, &mut listings, settings, world, see).await
}

/// What has been listed since the last time, as [`discover`] has it.
pub(crate) async fn take(
    engine: &Engine,
    listings: &mut Listings<'_>,
    settings: &Settings,
    world: &World,
    see: &mut Reporter<'_>,
) -> Inventory {
    let since = world.now.minus(MEMORY_RETENTION);
    let memory = match remembered(settings, &world.host, since).await {
        Ok(memory) => memory,
        Err(error) => {
            tracing::warn!(%error, "cannot read what is remembered of owners and images");
            Remembered::default()
        }
    };
    let inventory = engine.inventory(listings, Arc::new(memory), see);
    if !(inventory.learned.is_empty() && inventory.sighted.is_empty())
        && let Ok(Some(store)) = existing_store(settings, &world.host)
    {
        note(&*store, &ToRemember::of(&inventory), world).await;
    }
    inventory
}

/// Remembers which owners were proven and what was seen. A failure is logged only: the caller can go on without it.
pub(crate) async fn note(store: &dyn Store, found: &ToRemember, world: &World) {
    let before = world.now.minus(MEMORY_RETENTION);
    if !found.learned.is_empty()
        && let Err(error) = store.note_proven(&found.learned, world.now, before).await
    {
        tracing::warn!(%error, "cannot note what is proven of owners");
    }
    // What is of one backend was seen at one time.
    for seen in found.sighted.chunk_by(|(_, one), (_, other)| one == other) {
        let keys: Vec<IdentityKey> = seen.iter().map(|(key, _)| key.clone()).collect();
        if let Err(error) = store.note_seen(&keys, seen[0].1, before).await {
            tracing::warn!(%error, "cannot note which images were seen");
            return;
        }
    }
}

async fn remembered(
    settings: &Settings,
    host: &Host,
    since: Timestamp,
) -> Result<Remembered, StoreError> {
    let mut memory = Remembered::default();
    if let Some(store) = existing_store(settings, host)? {
        for proven in store.proven(since).await? {
            let learned = &proven.learned;
            memory.add(&proven.account, learned.unit.as_deref(), &learned.owner);
        }
        for (resource, at) in store.first_seen(since).await? {
            memory.add_first_seen(resource, at);
        }
    }
    Ok(memory)
}
