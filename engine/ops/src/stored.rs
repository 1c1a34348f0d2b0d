//! Opening the store: the one place that chooses what runs, leases and the quarantine are kept in.

use std::sync::Arc;

use tbengine_store::{Host, SqliteStore, Store, StoreError};

use crate::config::Settings;
use crate::error::{Error, StatePurpose};

/// The store, if there is one.
///
/// # Errors
/// If its directory must not be used.
pub fn existing_store(
    settings: &Settings,
    host: &Host,
) -> Result<Option<Arc<dyn Store>>, StoreError> {
    let Some(path) = &settings.state_dir.value else {
        return Ok(None);
    };
    let store = SqliteStore::open(path, host)?;
    Ok(store.map(|store| Arc::new(store) as Arc<dyn Store>))
}

/// The store, made where there is none.
///
/// # Errors
/// If there is no directory for it, or that must not be used.
pub fn store_for(
    purpose: StatePurpose,
    settings: &Settings,
    host: &Host,
) -> Result<Arc<dyn Store>, Error> {
    match &settings.state_dir.value {
        Some(path) => Ok(Arc::new(SqliteStore::create(path, host)?)),
        None => Err(Error::NoStateDir(purpose)),
    }
}

/// Whether nothing is lost by not reading the store: it was seen to hold neither leases nor a quarantine.
pub(crate) fn knows_nothing(settings: &Settings) -> bool {
    let directory = settings.state_dir.value.as_deref();
    directory.is_some_and(SqliteStore::knows_nothing)
}
