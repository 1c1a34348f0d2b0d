//! From arguments to a lease, with the baseline.

use std::path::PathBuf;
use std::time::Duration;

use tbengine_engine::terms::{Filter, Later, Own, Terms};
use tbengine_sdk::Kind;
use tbengine_store::journal::StateDir;
use tbengine_store::lease::record::LEASE_FORMAT;
use tbengine_store::lease::{Baseline, Claim, Held, Lease, Store};

use crate::app::App;
use crate::exit::Error;
use tbengine_ops::Error as OpsError;
use tbengine_ops::backends;
use tbengine_ops::config::Settings;

/// The lease that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The id, if the operator chose one.
    pub(crate) id: Option<String>,
    /// The backends, if the operator narrowed them.
    pub(crate) backends: Vec<String>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) spared: Vec<Filter>,
    pub(crate) kinds: Vec<Kind>,
    /// Whether what was there before counts as well, where it is named.
    pub(crate) whenever: bool,
    pub(crate) own: Own,
    pub(crate) job_dirs: Vec<PathBuf>,
    pub(crate) program: Option<String>,
    /// How long it holds without being renewed; without, as long as processes hold it.
    pub(crate) ttl: Option<Duration>,
}

/// The state directory, which leases cannot do without.
pub(crate) fn state(settings: &Settings) -> Result<StateDir, Error> {
    match &settings.state_dir.value {
        Some(path) => Ok(StateDir::create(path)?),
        None => Err(Error::config(
            "there is no directory to keep leases in, because HOME is not set",
        )
        .hint("name one with --state-dir")),
    }
}

/// Lists what is there, and takes a lease. Nothing that was there is ever swept under it, unless it is
/// about that as well.
pub(crate) async fn take(app: &App, settings: &Settings, wanted: Wanted) -> Result<Held, Error> {
    let store = Store::create(&state(settings)?)?;
    let world = app.context.world.again();
    let backends = backends::names(&app.context.config, &wanted.backends);
    let engine = app.sweeper(&world, backends.clone(), settings)?;
    let inventory = engine.discover(&mut |_| {}).await;
    if !inventory.failures.is_empty() {
        app.tell_failures(&inventory.failures);
        return Err(OpsError::NoBaseline.into());
    }
    let baseline = match wanted.whenever {
        true => Baseline::nothing(&inventory, world.now),
        false => Baseline::of(&inventory, world.now),
    };
    tracing::info!(resources = baseline.len(), "this was there before");
    let host = &app.context.world.host;
    let claim = match wanted.ttl {
        None => Claim::Lock,
        Some(ttl) => Claim::for_time(ttl, host),
    };
    let config = app.context.config.path().map(std::path::absolute);
    let lease = Lease {
        format: LEASE_FORMAT.into(),
        id: wanted.id.unwrap_or_else(|| world.run.to_string()),
        since: world.now,
        holder: host.process.clone(),
        claim,
        terms: Terms {
            backends,
            filters: wanted.filters,
            spared: wanted.spared,
            kinds: wanted.kinds,
            own: wanted.own,
            job_dirs: wanted.job_dirs,
            program: wanted.program,
            config: config.and_then(Result::ok),
            later: Later::default(),
        },
        ended: None,
        later: Later::default(),
    };
    Ok(store.take(lease, &baseline)?)
}
