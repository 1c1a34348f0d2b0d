//! `policy`: policies in files and registries, written, looked at and tested.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::scope::ScopeArgs;
use super::values;

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the policies that are built in or configured
    List,
    /// Show a policy's name, version, digest and parameters
    Inspect {
        /// A built-in or configured name, a path to a .wasm component, or oci://…@sha256:…
        #[arg(value_name = "POLICY")]
        policy: String,
    },
    /// Create a policy from a template: code, README, tests
    #[command(after_help = "\
Examples:
  tbengine policy new rust nightly-sweep
  tbengine policy new python nightly-sweep && cat nightly-sweep/README.md")]
    New {
        /// The language: assemblyscript, c, cpp, go, javascript, nim, python, rust, typescript, wat, zig
        #[arg(value_name = "LANG")]
        language: String,
        /// The name of the policy and of its folder
        name: String,
    },
    /// Convert a core WebAssembly module (binary or text) into a policy component
    #[command(after_help = "\
A module exports `memory`, `cabi_realloc` and describe, configure, decide and retry, by these names or as
`tbengine:policy/hooks@3.0.0#decide`. Its WASI preview 1 imports are denied, except for standard error.

Examples:
  tbengine policy pack core.wasm -o policy.wasm
  tbengine policy pack max-age.wat -o max-age.wasm")]
    Pack {
        /// The module
        #[arg(value_name = "CORE")]
        core: PathBuf,
        /// Where to write the policy [default: beside the module, as NAME.policy.wasm]
        #[arg(
            long = "file",
            short = 'o',
            visible_alias = "out",
            value_name = "FILE",
            env = "TBENGINE_FILE"
        )]
        file: Option<PathBuf>,
        /// The major version of the contract it targets [default: from its exports, or the newest that fits]
        #[arg(long, value_name = "MAJOR", env = "TBENGINE_CONTRACT")]
        contract: Option<u64>,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
    /// Load a policy, check it against the contract and run it on a simulated host
    Check {
        /// A built-in or configured name, a path to a .wasm component, or oci://…@sha256:…
        #[arg(value_name = "POLICY")]
        policy: String,
        /// A parameter of the policy, as KEY=VALUE
        #[arg(
            long,
            value_name = "KEY=VALUE",
            env = "TBENGINE_SET",
            value_delimiter = ';'
        )]
        #[arg(value_parser = values::pair)]
        set: Vec<(String, String)>,
    },
    /// Run a policy on recorded inventories and compare with the expected decisions
    #[command(after_help = "\
For an inventory host.json, expected decisions are read from host.expected.json, and with other parameters from
host.ANYTHING.expected.json. Exits with 1 if a decision differs.

Examples:
  tbengine list --record tests/host.json
  tbengine policy test policy.wasm tests --update     write its decisions, and review them
  tbengine policy test policy.wasm tests")]
    Test {
        /// A built-in or configured name, a path to a .wasm component, or oci://…@sha256:…
        #[arg(value_name = "POLICY")]
        policy: String,
        /// The folder of inventories and expectations
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Write the policy's decisions to the files instead of comparing
        #[arg(long, env = "TBENGINE_UPDATE", value_parser = values::boolish())]
        update: bool,
    },
    /// Show which resources two policies decide differently
    Diff(Box<PolicyDiffArgs>),
    /// Pull a policy from an OCI registry and print the reference that pins it
    #[command(after_help = "\
A policy with a digest is kept in the cache, so that it runs without the registry and with --offline.

Examples:
  tbengine policy pull ghcr.io/team/nightly:1.0
  tbengine policy pull ghcr.io/team/nightly:1.0 -o nightly.wasm
  tbengine policy pull ghcr.io/team/nightly:1.0 -O json | jq -r .reference")]
    Pull {
        /// The policy: HOST/REPOSITORY, then :TAG or @sha256:DIGEST or both
        #[arg(value_name = "REF")]
        reference: String,
        /// Also write it to this file
        #[arg(
            long = "file",
            short = 'o',
            visible_alias = "out",
            value_name = "FILE",
            env = "TBENGINE_FILE"
        )]
        file: Option<PathBuf>,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
    /// Push a policy to an OCI registry and print the reference that pins it
    #[command(after_help = "\
Credentials are those of `docker login`, or TBENGINE_REGISTRY_USER and
TBENGINE_REGISTRY_PASSWORD for the registry that TBENGINE_REGISTRY_HOST names.

Examples:
  tbengine policy push nightly.wasm ghcr.io/team/nightly:1.0
  tbengine policy push nightly.wasm localhost:5000/nightly")]
    Push {
        /// The .wasm component
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The destination: HOST/REPOSITORY:TAG; the tag defaults to `latest`
        #[arg(value_name = "REF")]
        reference: String,
    },
    /// Write a built-in policy to a file
    Export {
        /// The built-in policy
        name: String,
        /// Where to write it
        #[arg(
            long = "file",
            short = 'o',
            visible_alias = "out",
            value_name = "FILE",
            env = "TBENGINE_FILE"
        )]
        file: PathBuf,
        #[command(flatten)]
        overwrite: OverwriteArgs,
    },
}

/// Whether a file that is there already is replaced.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OverwriteArgs {
    /// Overwrite the file if it exists
    #[arg(long, env = "TBENGINE_OVERWRITE", value_parser = values::boolish())]
    pub(crate) force: bool,
}

/// The arguments of `policy diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tbengine policy diff default aggressive
  tbengine policy diff old.wasm new.wasm --inventory tests/host.json")]
pub(crate) struct PolicyDiffArgs {
    /// The policy before
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// The policy after
    #[arg(value_name = "B")]
    pub(crate) after: String,
    /// A recorded inventory [default: what the backends list now]
    #[arg(long, value_name = "FILE", env = "TBENGINE_INVENTORY")]
    pub(crate) inventory: Option<PathBuf>,
    /// A parameter, as KEY=VALUE, for each of the two that has it
    #[arg(
        long,
        value_name = "KEY=VALUE",
        env = "TBENGINE_SET",
        value_delimiter = ';'
    )]
    #[arg(value_parser = values::pair)]
    pub(crate) set: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Include sizes (may be slow)
    #[arg(long, env = "TBENGINE_SIZES", value_parser = values::boolish())]
    pub(crate) sizes: bool,
}
