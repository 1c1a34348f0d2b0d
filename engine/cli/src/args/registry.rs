//! How registries of policies are spoken with.

use clap::Args;

use super::values::{self, Span};

/// How registries of policies are spoken with.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Registries of policies")]
pub(crate) struct RegistryArgs {
    /// Ask no registry: a policy with a digest is taken from the cache, or the command ends
    #[arg(long, global = true, env = "TBENGINE_OFFLINE", value_parser = values::boolish())]
    pub(crate) offline: bool,
    /// Speak with the registry without TLS [default: true for one on this machine, else false]
    #[arg(long, global = true, value_name = "BOOL", env = "TBENGINE_PLAIN_HTTP")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = values::boolish())]
    pub(crate) plain_http: Option<bool>,
    /// How long fetching or pushing a policy may take
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "TBENGINE_REGISTRY_TIMEOUT"
    )]
    #[arg(allow_hyphen_values = true, default_value = "30s")]
    pub(crate) registry_timeout: Span,
}
