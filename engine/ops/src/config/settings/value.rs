//! How the values of settings are written: in flags, in variables, in the file, in its schema and for people.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tbengine_engine::plan::MaxDelete;

use crate::config::param::ParamValue;

/// The values that a setting may have.
#[derive(Clone, Copy, Debug)]
pub enum Limits {
    /// All of its type.
    None,
    /// Numbers from the first to the second.
    Between(u32, u32),
    /// Lengths of time from this on.
    AtLeast(Duration),
}

/// A type that settings have.
pub trait Value: Sized {
    /// Whether its flag takes what begins with a hyphen, so that `-5m` is refused for what it is.
    const MAY_BEGIN_WITH_HYPHEN: bool = false;
    /// Whether it is the path of something, which need not be UTF-8.
    const IS_PATH: bool = false;

    /// How the file writes it.
    type File: DeserializeOwned + JsonSchema;

    /// The value that the file writes so.
    fn of_file(said: Self::File) -> Self;

    /// Reads what a flag or a variable says.
    ///
    /// # Errors
    /// If that is not such a value, or numbers are limited to others.
    fn parse(text: &OsStr, limits: Limits) -> Result<Self, String>;

    /// The value, without its type.
    fn plain(&self) -> Plain;
}

/// A value without its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plain {
    /// There is none.
    Unset,
    /// A whole number.
    Number(u64),
    /// A length of time.
    Duration(Duration),
    /// Anything else.
    Text(String),
}

impl Plain {
    /// Whether it is none of what it counts or measures.
    pub fn is_zero(&self) -> bool {
        matches!(self, Plain::Number(0) | Plain::Duration(Duration::ZERO))
    }

    /// Which of two numbers or lengths of time is larger; `None` if these are not two of one sort.
    pub fn cmp_as_quantity(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Plain::Number(one), Plain::Number(other)) => Some(one.cmp(other)),
            (Plain::Duration(one), Plain::Duration(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// As people read it.
impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plain::Unset => f.pad("unset"),
            Plain::Number(number) => number.fmt(f),
            Plain::Duration(duration) => f.pad(&span(*duration)),
            Plain::Text(text) => f.pad(text),
        }
    }
}

/// A length of time in its two largest units: `3d 4h`, `26m`, `5s`.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |large: u64, large_unit, small: u64, small_unit| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => two(hours, 'h', minutes, 'm'),
        _ => two(days, 'd', hours, 'h'),
    }
}

/// Flags are read as UTF-8 but for paths.
fn utf8(text: &OsStr) -> Result<&str, String> {
    text.to_str().ok_or_else(|| "it is not UTF-8".into())
}

/// What need not be set.
impl<T: Value> Value for Option<T> {
    const MAY_BEGIN_WITH_HYPHEN: bool = T::MAY_BEGIN_WITH_HYPHEN;
    const IS_PATH: bool = T::IS_PATH;

    type File = T::File;

    fn of_file(said: Self::File) -> Self {
        Some(T::of_file(said))
    }

    fn parse(text: &OsStr, limits: Limits) -> Result<Self, String> {
        T::parse(text, limits).map(Some)
    }

    fn plain(&self) -> Plain {
        self.as_ref().map_or(Plain::Unset, T::plain)
    }
}

impl Value for String {
    type File = Self;

    fn of_file(said: Self::File) -> Self {
        said
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        let text = utf8(text)?;
        if text.trim().is_empty() {
            return Err("the value is empty".into());
        }
        Ok(text.to_owned())
    }

    fn plain(&self) -> Plain {
        Plain::Text(self.clone())
    }
}

/// Names, which a variable separates by commas.
impl Value for Vec<String> {
    type File = Self;

    fn of_file(said: Self::File) -> Self {
        said
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        let names: Vec<&str> = utf8(text)?.split(',').map(str::trim).collect();
        if names.contains(&"") {
            return Err("one of the names is empty".into());
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn plain(&self) -> Plain {
        match self.is_empty() {
            true => Plain::Unset,
            false => Plain::Text(self.join(",")),
        }
    }
}

impl Value for PathBuf {
    const IS_PATH: bool = true;

    type File = Self;

    fn of_file(said: Self::File) -> Self {
        said
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        Ok(text.into())
    }

    fn plain(&self) -> Plain {
        Plain::Text(self.display().to_string())
    }
}

impl Value for usize {
    type File = Self;

    fn of_file(said: Self::File) -> Self {
        said
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        utf8(text)?
            .parse()
            .map_err(|error: std::num::ParseIntError| error.to_string())
    }

    fn plain(&self) -> Plain {
        Plain::Number(*self as u64)
    }
}

/// Numbers of a fixed width, whose limits are shown with the value.
macro_rules! limited {
    ($($number:ty)*) => {$(
        impl Value for $number {
            type File = Self;

            fn of_file(said: Self::File) -> Self {
                said
            }

            fn parse(text: &OsStr, limits: Limits) -> Result<Self, String> {
                let number: i64 = utf8(text)?
                    .parse()
                    .map_err(|error: std::num::ParseIntError| error.to_string())?;
                let (least, most) = match limits {
                    Limits::Between(least, most) => (least.into(), most.into()),
                    _ => (<$number>::MIN.into(), <$number>::MAX.into()),
                };
                Self::try_from(number)
                    .ok()
                    .filter(|_| (least..=most).contains(&number))
                    .ok_or_else(|| format!("{number} is not between {least} and {most}"))
            }

            fn plain(&self) -> Plain {
                Plain::Number((*self).into())
            }
        }
    )*};
}

limited!(u16 u32);

impl Value for Duration {
    const MAY_BEGIN_WITH_HYPHEN: bool = true;

    type File = Span;

    fn of_file(said: Self::File) -> Self {
        said.0
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        Ok(utf8(text)?.parse::<Span>()?.0)
    }

    fn plain(&self) -> Plain {
        Plain::Duration(*self)
    }
}

/// A length of time, written like `30m`, `24h`, `7d` or `1h 30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match humantime::parse_duration(text) {
            Ok(duration) => Ok(Self(duration)),
            Err(_) if text.trim_start().starts_with('-') => {
                Err(format!("invalid duration `{text}`: it is negative"))
            }
            Err(_) => Err(format!("invalid duration `{text}` (use e.g. 30m, 24h, 7d)")),
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
            "description": "A duration like 30m, 24h, 7d or 1h 30m.",
            "examples": ["30m", "24h", "7d"],
        })
    }
}

/// What each wait is multiplied by for the next: at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Factor(pub f64);

impl TryFrom<f64> for Factor {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, Self::Error> {
        if factor.is_finite() && factor >= 1.0 {
            Ok(Self(factor))
        } else {
            Err(format!("invalid factor {factor}: must be at least 1"))
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

impl JsonSchema for Factor {
    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 1 })
    }
}

impl Value for Factor {
    const MAY_BEGIN_WITH_HYPHEN: bool = true;

    type File = Self;

    fn of_file(said: Self::File) -> Self {
        said
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        utf8(text)?.parse()
    }

    fn plain(&self) -> Plain {
        Plain::Text(self.0.to_string())
    }
}

/// The most that a plan may touch, in the file: a number, or a text.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "ParamValue")]
pub struct Most(MaxDelete);

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

impl Value for MaxDelete {
    const MAY_BEGIN_WITH_HYPHEN: bool = true;

    type File = Most;

    fn of_file(said: Self::File) -> Self {
        said.0
    }

    fn parse(text: &OsStr, _: Limits) -> Result<Self, String> {
        let limit = utf8(text)?.parse::<MaxDelete>();
        limit.map_err(|error| error.to_string())
    }

    fn plain(&self) -> Plain {
        Plain::Text(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m"),
            (3600, "1h"),
            (9000, "2h 30m"),
            (93_600, "1d 2h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

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
    fn numbers_tell_their_limits() {
        let parse = |text: &str, limits| u32::parse(text.as_ref(), limits);
        assert_eq!(parse("49", Limits::Between(0, 49)), Ok(49));
        let error = parse("50", Limits::Between(0, 49)).unwrap_err();
        assert_eq!(error, "50 is not between 0 and 49");
        let error = parse("-1", Limits::None).unwrap_err();
        assert_eq!(error, "-1 is not between 0 and 4294967295");
        assert!(parse("", Limits::None).is_err());
    }
}
