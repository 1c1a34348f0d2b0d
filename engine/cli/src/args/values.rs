//! How values are written, on the command line and in the configuration file alike.

use std::fmt;
use std::str::FromStr;

use clap::builder::BoolishValueParser;

pub(crate) use tbengine_ops::config::settings::value::Span;

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

/// `KEY=VALUE` or `KEY`, with a key; the value may be empty.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.trim().is_empty() {
        return Err(format!("`{text}` is not of the form KEY=VALUE"));
    }
    Ok((key.to_owned(), value.to_owned()))
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
        "invalid backend kind: use lowercase letters, digits and hyphens, starting with a letter"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_a_key_and_a_value() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        for text in ["", "a", "=b", "a=", " = "] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
