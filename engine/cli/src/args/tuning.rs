//! The policy, the guards and the retries: what the configuration file can set as well.

use clap::Args;
use tbengine_engine::plan::MaxDelete;

use super::values::{self, Factor, Span};

/// Which policy decides, and with which parameters.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// The policy: a built-in or configured name, a path to a .wasm component, or
    /// oci://HOST/REPOSITORY@sha256:DIGEST [default: default]
    #[arg(long, value_name = "POLICY", env = "TBENGINE_POLICY", value_parser = values::not_empty)]
    pub(crate) policy: Option<String>,
    /// A parameter of the policy; `policy inspect` lists them. In the variable, separated by `;`
    #[arg(
        long,
        value_name = "KEY=VALUE",
        env = "TBENGINE_SET",
        value_delimiter = ';'
    )]
    #[arg(value_parser = values::pair)]
    pub(crate) set: Vec<(String, String)>,
    /// Kill what runs and is to be deleted (the policy's parameter `force`)
    #[arg(long, env = "TBENGINE_FORCE", value_parser = values::boolish())]
    pub(crate) force: bool,
    /// How long what runs may take to end by itself before it is killed
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_STOP_TIMEOUT",
        allow_hyphen_values = true
    )]
    pub(crate) stop_timeout: Option<Span>,
}

/// The rules after the policy.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Guards")]
pub(crate) struct GuardArgs {
    /// Refuse a plan that touches more than this: a number, or a share like 20%
    #[arg(
        long,
        value_name = "N|P%",
        env = "TBENGINE_MAX_DELETE",
        allow_hyphen_values = true
    )]
    pub(crate) max_delete: Option<MaxDelete>,
    /// Keep what was created less than this ago; 0s switches that off [default: 1m]
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_MIN_AGE",
        allow_hyphen_values = true
    )]
    pub(crate) min_age: Option<Span>,
    /// Without --max-delete: refuse a plan that ends more running resources of unproven owner than
    /// this [default: 5]
    #[arg(long, value_name = "N", env = "TBENGINE_MAX_UNPROVEN_RUNNING")]
    pub(crate) max_unproven_running: Option<usize>,
    /// How old a saved plan may be [default: 1h]
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_MAX_PLAN_AGE",
        allow_hyphen_values = true
    )]
    pub(crate) max_plan_age: Option<Span>,
    /// Park what failed or came back in so many runs; 0 parks nothing [default: 3]
    #[arg(long, value_name = "N", env = "TBENGINE_QUARANTINE_AFTER")]
    pub(crate) quarantine_after: Option<u32>,
    /// Let this resource out of quarantine: BACKEND/KIND/ID, its id, or 8 or more characters of that
    #[arg(
        long,
        value_name = "ID",
        env = "TBENGINE_RELEASE",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::not_empty)]
    pub(crate) release: Vec<String>,
}

/// When a step is tried again, and how much is done at once.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Retries")]
pub(crate) struct RetryArgs {
    /// Retry a failed step so often, in place of the policy's advice
    #[arg(long, value_name = "N", env = "TBENGINE_RETRIES")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=49))]
    pub(crate) retries: Option<u32>,
    /// Wait so long before the first retry [default with --retries: 2s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_RETRY_DELAY",
        allow_hyphen_values = true
    )]
    pub(crate) retry_delay: Option<Span>,
    /// Multiply each further wait by this [default with --retries: 2]
    #[arg(
        long,
        value_name = "FACTOR",
        env = "TBENGINE_RETRY_FACTOR",
        allow_hyphen_values = true
    )]
    pub(crate) retry_factor: Option<Factor>,
    /// Send so many requests at once per backend, instead of what suits the backend
    #[arg(long, value_name = "N", env = "TBENGINE_CONCURRENCY")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: Option<u16>,
    /// How long a backend may be away before its steps are deferred [default: 10m]
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_OUTAGE_DEADLINE",
        allow_hyphen_values = true
    )]
    pub(crate) outage_deadline: Option<Span>,
    /// End the run after this long: what did not get its turn is deferred (exit code 6)
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_DEADLINE",
        allow_hyphen_values = true
    )]
    pub(crate) deadline: Option<Span>,
    /// How long the calls of one step may take in all [default: 2m]
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_STEP_DEADLINE",
        allow_hyphen_values = true
    )]
    pub(crate) step_deadline: Option<Span>,
}
