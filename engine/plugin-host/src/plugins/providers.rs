//! Every plugin of the configuration, and the one that has a kind.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tbengine_sdk::{Backend, Error, OpenRequest, Registration};

use super::plugin::Plugin;
use super::spec::{Code, PluginOptions, PluginSpec};
use crate::error::PluginError;

/// Every plugin that is loaded. Each kind has exactly one provider, built in or not.
#[derive(Debug, Default)]
pub struct Plugins {
    loaded: Vec<Plugin>,
    broken: Vec<PluginError>,
}

/// How much longer than its own time limits a plugin may take before it is given up: code that is loaded into
/// this process cannot be ended.
const LOADING_GRACE: Duration = Duration::from_secs(1);

impl Plugins {
    /// Loads all of them.
    ///
    /// # Errors
    /// The first [`PluginError`]. A plugin that is named and does not work is never passed over.
    pub fn load(specs: &[PluginSpec], options: &PluginOptions) -> Result<Self, PluginError> {
        let mut plugins = Self::load_working(specs, options)?;
        match plugins.broken.is_empty() {
            true => Ok(plugins),
            false => Err(plugins.broken.swap_remove(0)),
        }
    }

    /// Loads those that work, all at once. What is wrong with the others is in [`broken`](Self::broken).
    ///
    /// # Errors
    /// What only the operator can settle: a [refusal](PluginError::is_refusal).
    pub fn load_working(
        specs: &[PluginSpec],
        options: &PluginOptions,
    ) -> Result<Self, PluginError> {
        let mut providers: BTreeMap<String, String> = Registration::all()
            .iter()
            .map(|built_in| (built_in.kind.to_owned(), "tbengine itself".to_owned()))
            .collect();
        let mut plugins = Self::default();
        for outcome in load_each(specs, options) {
            let plugin = match outcome {
                Ok(plugin) => plugin,
                Err(error) if error.is_refusal() => return Err(error),
                Err(error) => {
                    plugins.broken.push(error);
                    continue;
                }
            };
            for kind in &plugin.descriptor.kinds {
                let kind = &kind.kind;
                let by = format!("plugin `{}`", plugin.name);
                if let Some(first) = providers.insert(kind.clone(), by) {
                    return Err(PluginError::TwoProviders {
                        kind: kind.clone(),
                        first,
                        second: plugin.name.clone(),
                    });
                }
            }
            plugins.loaded.push(plugin);
        }
        Ok(plugins)
    }

    /// Why the plugins do not work that do not, in the order of the configuration.
    pub fn broken(&self) -> &[PluginError] {
        &self.broken
    }

    /// Every plugin, in the order of the configuration.
    pub fn all(&self) -> &[Plugin] {
        &self.loaded
    }

    /// Every kind that they bring.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.loaded
            .iter()
            .flat_map(|plugin| plugin.descriptor.kinds.iter().map(|kind| &*kind.kind))
    }

    /// Opens a backend, if a plugin brings the kind.
    pub(crate) fn open(
        &self,
        kind: &str,
        request: &OpenRequest,
    ) -> Option<Result<Box<dyn Backend>, Error>> {
        let plugin = self.loaded.iter().find(|plugin| plugin.has(kind))?;
        Some(plugin.open(kind, request))
    }
}

/// Loads each on a thread of its own: one that hangs holds up none of the others.
fn load_each(specs: &[PluginSpec], options: &PluginOptions) -> Vec<Result<Plugin, PluginError>> {
    let until = Instant::now() + options.timeouts.open + LOADING_GRACE;
    let started: Vec<_> = specs
        .iter()
        .map(|spec| {
            let (loaded, outcome) = mpsc::sync_channel(1);
            let (own_spec, options) = (spec.clone(), options.clone());
            let name = format!("load-{}", spec.name);
            let thread = thread::Builder::new().name(name);
            // Not joined: a constructor of a library may never return.
            let spawned = thread.spawn(move || {
                loaded.send(Plugin::load(&own_spec, &options)).ok();
            });
            (spec, outcome, spawned)
        })
        .collect();
    let outcomes = started.into_iter().map(|(spec, outcome, spawned)| {
        if let Err(error) = spawned {
            return Err(not_loaded(spec, error.to_string()));
        }
        let left = until.saturating_duration_since(Instant::now());
        outcome.recv_timeout(left).unwrap_or_else(|_| {
            let limit = humantime::format_duration(options.timeouts.open);
            Err(not_loaded(
                spec,
                format!("it was not loaded within {limit}"),
            ))
        })
    });
    outcomes.collect()
}

fn not_loaded(spec: &PluginSpec, reason: String) -> PluginError {
    let (Code::Library(path) | Code::Program { path, .. }) = &spec.code;
    PluginError::Load {
        name: spec.name.clone(),
        path: path.clone(),
        reason,
    }
}
