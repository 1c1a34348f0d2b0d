//! The arguments of `guard` and `lease`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tbengine_engine::scope::LabelFilter;
use tbengine_engine::terms::Own;

use super::scope::{BackendArgs, ScopeArgs};
use super::tuning::{GuardArgs, PolicyArgs, RetryArgs};
use super::values::{self, Span};

/// The arguments of `guard`.
#[derive(Debug, Args)]
#[command(after_help = "\
What the command makes is told from what others make by a label: containers, networks, volumes and images that
are made through DOCKER_HOST, as the command sees it, get `tbengine.run-id`. For everything else, pass the label
on: TBENGINE_RUN_ID holds the id, and {TBENGINE_RUN_ID} in an argument is replaced by it.

The exit code is the command's own; 124 if --timeout ended it, 126 and 127 if it could not be started. If the
command was fine and cleaning up was not, it is tbengine's.

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
    pub(crate) guards: GuardArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    /// End the command after this long
    #[arg(long, value_name = "DURATION", env = "TBENGINE_TIMEOUT")]
    pub(crate) timeout: Option<Span>,
    /// How long the command may take to end once it was told to, before it is killed
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_KILL_AFTER",
        default_value = "10s"
    )]
    pub(crate) kill_after: Span,
    /// Clean up first, as `run` does with the same policy, scope and guards
    #[arg(long, env = "TBENGINE_PRE_CLEAN", value_parser = values::boolish())]
    pub(crate) pre_clean: bool,
    /// Do not clean up first, whatever the environment says
    #[arg(long, env = "TBENGINE_NO_PRE_CLEAN", value_parser = values::boolish())]
    pub(crate) no_pre_clean: bool,
    /// The id of the run, and of its lease [default: a new one]
    #[arg(long, value_name = "ID", env = "TBENGINE_GUARD_RUN_ID")]
    pub(crate) run_id: Option<String>,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    #[command(flatten)]
    pub(crate) second_look: SecondLookArgs,
    /// While the command runs, remove units that are over this often; 0s never
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_TIDY_EVERY",
        default_value = "30s"
    )]
    pub(crate) tidy_every: Span,
    /// How long a unit must have been over before it is removed while the command runs
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_TIDY_AFTER",
        default_value = "1m"
    )]
    pub(crate) tidy_after: Span,
    /// Leave DOCKER_HOST alone, so that nothing is labelled by itself
    #[arg(long, env = "TBENGINE_NO_DOCKER_LABELS", value_parser = values::boolish())]
    pub(crate) no_docker_labels: bool,
    /// Write what came of cleaning up to this file, as JSON
    #[arg(long, value_name = "FILE", env = "TBENGINE_REPORT")]
    pub(crate) report: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What is waited for once a lease is over.
#[derive(Debug, Args)]
pub(crate) struct SecondLookArgs {
    /// How long to wait before looking once more for what was still being created
    #[arg(
        id = "second_look",
        long = "second-look",
        value_name = "DURATION",
        env = "TBENGINE_SECOND_LOOK",
        default_value = "3s"
    )]
    pub(crate) after: Span,
}

/// What counts as one's own.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Ownership")]
pub(crate) struct OwnArgs {
    /// What may be deleted: only what is proven to be made under the lease, or also what was created
    /// meanwhile and carries no sign of anyone else
    #[arg(long, value_enum, value_name = "WHAT", env = "TBENGINE_OWN", default_value_t = OwnWhat::Proven)]
    pub(crate) own: OwnWhat,
    /// A directory of trials whose names the units carry: Harbor's job, Terminal-Bench's run
    #[arg(long, value_name = "DIR", env = "TBENGINE_JOB_DIR")]
    pub(crate) job_dir: Vec<PathBuf>,
}

/// What counts as one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnWhat {
    /// What is proven to be
    #[default]
    Proven,
    /// What was created while the lease was live, too, unless another lease was live as well
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
    /// Take a lease and print its id; it is over unless it is renewed in time
    #[command(after_help = "\
Label what you make with tbengine.run-id=ID, or with a label of your own that you name here. When the lease is
over, the next `tbengine run` deletes what carries it; `lease release` does so at once.

Examples:
  id=$(tbengine lease acquire --ttl 10m)
  docker run -d --label tbengine.run-id=$id postgres
  tbengine lease renew $id
  tbengine lease release $id")]
    Acquire {
        /// How long it holds without being renewed
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
    /// Let a lease hold for its full time again
    Renew {
        /// The lease
        id: String,
    },
    /// End a lease now, and delete what was made under it
    Release {
        /// The lease
        id: String,
    },
    /// List the leases, live and over
    List,
    /// Hold a lease as long as the standard input is open, then delete what was made under it
    #[command(after_help = "\
Prints a line of JSON with the id and the label once the lease is taken. It is over when the standard input is
closed, by whatever cause, or says `release`; a second line says what came of it.

Example:
  coproc tbengine lease hold --detach --backend docker")]
    Hold {
        #[command(flatten)]
        terms: TermsArgs,
        #[command(flatten)]
        second_look: SecondLookArgs,
        /// Go on in a process that no signal to this one's group or terminal reaches
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
    /// A label of your own that says that a resource was made under it; several must all be there
    #[arg(long, value_name = "KEY[=VALUE]", env = "TBENGINE_LABEL")]
    pub(crate) label: Vec<LabelFilter>,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
}
