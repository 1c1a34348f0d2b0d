//! What `tbengine.toml` may say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use tbengine_engine::plan::MaxDelete;
use tbengine_engine::policy::Limits;

use crate::args::values::{Factor, Span};

/// The configuration of tbengine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "tbengine.toml")]
pub(crate) struct File {
    /// The policy that decides unless --policy names another: a built-in name, the name of a table under
    /// `policies`, a path to a .wasm component, or oci://HOST/REPOSITORY@sha256:DIGEST.
    pub(crate) policy: Option<String>,
    /// The backends, by the names that --backend takes. Without any there is one: `docker`.
    pub(crate) backends: BTreeMap<String, BackendTable>,
    /// Code that brings further kinds of backend. Nothing is loaded that is not named here.
    pub(crate) plugins: BTreeMap<String, PluginTable>,
    /// Policies, by the names that --policy takes.
    pub(crate) policies: BTreeMap<String, PolicyTable>,
    /// The rules after the policy.
    pub(crate) guards: GuardsTable,
    /// When a step is tried again.
    pub(crate) retry: RetryTable,
    /// Where runs are remembered.
    pub(crate) state: StateTable,
}

/// One provider of sandboxes, reached with one configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct BackendTable {
    /// The kind of backend, like `docker`.
    pub(crate) kind: String,
    /// The settings of this kind.
    #[serde(flatten)]
    pub(crate) settings: serde_json::Map<String, serde_json::Value>,
}

/// A plugin: a library or a program that brings kinds of backend.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PluginTable {
    /// A dynamic library: an absolute path, or a bare file name that is looked up in --plugin-dir,
    /// $XDG_DATA_HOME/tbengine/plugins and /usr/lib/tbengine/plugins. It runs with all rights of tbengine.
    /// Instead of `program`.
    pub(crate) path: Option<PathBuf>,
    /// A program that speaks the protocol on its standard input and output, found as a library is. Instead
    /// of `path`.
    pub(crate) program: Option<PathBuf>,
    /// The arguments of the program.
    pub(crate) args: Vec<String>,
    /// The SHA-256 of the file in hex; another file is refused. "any" runs whatever is there.
    pub(crate) sha256: Option<String>,
    /// The variables of the environment that it gets.
    pub(crate) env: Vec<String>,
}

/// A policy with its parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PolicyTable {
    /// The path of the .wasm component, from where this file lies. Instead of `builtin` and `oci`.
    pub(crate) path: Option<PathBuf>,
    /// The name of a built-in policy. Instead of `path` and `oci`.
    pub(crate) builtin: Option<String>,
    /// Where it lies in a registry: oci://HOST/REPOSITORY:TAG@sha256:DIGEST, as `tbengine policy pull` prints
    /// it; the tag may be missing. Instead of `path` and `builtin`.
    pub(crate) oci: Option<String>,
    /// The SHA-256 of the component in hex; another component is refused.
    pub(crate) sha256: Option<String>,
    /// Parameters of the policy; `tbengine policy inspect` lists them.
    pub(crate) params: BTreeMap<String, ParamValue>,
    /// How much the policy may use in one call.
    #[schemars(with = "BTreeMap<String, ParamValue>")]
    pub(crate) limits: Limits,
}

/// The value of a policy's parameter.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a text, a number, true, false, or a list of texts"
)]
pub(crate) enum ParamValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Any text.
    Text(String),
    /// Words.
    Words(Vec<String>),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Boolean(value) => value.fmt(f),
            ParamValue::Integer(value) => value.fmt(f),
            ParamValue::Number(value) => value.fmt(f),
            ParamValue::Text(value) => value.fmt(f),
            ParamValue::Words(words) => words.join(",").fmt(f),
        }
    }
}

/// The rules after the policy, which no policy can switch off.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GuardsTable {
    /// What was created less than this ago stays. Unless set: 1m.
    pub(crate) min_age: Option<Span>,
    /// A plan that touches more than this is refused: a number, or a share like "20%".
    pub(crate) max_delete: Option<Most>,
    /// Without max-delete: how many running resources of unproven owner a plan may end. Unless set: 5.
    pub(crate) max_unproven_running: Option<usize>,
    /// How old a saved plan may be. Unless set: 1h.
    pub(crate) max_plan_age: Option<Span>,
    /// In how many runs a resource has to fail or come back before it is parked; 0 parks nothing. Unless
    /// set: 3.
    pub(crate) quarantine_after: Option<u32>,
    /// How long what runs may take to end by itself. Unless set: 10s.
    pub(crate) stop_timeout: Option<Span>,
}

/// The most that a plan may touch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(try_from = "ParamValue", into = "MaxDelete")]
pub(crate) struct Most(pub(crate) MaxDelete);

impl TryFrom<ParamValue> for Most {
    type Error = String;

    fn try_from(value: ParamValue) -> Result<Self, Self::Error> {
        let limit = value
            .to_string()
            .parse::<MaxDelete>()
            .map_err(|error| error.to_string())?;
        Ok(Self(limit))
    }
}

impl From<Most> for MaxDelete {
    fn from(most: Most) -> Self {
        most.0
    }
}

impl JsonSchema for Most {
    fn schema_name() -> Cow<'static, str> {
        "MaxDelete".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number like 50, or a share like \"20%\".",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+%?$" },
            ],
        })
    }
}

/// When a step is tried again, and how long a backend may be away.
///
/// `attempts`, `base` and `cap` set random waits that double; `retries`, `delay` and `factor` set fixed
/// waits, in place of the policy's advice. One of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RetryTable {
    /// How many attempts in all. Unless set: 8.
    #[schemars(range(min = 1, max = 50))]
    pub(crate) attempts: Option<u32>,
    /// The longest first wait. Unless set: 100ms.
    pub(crate) base: Option<Span>,
    /// The longest wait. Unless set: 5s.
    pub(crate) cap: Option<Span>,
    /// How many retries after the first attempt.
    #[schemars(range(max = 49))]
    pub(crate) retries: Option<u32>,
    /// The first wait. Unless set: 2s.
    pub(crate) delay: Option<Span>,
    /// What each wait is multiplied by for the next. Unless set: 2.
    pub(crate) factor: Option<Factor>,
    /// How many requests at once per backend, instead of what suits the backend.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) concurrency: Option<u16>,
    /// How long a backend may be away before its steps are deferred. Unless set: 10m.
    pub(crate) outage_deadline: Option<Span>,
    /// How long a run may take: what did not get its turn is deferred. Unless set: no limit.
    pub(crate) deadline: Option<Span>,
    /// How long the calls of one step may take in all. Unless set: 2m.
    pub(crate) step_deadline: Option<Span>,
}

/// Where runs are remembered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StateTable {
    /// The directory. Unless set: $XDG_STATE_HOME/tbengine.
    pub(crate) dir: Option<PathBuf>,
    /// How long a run keeps its resources to itself without a sign of life; at least 1s. Unless set: 30s.
    pub(crate) lease: Option<Span>,
    /// How long the records of runs are kept; 0s keeps them for ever. Unless set: 30d.
    pub(crate) keep: Option<Span>,
}

/// The JSON schema of the file.
pub(crate) fn schema() -> String {
    let schema = schemars::schema_for!(File);
    format!("{:#}\n", schema.to_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_the_one_that_is_printed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tbengine.schema.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == schema(),
            "the schema has changed; run `cargo run -p tbengine -- config schema > {path}`"
        );
    }
}
