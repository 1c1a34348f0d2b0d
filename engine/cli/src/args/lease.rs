//! The arguments of `guard` and `lease`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tbengine_engine::scope::LabelFilter;
use tbengine_engine::terms::Own;
use tbengine_sdk::Kind;

use super::scope::{BackendArgs, ScopeArgs};
use super::tuning::{PolicyArgs, RetryArgs, SafeguardArgs};
use super::values::{self, Span};

/// The arguments of `guard`.
#[derive(Debug, Args)]
#[command(after_help = "\
A label marks what the command creates: containers, networks, volumes and images that are
created through the DOCKER_HOST of the command are labelled `tbengine.run-id`. For everything else, pass the label on:
TBENGINE_RUN_ID holds the id, and {TBENGINE_RUN_ID} in an argument is replaced by it.

The exit code is the command's own; 124 if --timeout ended it, 126 or 127 if it could not be started. If the command
succeeded and the cleanup did not, it is tbengine's.

Examples:
  tbengine guard -- harbor run -d terminal-bench@2.0 -a oracle
  tbengine guard --timeout 2h --pre-clean --set dead-older-than=1h -- ./benchmark.sh
  tbengine guard --backend daytona -- harbor run --env daytona --ek 'labels={\"tbengine.run-id\":\"{TBENGINE_RUN_ID}\"}'
  tbengine guard --job-dir jobs/nightly -- harbor run --job-name nightly")]
pub(crate) struct GuardedArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    /// Time limit for the command
    #[arg(long, value_name = "DURATION", env = "TBENGINE_TIMEOUT")]
    pub(crate) timeout: Option<Span>,
    /// Grace period between SIGTERM and SIGKILL
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_KILL_AFTER",
        default_value = "10s"
    )]
    pub(crate) kill_after: Span,
    /// Clean up first, as `run` does with the same policy, scope and safeguards
    #[arg(long, env = "TBENGINE_PRE_CLEAN", value_parser = values::boolish())]
    pub(crate) pre_clean: bool,
    /// Do not clean up first; overrides TBENGINE_PRE_CLEAN
    #[arg(long, env = "TBENGINE_NO_PRE_CLEAN", value_parser = values::boolish())]
    pub(crate) no_pre_clean: bool,
    /// The id of the run, and of its lease [default: a new one]
    #[arg(long, value_name = "ID", env = "TBENGINE_GUARD_RUN_ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    #[command(flatten)]
    pub(crate) settle_time: SettleTimeArgs,
    /// Interval for removing finished units while the command runs; 0s = off
    #[arg(
        long,
        alias = "tidy-every",
        value_name = "DURATION",
        env = "TBENGINE_GC_INTERVAL",
        default_value = "30s"
    )]
    pub(crate) gc_interval: Span,
    /// How long a unit must have been finished before it is removed while the command runs
    #[arg(
        long,
        alias = "tidy-after",
        value_name = "DURATION",
        env = "TBENGINE_GC_AFTER",
        default_value = "1m"
    )]
    pub(crate) gc_after: Span,
    /// Keep the images that the command builds
    #[arg(long, env = "TBENGINE_NO_IMAGES", value_parser = values::boolish())]
    pub(crate) no_images: bool,
    /// Do not proxy DOCKER_HOST (disables automatic labels)
    #[arg(long, env = "TBENGINE_NO_DOCKER_LABELS", value_parser = values::boolish())]
    pub(crate) no_docker_labels: bool,
    /// Write a JSON cleanup report to this file
    #[arg(long, value_name = "FILE", env = "TBENGINE_REPORT")]
    pub(crate) report: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What is waited for once a lease has ended.
#[derive(Debug, Args)]
pub(crate) struct SettleTimeArgs {
    /// How long to wait before checking again for resources that were still being created
    #[arg(
        id = "settle_time",
        long = "settle-time",
        alias = "second-look",
        value_name = "DURATION",
        env = "TBENGINE_SETTLE_TIME",
        default_value = "3s"
    )]
    pub(crate) after: Span,
}

/// What counts as one's own.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Ownership")]
pub(crate) struct OwnArgs {
    /// What may be deleted: only what is proven to be created under the lease, or also what was created during it and carries no mark of another owner
    #[arg(long, value_enum, value_name = "WHAT", env = "TBENGINE_OWN", default_value_t = OwnWhat::Proven)]
    pub(crate) own: OwnWhat,
    /// A directory with one folder per trial (a Harbor job, a Terminal-Bench run); units named after these are deleted
    #[arg(long, value_name = "DIR", env = "TBENGINE_JOB_DIR")]
    pub(crate) job_dir: Vec<PathBuf>,
}

/// What counts as one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnWhat {
    /// Only what is proven to be created under the lease
    #[default]
    Proven,
    /// Also what was created while the lease was live, unless another lease was live too
    CreatedDuringRun,
}

impl From<OwnWhat> for Own {
    fn from(what: OwnWhat) -> Self {
        match what {
            OwnWhat::Proven => Own::Proven,
            OwnWhat::CreatedDuringRun => Own::CreatedDuringRun,
        }
    }
}

/// What to do with leases.
#[derive(Debug, Subcommand)]
pub(crate) enum LeaseCommand {
    /// Acquire a lease and print its id; it expires unless renewed
    #[command(after_help = "\
Label what you create with tbengine.run-id=ID, or with a label of your own (--label). When the lease has expired,
the next `tbengine run` deletes everything with that label; `lease release` does so at once.

Examples:
  id=$(tbengine lease acquire --ttl 10m)
  docker run -d --label tbengine.run-id=$id postgres
  tbengine lease renew $id
  tbengine lease release $id")]
    Acquire {
        /// How long it lasts without being renewed
        #[arg(
            long,
            value_name = "DURATION",
            env = "TBENGINE_TTL",
            default_value = "10m"
        )]
        ttl: Span,
        #[command(flatten)]
        terms: TermsArgs,
    },
    /// Renew a lease for its full time
    Renew {
        /// The lease
        id: String,
    },
    /// End a lease now and delete what was created under it
    Release {
        /// The lease
        id: String,
        /// End the lease and delete nothing, e.g. if its backend is not configured any more
        #[arg(long, env = "TBENGINE_ABANDON", value_parser = values::boolish())]
        abandon: bool,
    },
    /// List leases, live and expired
    List,
    /// Hold a lease while standard input is open, then delete what was created under it
    #[command(after_help = "\
Prints a line of JSON with the id and the label once the lease is acquired. The lease ends when standard input is
closed, for whatever reason, or when `release` is written to it; a second line reports the cleanup.

Example:
  coproc tbengine lease hold --detach --backend docker")]
    Hold {
        #[command(flatten)]
        terms: TermsArgs,
        #[command(flatten)]
        settle_time: SettleTimeArgs,
        /// Detach into a background process (new session)
        #[arg(long, env = "TBENGINE_DETACH", value_parser = values::boolish())]
        detach: bool,
        /// Take over a lease whose lock is the standard output
        #[arg(long, hide = true, value_name = "ID", env = "TBENGINE_ADOPT")]
        adopt: Option<String>,
    },
}

/// What counts as made under a lease.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TermsArgs {
    #[command(flatten)]
    pub(crate) backends: BackendArgs,
    /// The id of the lease [default: a new one]
    #[arg(long, value_name = "ID", env = "TBENGINE_GUARD_RUN_ID")]
    pub(crate) run_id: Option<String>,
    /// A label of your own that marks resources created under it; several must all match
    #[arg(long, value_name = "KEY[=VALUE]", env = "TBENGINE_LABEL")]
    pub(crate) label: Vec<LabelFilter>,
    /// A resource that exists and is deleted with the lease, by its full id
    #[arg(long, value_name = "ID", env = "TBENGINE_CLAIM")]
    pub(crate) claim: Vec<String>,
    /// Keep images that were created under it
    #[arg(long, env = "TBENGINE_NO_IMAGES", value_parser = values::boolish())]
    pub(crate) no_images: bool,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
}

/// The kinds that are kept.
pub(crate) fn kept_kinds(no_images: bool) -> Vec<Kind> {
    match no_images {
        true => vec![Kind::IMAGE],
        false => Vec::new(),
    }
}
