//! The command line: every command and flag, with its help text and its `TBENGINE_*` variable.
//!
//! - [`global`]: flags of every command
//! - [`lease`]: `guard` and `lease`
//! - [`owners`]: the command of the same name
//! - [`mod@plugin`] and [`mod@policy`]: the commands of the same names
//! - [`reaper`]: the one of the same name
//! - [`registry`]: how registries of policies are spoken with
//! - [`scope`]: which resources a command is about
//! - [`tuning`]: the policy, the safeguards and the retries
//! - [`values`]: how durations, pairs and limits are written

pub(crate) mod global;
pub(crate) mod lease;
pub(crate) mod owners;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod reaper;
pub(crate) mod registry;
pub(crate) mod scope;
pub(crate) mod tuning;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use global::GlobalArgs;
use lease::{GuardedArgs, LeaseCommand};
use owners::OwnersCommand;
use plugin::PluginCommand;
use policy::PolicyCommand;
use reaper::ReaperArgs;
use registry::RegistryArgs;
use scope::{BackendArgs, ScopeArgs};
use tuning::{PlanAgeArgs, PolicyArgs, RetryArgs, SafeguardArgs};

/// Finds and deletes leaked containers, sandboxes and their networks, volumes and images.
#[derive(Debug, Parser)]
#[command(name = "tbengine", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tbengine list --state exited --older-than 24h    what exited more than a day ago
  tbengine plan                                    what the default policy would delete, and why
  tbengine run                                     show that plan, ask, and apply it
  tbengine run --policy aggressive --yes           without the question
  tbengine guard -- ./benchmark.sh                 delete what the benchmark leaves behind, even after kill -9
  tbengine list --backend memory                   try it on a simulated host

Exit codes:
  0  done, or nothing to do          4  the saved plan is stale
  1  some deletions failed           5  a conflicting run is in progress
  2  usage, configuration, policy    6  incomplete: a backend was unreachable
  3  a safeguard refused the plan    7  plan --exit-code found something to do
  129, 130, 143  interrupted; continue with `tbengine resume`";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List resources on all backends
    List(ListArgs),
    /// Show what would be deleted and why (read-only)
    Plan(PlanArgs),
    /// Delete what the plan selects; asks for confirmation on a terminal
    Run(RunArgs),
    /// Run a command and delete everything it leaves behind, even after kill -9
    Guard(Box<GuardedArgs>),
    /// Manage leases: resources created under a lease are deleted when it expires
    #[command(subcommand)]
    Lease(LeaseCommand),
    /// Serve leases to socket clients (drop-in replacement for Testcontainers Ryuk)
    Reaper(ReaperArgs),
    /// Resume an interrupted or failed run
    Resume(ResumeArgs),
    /// List past runs, or show one run in detail
    History(HistoryArgs),
    /// Explain why a resource would be kept or deleted
    Explain(ExplainArgs),
    /// Check configuration, backends and policies
    Doctor(BackendArgs),
    /// Show owners and the rules that prove them
    #[command(subcommand)]
    Owners(OwnersCommand),
    /// Manage backend plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Inspect, create and test policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Show the effective configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script, e.g. `tbengine completions bash > /etc/bash_completion.d/tbengine`
    Completions {
        /// The shell that will read it
        shell: Shell,
    },
}

/// The arguments of `list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine list --kind container --state exited
  tbengine list --label com.docker.compose.project=trial-7
  tbengine list --output json | jq -r '.resources[].id'
  tbengine list --sizes --record tests/host.json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Include sizes (may be slow)
    #[arg(long, env = "TBENGINE_SIZES", value_parser = values::boolish())]
    pub(crate) sizes: bool,
    /// Record the listing to this file, without secrets, for `policy test` and `policy diff`
    #[arg(long, value_name = "FILE", env = "TBENGINE_RECORD")]
    pub(crate) record: Option<PathBuf>,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine plan --set dead-older-than=12h
  tbengine plan --save plan.json && tbengine run --plan plan.json
  tbengine plan --exit-code || echo 'there is something to clean up'")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
    /// Save the plan to this file, for `run --plan`
    #[arg(long, value_name = "FILE", env = "TBENGINE_SAVE")]
    pub(crate) save: Option<PathBuf>,
    /// Exit with 7 if there is something to do
    #[arg(long, env = "TBENGINE_EXIT_CODE", value_parser = values::boolish())]
    pub(crate) exit_code: bool,
}

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine run --dry-run
  tbengine run --yes --max-delete 20%
  tbengine run --label team=evals --force --stop-timeout 30s
  tbengine run --retries 3 --retry-delay 2s --retry-factor 2
  tbengine run --plan plan.json --output jsonl")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    /// Apply this saved plan; exits with 4 if it is stale
    #[arg(long, value_name = "FILE", env = "TBENGINE_PLAN")]
    #[arg(conflicts_with_all = ["ScopeArgs", "PolicyArgs", "dry_run"])]
    pub(crate) plan: Option<PathBuf>,
    /// Only show the plan, like `plan`
    #[arg(long, env = "TBENGINE_DRY_RUN", value_parser = values::boolish())]
    pub(crate) dry_run: bool,
    /// Stop after the first failure
    #[arg(long, env = "TBENGINE_FAIL_FAST", value_parser = values::boolish())]
    pub(crate) fail_fast: bool,
    /// Skip the confirmation prompt (does not imply --force)
    #[arg(long, short = 'y', env = "TBENGINE_YES", value_parser = values::boolish())]
    pub(crate) yes: bool,
    /// Do not write a journal; the run cannot be resumed
    #[arg(long, env = "TBENGINE_NO_JOURNAL", value_parser = values::boolish())]
    pub(crate) no_journal: bool,
    /// Exit with 0 although quarantined resources were left alone
    #[arg(long, env = "TBENGINE_ALLOW_QUARANTINED", value_parser = values::boolish())]
    pub(crate) allow_quarantined: bool,
}

/// The arguments of `resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Steps that were started and have no outcome are read again first. Steps may be dropped if a safeguard refuses them
or the resource changed; none is added. A plan that is too old, or was made with another policy or account, is
refused with exit code 4.

Examples:
  tbengine resume
  tbengine resume 0193c2f4
  tbengine resume 0193c2f4 --replan --yes")]
pub(crate) struct ResumeArgs {
    /// The run, or a unique prefix of its id [default: the latest that can be resumed]
    pub(crate) run: Option<String>,
    /// Make a new plan with the same scope and policy instead, in a new run
    #[arg(long, env = "TBENGINE_REPLAN", value_parser = values::boolish())]
    pub(crate) replan: bool,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
    /// Stop after the first failure
    #[arg(long, env = "TBENGINE_FAIL_FAST", value_parser = values::boolish())]
    pub(crate) fail_fast: bool,
    /// With --replan: do not ask
    #[arg(long, short = 'y', env = "TBENGINE_YES", value_parser = values::boolish())]
    pub(crate) yes: bool,
    /// Exit with 0 although quarantined resources were left alone
    #[arg(long, env = "TBENGINE_ALLOW_QUARANTINED", value_parser = values::boolish())]
    pub(crate) allow_quarantined: bool,
}

/// The arguments of `history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine history
  tbengine history 0193c2f4
  tbengine history --output json | jq -r '.[] | select(.state == \"crashed\").run'")]
pub(crate) struct HistoryArgs {
    /// A run, or a unique prefix of its id: show each of its steps
    pub(crate) run: Option<String>,
    /// How many runs to list
    #[arg(long, value_name = "N", env = "TBENGINE_LAST", default_value_t = 50)]
    pub(crate) last: usize,
    #[command(flatten)]
    pub(crate) max_plan_age: PlanAgeArgs,
}

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine explain 4f3a
  tbengine explain docker/volume/pgdata
  tbengine explain web-1 --policy aggressive")]
pub(crate) struct ExplainArgs {
    /// An id, a unique prefix of one, BACKEND/KIND/ID, or a unique name
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON schema of tbengine.toml
    Schema,
    /// Show every setting in force and where it comes from
    Show(Box<ShowArgs>),
}

/// The arguments of `config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) safeguards: SafeguardArgs,
    #[command(flatten)]
    pub(crate) retry: RetryArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn walk(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
        visit(command);
        for sub in command.get_subcommands() {
            walk(sub, visit);
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_has_a_help_text() {
        walk(&Cli::command(), &mut |command| {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(
                    arg.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    arg.get_id()
                );
            }
        });
    }

    #[test]
    fn every_flag_has_a_variable() {
        walk(&Cli::command(), &mut |command| {
            for arg in command
                .get_arguments()
                .filter(|arg| arg.get_long().is_some())
            {
                let name = arg
                    .get_env()
                    .map(|name| name.to_string_lossy().into_owned());
                let has = name.is_some_and(|name| name.starts_with("TBENGINE_"));
                assert!(has, "{} --{}", command.get_name(), arg.get_long().unwrap());
            }
        });
    }

    #[test]
    fn a_saved_plan_goes_with_nothing_that_it_was_made_of() {
        for flag in [
            "--backend=memory",
            "--kind=container",
            "--label=a",
            "--state=exited",
            "--older-than=1h",
            "--policy=default",
            "--set=a=b",
            "--force",
            "--stop-timeout=1s",
            "--dry-run",
        ] {
            let args = ["tbengine", "run", "--plan=p.json", flag];
            let error = Cli::try_parse_from(args).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{flag:?}");
        }
    }

    #[test]
    fn yes_and_force_are_two_flags() {
        let parse = |args: &[&str]| match Cli::try_parse_from(args).unwrap().command {
            Command::Run(run) => (run.yes, run.policy.params.contains_key("force")),
            other => panic!("{other:?}"),
        };
        assert_eq!(parse(&["tbengine", "run", "--yes"]), (true, false));
        assert_eq!(parse(&["tbengine", "run", "--force"]), (false, true));
    }
    #[test]
    fn former_names_of_flags_are_accepted_and_not_shown() {
        let former = [
            (&["guard", "--", "true"][..], "--second-look=1s"),
            (&["guard", "--", "true"], "--tidy-every=1s"),
            (&["guard", "--", "true"], "--tidy-after=1s"),
            (&["lease", "hold"], "--second-look=1s"),
            (&["run"], "--max-unproven-running=3"),
        ];
        for (command, flag) in former {
            let mut arguments = vec!["tbengine"];
            arguments.extend(command);
            // Before what belongs to a guarded command.
            let at = arguments.iter().position(|one| *one == "--");
            arguments.insert(at.unwrap_or(arguments.len()), flag);
            let parsed = Cli::try_parse_from(&arguments);
            assert!(parsed.is_ok(), "{arguments:?}: {parsed:?}");
        }
        walk(&Cli::command(), &mut |command| {
            let help = command.clone().render_long_help().to_string();
            for (_, flag) in former {
                let name = flag.split('=').next().unwrap_or_default();
                assert!(!help.contains(name), "{}: {name}", command.get_name());
            }
        });
    }
}
