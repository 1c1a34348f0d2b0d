//! Every plugin of the configuration, and the one that has a kind.

use std::collections::BTreeMap;

use tbengine_sdk::{Backend, Error, OpenRequest, Registration};

use super::plugin::Plugin;
use super::spec::{PluginOptions, PluginSpec};
use crate::error::PluginError;

/// Every plugin that is loaded. Each kind has exactly one provider, built in or not.
#[derive(Debug, Default)]
pub struct Plugins(Vec<Plugin>);

impl Plugins {
    /// Loads all of them.
    ///
    /// # Errors
    /// The first [`PluginError`]. A plugin that is named and does not work is never passed over.
    pub fn load(specs: &[PluginSpec], options: &PluginOptions) -> Result<Self, PluginError> {
        let mut providers: BTreeMap<String, String> = Registration::all()
            .iter()
            .map(|built_in| (built_in.kind.to_owned(), "tbengine itself".to_owned()))
            .collect();
        let mut plugins = Vec::new();
        for spec in specs {
            let plugin = Plugin::load(spec, options)?;
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
            plugins.push(plugin);
        }
        Ok(Self(plugins))
    }

    /// Every plugin, in the order of the configuration.
    pub fn all(&self) -> &[Plugin] {
        &self.0
    }

    /// Every kind that they bring.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|plugin| plugin.descriptor.kinds.iter().map(|kind| &*kind.kind))
    }

    /// Opens a backend, if a plugin brings the kind.
    pub(crate) fn open(
        &self,
        kind: &str,
        request: &OpenRequest,
    ) -> Option<Result<Box<dyn Backend>, Error>> {
        let plugin = self.0.iter().find(|plugin| plugin.has(kind))?;
        Some(plugin.open(kind, request))
    }
}
