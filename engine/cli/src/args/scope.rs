//! Which resources a command is about.

use clap::Args;
use tbengine_engine::scope::{LabelFilter, Scope};
use tbengine_sdk::{Kind, State};

use super::values::{self, Span};

/// Which backends a command is about, for commands that accept no other selector.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct BackendArgs {
    /// Only this backend: a name from the configuration, or a kind with its defaults
    #[arg(
        long,
        value_name = "NAME",
        env = "TBENGINE_BACKEND",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::not_empty)]
    pub(crate) backend: Vec<String>,
}

/// Which resources a command is about. Values of one flag are alternatives; several flags, and several
/// labels, must all match.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Scope")]
pub(crate) struct ScopeArgs {
    // Not flattened: `run --plan` refuses these flags as a group, and groups have no flattened members.
    /// Only this backend: a name from the configuration, or a kind with its defaults
    #[arg(
        long,
        value_name = "NAME",
        env = "TBENGINE_BACKEND",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::not_empty)]
    pub(crate) backend: Vec<String>,
    /// Only this kind, like container, sandbox, network, volume or image
    #[arg(
        long,
        value_name = "KIND",
        env = "TBENGINE_KIND",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::word::<Kind>)]
    pub(crate) kind: Vec<Kind>,
    /// Only resources with this label; also allows deleting running ones
    #[arg(long, value_name = "KEY[=VALUE]", env = "TBENGINE_LABEL")]
    pub(crate) label: Vec<LabelFilter>,
    /// Only this state, like running, exited or failed
    #[arg(
        long,
        value_name = "STATE",
        env = "TBENGINE_STATE",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::word::<State>)]
    pub(crate) state: Vec<State>,
    /// Only resources that exited (or were created) longer ago than this
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_OLDER_THAN",
        allow_hyphen_values = true
    )]
    pub(crate) older_than: Option<Span>,
    /// Only resources that were created longer ago than this, whatever happened since
    #[arg(
        long,
        value_name = "DURATION",
        env = "TBENGINE_CREATED_BEFORE",
        allow_hyphen_values = true
    )]
    pub(crate) created_before: Option<Span>,
    /// Only resources in this region, where the backend has regions
    #[arg(
        long,
        value_name = "REGION",
        env = "TBENGINE_REGION",
        value_delimiter = ','
    )]
    #[arg(value_parser = values::not_empty)]
    pub(crate) region: Vec<String>,
    /// Only resources with this attribute; `list --output json` shows them
    #[arg(long, value_name = "KEY[=VALUE]", env = "TBENGINE_ATTRIBUTE")]
    pub(crate) attribute: Vec<LabelFilter>,
}

impl ScopeArgs {
    /// The scope that these arguments describe.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            backends: self.backend.clone(),
            kinds: self.kind.clone(),
            labels: self.label.clone(),
            states: self.state.clone(),
            older_than: self.older_than.map(|span| span.0),
            created_before: self.created_before.map(|span| span.0),
            regions: self.region.clone(),
            attributes: self.attribute.clone(),
        }
    }
}
