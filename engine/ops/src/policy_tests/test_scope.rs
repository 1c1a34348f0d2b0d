//! The scope of a test, as its file writes it.

use serde::{Deserialize, Serialize};
use tbengine_engine::scope::{LabelFilter, Scope};
use tbengine_sdk::{Kind, State};

use crate::config::settings::value::Span;

/// The scope of a test, as its file writes it: what the flags of these names select.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct TestScope {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backend: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kind: Vec<Kind>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    label: Vec<LabelFilter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    older_than: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_before: Option<Span>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    region: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attribute: Vec<LabelFilter>,
}

impl TestScope {
    /// Whether nothing is narrowed.
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The scope.
    pub(super) fn scope(&self) -> Scope {
        Scope {
            backends: self.backend.clone(),
            kinds: self.kind.clone(),
            labels: self.label.clone(),
            states: self.state.clone(),
            older_than: self.older_than.map(|Span(span)| span),
            created_before: self.created_before.map(|Span(span)| span),
            regions: self.region.clone(),
            attributes: self.attribute.clone(),
        }
    }
}
