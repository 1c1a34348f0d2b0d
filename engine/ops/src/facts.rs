//! What the safeguards know: read from where runs and leases are kept.

use std::collections::HashMap;

use tbengine_engine::facts::{Facts, Quarantine};
use tbengine_store::{Host, LeaseEntry, StoreError, Unreadable};

use crate::config::Settings;
use crate::stored::{existing_store, knows_nothing};

/// What is parked.
///
/// # Errors
/// If that cannot be read.
pub async fn read_quarantine(settings: &Settings, host: &Host) -> Result<Quarantine, StoreError> {
    let after = settings.quarantine_after.value;
    let parked = match existing_store(settings, host)? {
        Some(store) => store.parked(after).await?,
        None => HashMap::new(),
    };
    Ok(Quarantine::new(parked).releasing(&settings.release))
}

/// What the safeguards know. What cannot be read of it refuses a plan that would do anything.
pub async fn read_facts(settings: &Settings, host: &Host) -> Facts {
    if knows_nothing(settings) {
        return Facts::default();
    }
    let mut facts = match read_leases(settings, host).await {
        Ok(leases) => tbengine_store::facts(leases),
        Err(error) => Facts {
            unreadable: vec![format!("the leases: {error}")],
            ..Facts::default()
        },
    };
    match read_quarantine(settings, host).await {
        Ok(quarantine) => facts.quarantine = quarantine,
        Err(error) => facts.unreadable.push(format!("the quarantine: {error}")),
    }
    facts
}

/// The leases that there are.
///
/// # Errors
/// If they cannot be listed.
pub async fn read_leases(
    settings: &Settings,
    host: &Host,
) -> Result<Vec<Result<LeaseEntry, Unreadable>>, StoreError> {
    match existing_store(settings, host)? {
        Some(store) => store.all().await,
        None => Ok(Vec::new()),
    }
}
