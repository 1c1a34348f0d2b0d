//! Takes a lease, with the baseline of what exists.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::terms::{Filter, Later, Own, Terms};
use tbengine_sdk::Kind;
use tbengine_store::{Baseline, HeldLease, NewLease, Store};

use crate::backends;
use crate::config::Settings;
use crate::context::{Context, Purpose};
use crate::discover::discover;
use crate::error::{Error, StatePurpose};
use crate::stored::store_for;

/// The lease that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The id, if the operator chose one.
    pub id: Option<String>,
    /// The backends, if the operator narrowed them.
    pub backends: Vec<String>,
    /// What else proves it, besides the id of the lease.
    pub filters: Vec<Filter>,
    /// What does not count, whichever filter matches it.
    pub spared: Vec<Filter>,
    /// The kinds that filters are about; all, if none is named.
    pub kinds: Vec<Kind>,
    /// Whether what was there before counts as well, where it is named.
    pub whenever: bool,
    /// Native ids of resources that are there, and are deleted with the lease all the same.
    pub claims: Vec<String>,
    /// Kinds of which nothing is deleted.
    pub kept_kinds: Vec<Kind>,
    /// Whether a resource without proof may count.
    pub own: Own,
    /// Directories whose trials name units that count.
    pub job_dirs: Vec<PathBuf>,
    /// The program that runs under it.
    pub program: Option<String>,
    /// How long it lasts without being renewed; without, as long as processes hold it.
    pub ttl: Option<Duration>,
}

/// The store, made where there is none: leases cannot do without.
///
/// # Errors
/// If there is no directory to keep them in.
pub fn leases(context: &Context, settings: &Settings) -> Result<Arc<dyn Store>, Error> {
    store_for(StatePurpose::Leases, settings, &context.world.host)
}

/// Lists what is in these backends, or all that are configured if none is named, as a lease would be taken of
/// it: backends that do not answer now would not answer later, when nobody looks.
///
/// # Errors
/// [`Error::NoBaseline`] if not everything can be listed.
pub async fn check_listing(
    context: &Context,
    settings: &Settings,
    backends: &[String],
) -> Result<(), Error> {
    let backends = backends::names(&context.config, backends);
    let purpose = Purpose::Sweep {
        backends,
        may_be_gone: false,
    };
    let engine = context
        .engine_in(&context.world.refresh(), purpose, settings)
        .await?;
    let inventory = engine.discover(&mut |_| {}).await;
    match inventory.failures.is_empty() {
        true => Ok(()),
        false => Err(Error::NoBaseline(inventory.failures)),
    }
}

/// Lists what exists, and takes a lease. Nothing that was there is ever swept under it, unless it is
/// about that as well.
///
/// # Errors
/// [`Error::NoBaseline`] if not everything can be listed; why the lease cannot be kept.
pub async fn take(
    context: &Context,
    settings: &Settings,
    wanted: Wanted,
) -> Result<Box<dyn HeldLease>, Error> {
    let store = leases(context, settings)?;
    let world = context.world.refresh();
    let backends = backends::names(&context.config, &wanted.backends);
    let purpose = Purpose::Sweep {
        may_be_gone: false,
        backends: backends.clone(),
    };
    let engine = context.engine_in(&world, purpose, settings).await?;
    let inventory = discover(&engine, settings, &world, &mut |_| {}).await;
    if !inventory.failures.is_empty() {
        return Err(Error::NoBaseline(inventory.failures));
    }
    let baseline = match wanted.whenever {
        true => Baseline::nothing(&inventory, world.now),
        false => Baseline::of(&inventory, world.now),
    };
    let is_there = |claim: &&String| {
        let mut resources = inventory.resources.iter();
        resources.any(|one| one.identity.native == **claim)
    };
    if let Some(absent) = wanted.claims.iter().find(|claim| !is_there(claim)) {
        return Err(Error::config(format!("no resource has the id `{absent}`"))
            .hint("`tbengine list --output json` shows whole ids"));
    }
    let baseline = baseline.without(&inventory, &wanted.claims);
    let mut filters = wanted.filters;
    filters.extend((!wanted.claims.is_empty()).then(|| Filter {
        ids: wanted.claims,
        ..Filter::default()
    }));
    tracing::info!(resources = baseline.len(), "this was there before");
    let config = context.config.path().map(std::path::absolute);
    let lease = NewLease {
        id: wanted.id.unwrap_or_else(|| world.run.to_string()),
        since: world.now,
        terms: Terms {
            backends,
            filters,
            spared: wanted.spared,
            kinds: wanted.kinds,
            kept_kinds: wanted.kept_kinds,
            own: wanted.own,
            job_dirs: wanted.job_dirs,
            program: wanted.program,
            config: config.and_then(Result::ok),
            later: Later::default(),
        },
        ttl: wanted.ttl,
    };
    Ok(store.take(lease, &baseline).await?)
}
