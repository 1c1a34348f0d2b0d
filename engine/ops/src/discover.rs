//! Asking the backends what is there, knowing what was proven of owners before.

use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::Engine;
use tbengine_engine::discover::Inventory;
use tbengine_engine::discover::recognise::LearnedIn;
use tbengine_engine::owners::Remembered;
use tbengine_engine::report::Reporter;
use tbengine_sdk::Timestamp;
use tbengine_store::{Host, Store, StoreError};

use crate::config::Settings;
use crate::stored::existing_store;
use crate::world::World;

/// How long it is remembered what was proven of an owner.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Asks the backends of an engine what is there. Whose it is follows from what is there and from what was proven
/// before, which is kept in the store, if there is one: looking around makes none.
///
/// That neither can be read or written is no failure: what is not known to be anybody's is kept.
pub async fn discover(
    engine: &Engine,
    settings: &Settings,
    world: &World,
    see: &mut Reporter<'_>,
) -> Inventory {
    let since = world.now.minus(REMEMBERED);
    let memory = match remembered(settings, &world.host, since).await {
        Ok(memory) => memory,
        Err(error) => {
            tracing::warn!(%error, "failed to read what was proven of owners");
            Remembered::default()
        }
    };
    let inventory = engine.discover_remembering(Arc::new(memory), see).await;
    if !inventory.learned.is_empty()
        && let Ok(Some(store)) = existing_store(settings, &world.host)
    {
        note(&*store, &inventory.learned, world).await;
    }
    inventory
}

/// Remembers which owners were proven. A failure is logged only: the caller can go on without it.
pub(crate) async fn note(store: &dyn Store, learned: &[LearnedIn], world: &World) {
    if learned.is_empty() {
        return;
    }
    let before = world.now.minus(REMEMBERED);
    if let Err(error) = store.note_proven(learned, world.now, before).await {
        tracing::warn!(%error, "failed to note what is proven of owners");
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
    }
    Ok(memory)
}
