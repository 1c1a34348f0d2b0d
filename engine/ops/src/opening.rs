//! Backends that are being opened, where nobody waits for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::discover::ListFailure;
use tbengine_plugin_host::{PluginOptions, Plugins};
use tbengine_sdk::host::OpenBackend;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backends::{Opened, by, failure, is_built_in, open};
use crate::config::Config;
use crate::error::Error;
use crate::plugins;
use crate::world::World;

/// How long, once one backend is open, those are waited for that are being opened.
const MAX_OPEN_LAG: Duration = Duration::from_secs(1);

/// Backends that are being opened, side by side. Those that are built in are open at once; a plugin may hang until its
/// timeout has passed.
pub(crate) struct Opening {
    /// The backends in the order in which they were named.
    names: Vec<String>,
    opening: JoinSet<Result<(String, OpenBackend), Failed>>,
    open: BTreeMap<String, OpenBackend>,
    closed: Vec<ListFailure>,
}

async fn load(
    config: &Config,
    options: &PluginOptions,
    names: &[String],
) -> Result<Arc<Plugins>, Error> {
    Ok(Arc::new(plugins::needed(config, options, names).await?))
}

/// Why a backend is not open.
enum Failed {
    /// Only this backend is left out.
    Closed(ListFailure),
    /// The operator has to fix it first.
    Refused(Error),
}

impl Opening {
    /// Begins to open backends by name. One that is not open at `until` counts as closed.
    pub(crate) fn begin(
        config: &Config,
        options: &PluginOptions,
        world: &World,
        names: Vec<String>,
        until: Option<Instant>,
    ) -> Self {
        let mut opening = JoinSet::new();
        let loaded: Arc<OnceCell<Arc<Plugins>>> = Arc::default();
        for name in &names {
            let (config, options, world) = (config.clone(), options.clone(), world.clone());
            let (name, names, loaded) = (name.clone(), names.clone(), loaded.clone());
            opening.spawn(async move {
                let open = async {
                    let plugins = match is_built_in(&config, &name) {
                        true => Arc::default(),
                        false => {
                            let load = || load(&config, &options, &names);
                            loaded.get_or_try_init(load).await?.clone()
                        }
                    };
                    open(&world, &config, &plugins, &name).await
                };
                match by(until, &name, open).await {
                    Ok(open) => Ok((name, open)),
                    Err(error) => Err(match failure(&name, error) {
                        Ok(failure) => Failed::Closed(failure),
                        Err(error) => Failed::Refused(error),
                    }),
                }
            });
        }
        Self {
            names,
            opening,
            open: BTreeMap::new(),
            closed: Vec::new(),
        }
    }

    /// Those that are open soon, or else the first of them.
    ///
    /// # Errors
    /// What the operator has to fix first.
    pub(crate) async fn soon(&mut self) -> Result<Opened, Error> {
        while self.open.is_empty() && self.next().await? {}
        let until = Instant::now() + MAX_OPEN_LAG;
        while let Ok(more) = tokio::time::timeout_at(until, self.next()).await {
            if !more? {
                break;
            }
        }
        Ok(self.take())
    }

    /// All that were not taken yet.
    ///
    /// # Errors
    /// What the operator has to fix first.
    pub(crate) async fn rest(&mut self) -> Result<Opened, Error> {
        while self.next().await? {}
        Ok(self.take())
    }

    /// Whether all were taken.
    pub(crate) fn is_over(&self) -> bool {
        self.opening.is_empty() && self.open.is_empty() && self.closed.is_empty()
    }

    /// Waits for the next. `false` if there is none to wait for.
    async fn next(&mut self) -> Result<bool, Error> {
        let outcome = match self.opening.join_next().await {
            None => return Ok(false),
            Some(Ok(outcome)) => outcome,
            Some(Err(failed)) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is being shut down.
                Err(_) => return Err(Error::Interrupted),
            },
        };
        match outcome {
            Ok((name, open)) => drop(self.open.insert(name, open)),
            Err(Failed::Closed(failure)) => self.closed.push(failure),
            Err(Failed::Refused(error)) => return Err(error),
        }
        Ok(true)
    }

    fn take(&mut self) -> Opened {
        let names = self.names.iter();
        let open = names.filter_map(|name| self.open.remove(name)).collect();
        let mut closed = std::mem::take(&mut self.closed);
        let position =
            |one: &ListFailure| self.names.iter().position(|name| **name == *one.backend);
        closed.sort_by_key(position);
        Opened { open, closed }
    }
}
