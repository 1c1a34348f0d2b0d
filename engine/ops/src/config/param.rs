//! The value of a parameter, as the file writes it.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// The value of a policy's parameter.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a text, a number, true, false, or a list of texts"
)]
pub enum ParamValue {
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
