//! How registries of policies are spoken with.

use clap::Args;

use super::values::{self, Span};

/// How registries of policies are spoken with.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Registries of policies")]
pub(crate) struct RegistryArgs {
    /// Never contact a registry; use cached policies only
    #[arg(long, global = true, env = "TBENGINE_OFFLINE", value_parser = values::boolish())]
    pub(crate) offline: bool,
    /// Contact the registry without TLS [default: true for a registry on this machine, else false]
    #[arg(long, global = true, value_name = "BOOL", env = "TBENGINE_PLAIN_HTTP")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = values::boolish())]
    pub(crate) plain_http: Option<bool>,
    /// Time limit for fetching or pushing a policy
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "TBENGINE_REGISTRY_TIMEOUT"
    )]
    #[arg(allow_hyphen_values = true, default_value = "30s")]
    pub(crate) registry_timeout: Span,
}
