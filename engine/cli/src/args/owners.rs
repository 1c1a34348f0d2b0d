//! The arguments of `owners`.

use clap::{Args, Subcommand};

use super::values;

/// What to do with owners.
#[derive(Debug, Subcommand)]
pub(crate) enum OwnersCommand {
    /// List the owners that are known, built in and configured
    List,
    /// Show which rules match a resource with these labels, and what is missing for others
    Test(OwnersTestArgs),
}

/// The arguments of `owners test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Rules about other resources, like the rest of its unit, are evaluated on this resource alone.

Examples:
  tbengine owners test io.x-k8s.kind.cluster=dev
  tbengine owners test --kind volume --name buildx_buildkit_b0_state
  tbengine owners test --name sweb.eval.x.run1 --attr image=sweb.eval.x86_64.x:latest
  tbengine owners test --provider daytona --kind sandbox harbor.managed=true")]
pub(crate) struct OwnersTestArgs {
    /// The labels of the resource
    #[arg(value_name = "KEY=VALUE", value_parser = values::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// The kind of backend that it is in
    #[arg(
        long,
        value_name = "KIND",
        env = "TBENGINE_PROVIDER",
        default_value = "docker"
    )]
    pub(crate) provider: String,
    /// Its kind
    #[arg(
        long,
        value_name = "KIND",
        env = "TBENGINE_KIND",
        default_value = "container"
    )]
    pub(crate) kind: String,
    /// The class of its kind, for rules about classes
    #[arg(
        long,
        value_name = "CLASS",
        env = "TBENGINE_CLASS",
        default_value = "compute"
    )]
    pub(crate) class: String,
    /// Its name; several, if it has several
    #[arg(long, value_name = "NAME", env = "TBENGINE_NAME")]
    pub(crate) name: Vec<String>,
    /// Its attributes, like image=postgres:16
    #[arg(long, value_name = "KEY=VALUE", env = "TBENGINE_ATTR", value_parser = values::label)]
    pub(crate) attr: Vec<(String, String)>,
}
