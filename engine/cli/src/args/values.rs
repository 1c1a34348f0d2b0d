//! How values are written, on the command line and in the configuration file alike.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time, written like `30m`, `24h`, `7d` or `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match humantime::parse_duration(text) {
            Ok(duration) => Ok(Self(duration)),
            Err(_) if text.trim_start().starts_with('-') => {
                Err(format!("`{text}` is negative; a length of time is not"))
            }
            Err(_) => Err(format!(
                "`{text}` is not a length of time like 30m, 24h or 7d"
            )),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time like 30m, 24h, 7d or 1h 30m.",
            "examples": ["30m", "24h", "7d"],
        })
    }
}

/// What each wait is multiplied by for the next: at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub(crate) struct Factor(pub(crate) f64);

impl TryFrom<f64> for Factor {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, Self::Error> {
        if factor.is_finite() && factor >= 1.0 {
            Ok(Self(factor))
        } else {
            Err(format!(
                "{factor} is not a factor; write a number that is at least 1"
            ))
        }
    }
}

impl FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: f64 = text
            .parse()
            .map_err(|_| format!("`{text}` is not a number"))?;
        number.try_into()
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl JsonSchema for Factor {
    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 1 })
    }
}

/// `KEY=VALUE`, with a key.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        Some((key, _)) if !key.trim().is_empty() => Err(format!("`{key}` has an empty value")),
        _ => Err(format!("`{text}` is not of the form KEY=VALUE")),
    }
}

/// Any text but an empty one, which must never come to mean "everything".
pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the value is empty".into());
    }
    Ok(text.to_owned())
}

/// One of the words that the engine knows.
pub(crate) fn word<T: FromStr<Err: fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A switch; its variable may say `1`, `true`, `yes`, `on` or the opposite.
pub(crate) fn boolish() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// The name of a kind of backend.
pub(crate) fn kind_of_backend(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && text.len() <= 60 && !text.ends_with('-') && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(
        "a kind of backend begins with a small letter, and has small letters, digits and hyphens"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_for_people() {
        for (text, seconds) in [("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(text.parse::<Span>().unwrap().0.as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_an_error() {
        for text in ["", " ", "-5m", "5", "m", "soon", "1h-30m"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("-5m".parse::<Span>().unwrap_err().contains("negative"));
    }

    #[test]
    fn factors_never_shrink_a_wait() {
        for text in ["0", "0.5", "-2", "NaN", "inf", "two"] {
            assert!(text.parse::<Factor>().is_err(), "{text}");
        }
        assert_eq!("1.5".parse::<Factor>().unwrap().0, 1.5);
    }

    #[test]
    fn pairs_have_a_key_and_a_value() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        for text in ["", "a", "=b", "a=", " = "] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
