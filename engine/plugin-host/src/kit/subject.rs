//! A plugin under test, and every case that fits it.

use std::sync::Arc;

use tbengine_sdk::testkit::{self, Case, CaseEnd, READ_ONLY};
use tbengine_sdk::{Error, OpenRequest, wire};

use super::fixtures::{Lookout, PluginFixture};
use super::interface::interface;
use crate::plugins::{Opening, Plugin};

/// A plugin under test, and what its backends are opened with.
#[derive(Clone)]
pub struct Subject {
    pub(super) plugin: Arc<Plugin>,
    pub(super) kind: String,
    pub(super) request: OpenRequest,
}

impl Subject {
    /// The backend of this kind with this configuration.
    ///
    /// # Errors
    /// A text if the plugin does not have the kind.
    pub fn new(plugin: Arc<Plugin>, kind: &str, request: OpenRequest) -> Result<Self, String> {
        if !plugin.has(kind) {
            return Err(format!(
                "plugin `{}` brings no backends of kind `{kind}`",
                plugin.name
            ));
        }
        let kind = kind.to_owned();
        Ok(Self {
            plugin,
            kind,
            request,
        })
    }

    /// Whether the plugin can make resources for the kit.
    pub fn has_fixture(&self) -> bool {
        let kinds = &self.plugin.descriptor.kinds;
        kinds
            .iter()
            .any(|known| known.kind == self.kind && known.fixture)
    }

    pub(super) fn open(&self, fixture: bool) -> Result<Opening, Error> {
        let request = self.plugin.request(&self.kind, &self.request);
        self.plugin.open_channel(&wire::Open { fixture, ..request })
    }

    /// Every case that fits: first the interface, then what a backend promises. Without a fixture, only
    /// what changes nothing at the provider.
    pub fn cases(&self) -> Vec<Case> {
        let mut cases = interface(self);
        let promises = if self.has_fixture() {
            match PluginFixture::open(self) {
                Ok(fixture) => testkit::cases(|| fixture),
                Err(error) => return with_broken(cases, "the_fixture_opens", error),
            }
        } else {
            match Lookout::open(self) {
                Ok(fixture) => testkit::cases(|| fixture)
                    .into_iter()
                    .filter(|case| READ_ONLY.contains(&case.name))
                    .collect(),
                Err(error) => return with_broken(cases, "the_backend_opens", error),
            }
        };
        cases.extend(promises);
        cases
    }
}

fn with_broken(mut cases: Vec<Case>, name: &'static str, error: Error) -> Vec<Case> {
    cases.push(Case {
        name,
        kind: None,
        run: Box::new(move || CaseEnd::Broken(error.to_string())),
    });
    cases
}
