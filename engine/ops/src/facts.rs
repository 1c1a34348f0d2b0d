//! What the guards are told: read from where runs and leases are kept.

use std::collections::HashMap;

use tbengine_engine::facts::{Facts, Quarantine};
use tbengine_store::journal::{Host, JournalError, StateDir, quarantine};
use tbengine_store::lease::{Lease, LeaseError, Standing, Store, Unreadable};

use crate::config::Settings;

/// The state directory, if it exists.
///
/// # Errors
/// If it must not be used.
pub fn existing_state(settings: &Settings) -> Result<Option<StateDir>, JournalError> {
    match &settings.state_dir.value {
        Some(path) => StateDir::open(path),
        None => Ok(None),
    }
}

/// What is parked.
///
/// # Errors
/// If that cannot be read.
pub fn read_quarantine(settings: &Settings, host: &Host) -> Result<Quarantine, JournalError> {
    let after = settings.quarantine_after.value;
    let parked = match existing_state(settings)? {
        Some(state) => quarantine::read(&state, host, after)?,
        None => HashMap::new(),
    };
    Ok(Quarantine::new(parked).releasing(&settings.release))
}

/// What the guards are told. What cannot be read of it refuses a plan that would do anything.
pub fn read_facts(settings: &Settings, host: &Host) -> Facts {
    let directory = settings.state_dir.value.as_deref();
    if directory.is_some_and(StateDir::knows_nothing) {
        return Facts::default();
    }
    let mut facts = match read_leases(settings, host) {
        Ok(leases) => tbengine_store::lease::facts::facts(leases),
        Err(error) => Facts {
            unreadable: vec![format!("the leases: {error}")],
            ..Facts::default()
        },
    };
    match read_quarantine(settings, host) {
        Ok(quarantine) => facts.quarantine = quarantine,
        Err(error) => facts.unreadable.push(format!("the quarantine: {error}")),
    }
    facts
}

/// The leases that there are.
///
/// # Errors
/// If they cannot be listed.
pub fn read_leases(
    settings: &Settings,
    host: &Host,
) -> Result<Vec<Result<(Lease, Standing), Unreadable>>, LeaseError> {
    match existing_state(settings)? {
        Some(state) => Store::open(&state).all(host),
        None => Ok(Vec::new()),
    }
}
