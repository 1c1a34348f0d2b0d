//! A component that takes proposals away, before it has its parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::configured::ConfiguredPolicy;
use super::configured_veto::ConfiguredVeto;
use super::description::Description;
use super::limits::Limits;
use super::load::CompiledPolicy;
use super::params::ConfigError;

/// A veto that is compiled, linked and described. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CompiledVeto(CompiledPolicy);

impl CompiledVeto {
    pub(super) fn new(compiled: CompiledPolicy) -> Self {
        Self(compiled)
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        self.0.description()
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        self.0.digest()
    }

    /// Checks parameters as the operator wrote them, and makes a veto that can review with them.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the parameter, if one is unknown, missing or wrong.
    pub fn configure(
        &self,
        params: &BTreeMap<String, String>,
        limits: Limits,
    ) -> Result<ConfiguredVeto, ConfigError> {
        let compiled = Arc::clone(self.0.compiled());
        ConfiguredPolicy::new(compiled, params, limits).map(ConfiguredVeto::new)
    }
}
