//! The operator's parameters, checked against the description of a policy.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Fault;
use super::description::{Description, ParamType};

/// Why a policy cannot be used with these parameters.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The policy has no such parameter.
    #[error("policy `{policy}` has no parameter `{param}`{}", suggest(.suggestion, .known))]
    Unknown {
        /// The policy.
        policy: String,
        /// What was set.
        param: String,
        /// What may have been meant.
        suggestion: Option<String>,
        /// All there are.
        known: Vec<String>,
    },
    /// A required parameter is not set.
    #[error("policy `{policy}` needs the parameter `{param}`: {doc}")]
    Missing {
        /// The policy.
        policy: String,
        /// The parameter.
        param: String,
        /// What it is for.
        doc: String,
    },
    /// A value is not of the parameter's type.
    #[error("parameter `{param}` of policy `{policy}`: {message}")]
    Value {
        /// The policy.
        policy: String,
        /// The parameter.
        param: String,
        /// What is wrong.
        message: String,
    },
    /// The policy itself refuses the values.
    #[error("policy `{policy}` refuses its parameters: {}", list(.complaints))]
    Refused {
        /// The policy.
        policy: String,
        /// Parameters, each with what is wrong with its value.
        complaints: Vec<(String, String)>,
    },
    /// The policy failed while it looked at them.
    #[error(transparent)]
    Fault(Box<Fault>),
}

fn suggest(suggestion: &Option<String>, known: &[String]) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None if known.is_empty() => "; it has none".to_owned(),
        None => format!("; it has {}", known.join(", ")),
    }
}

fn list(complaints: &[(String, String)]) -> String {
    let complaints: Vec<String> = complaints
        .iter()
        .map(|(param, message)| format!("{param}: {message}"))
        .collect();
    complaints.join("; ")
}

/// Parameters in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// As written, defaults included: for reports.
    pub(super) written: BTreeMap<String, String>,
    /// As the guest gets them, in the order of the description.
    pub(super) normal: Vec<(String, String)>,
}

/// Checks names, types and presence, and fills in the defaults.
pub(super) fn check(
    description: &Description,
    given: &BTreeMap<String, String>,
) -> Result<Checked, ConfigError> {
    let policy = &description.name;
    if let Some(param) = given
        .keys()
        .find(|name| !description.params.iter().any(|param| param.name == **name))
    {
        return Err(unknown(description, param));
    }
    let mut checked = Checked::default();
    for param in &description.params {
        let name = &param.name;
        let Some(text) = given.get(name).or(param.default.as_ref()) else {
            if param.required {
                return Err(ConfigError::Missing {
                    policy: policy.clone(),
                    param: name.clone(),
                    doc: param.doc.clone(),
                });
            }
            continue;
        };
        let normal = normalise(param.kind, text).map_err(|message| ConfigError::Value {
            policy: policy.clone(),
            param: name.clone(),
            message,
        })?;
        checked.written.insert(name.clone(), text.clone());
        checked.normal.push((name.clone(), normal));
    }
    Ok(checked)
}

fn unknown(description: &Description, param: &str) -> ConfigError {
    let names = || description.params.iter().map(|param| param.name.clone());
    // 0.7 is where strsim's typos end and other words begin.
    let suggestion = names()
        .map(|name| (strsim::jaro_winkler(&name, param), name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name);
    ConfigError::Unknown {
        policy: description.name.clone(),
        param: param.to_owned(),
        suggestion,
        known: names().collect(),
    }
}

/// A value as guests get it: durations in milliseconds, sizes in bytes, words without blanks.
pub(super) fn normalise(kind: ParamType, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; to do without it, leave it out".to_owned());
    }
    match kind {
        ParamType::Text => Ok(text.to_owned()),
        ParamType::Integer => match text.parse::<u64>() {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(format!(
                "`{text}` is not a whole number that is not negative"
            )),
        },
        ParamType::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number.is_sign_positive() => Ok(number.to_string()),
            _ => Err(format!("`{text}` is not a number that is not negative")),
        },
        ParamType::Boolean => match text {
            "true" | "false" => Ok(text.to_owned()),
            _ => Err(format!("`{text}` is not true or false")),
        },
        ParamType::Duration => Ok(parse_duration(text)?.as_millis().to_string()),
        ParamType::Size => Ok(parse_size(text)?.to_string()),
        ParamType::Words => {
            let words: Vec<&str> = text.split(',').map(str::trim).collect();
            if words.contains(&"") {
                return Err(format!("`{text}` has an empty word"));
            }
            Ok(words.join(","))
        }
    }
}

/// A duration like `30m`, to the millisecond.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration like 30m or 7d: {error}"))?;
    // What is cut off to zero would mean "everything" to a policy.
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err(format!("`{text}` is finer than a millisecond"));
    }
    if u64::try_from(duration.as_millis()).is_err() {
        return Err(format!("`{text}` is too long"));
    }
    Ok(duration)
}

/// A size like `10GB` or `1.5GiB`; a number alone is bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 10] = [
        ("b", 1),
        ("kb", 1000),
        ("mb", 1000_u64.pow(2)),
        ("gb", 1000_u64.pow(3)),
        ("tb", 1000_u64.pow(4)),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("", 1),
    ];
    let wrong = || format!("`{text}` is not a size like 500MB or 2GiB");
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, bytes) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(*bytes)
            .ok_or_else(|| format!("`{text}` is too large"));
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let size = number * *bytes as f64;
    // Beyond that a float no longer counts bytes.
    if size > 2_f64.powi(53) {
        return Err(format!("`{text}` is too large"));
    }
    Ok(size.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::description::{Judging, Param};

    #[test]
    fn values_become_what_guests_get() {
        use ParamType::{Boolean, Duration, Integer, Number, Size, Text, Words};
        for (kind, text, normal) in [
            (Text, " a b ", "a b"),
            (Integer, "007", "7"),
            (Number, "1.50", "1.5"),
            (Boolean, "true", "true"),
            (Duration, "1h 30m", "5400000"),
            (Duration, "7d", "604800000"),
            (Duration, "0s", "0"),
            (Duration, "1ms", "1"),
            (Size, "10GB", "10000000000"),
            (Size, "2 GiB", "2147483648"),
            (Size, "1.5kB", "1500"),
            (Size, "12", "12"),
            (Words, "a, b ,c", "a,b,c"),
        ] {
            assert_eq!(normalise(kind, text).as_deref(), Ok(normal), "{text}");
        }
    }

    #[test]
    fn negative_empty_and_nonsensical_values_are_errors() {
        use ParamType::{Boolean, Duration, Integer, Number, Size, Text, Words};
        for (kind, text) in [
            (Text, ""),
            (Text, "  "),
            (Integer, "-1"),
            (Integer, "1.5"),
            (Number, "-0.1"),
            (Number, "inf"),
            (Number, "NaN"),
            (Boolean, "yes"),
            (Duration, "-1h"),
            (Duration, "30"),
            (Duration, "1us"),
            (Duration, ""),
            (Size, "-1GB"),
            (Size, "GB"),
            (Size, "1 elephant"),
            (Size, "99999999TB"),
            (Size, "1.2.3"),
            (Words, "a,,b"),
            (Words, ","),
        ] {
            assert!(normalise(kind, text).is_err(), "{kind:?} {text:?}");
        }
    }

    fn description() -> Description {
        let param = |name: &str, kind, default: Option<&str>, required| Param {
            name: name.into(),
            kind,
            doc: "what for".into(),
            default: default.map(Into::into),
            required,
        };
        Description {
            name: "p".into(),
            version: "1".into(),
            summary: String::new(),
            params: vec![
                param("older-than", ParamType::Duration, Some("24h"), false),
                param("states", ParamType::Words, None, false),
                param("owner", ParamType::Text, None, true),
            ],
            judging: Judging::All,
        }
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn defaults_are_filled_in_and_what_has_none_is_left_out() {
        let checked = check(&description(), &given(&[("owner", "me")])).unwrap();
        assert_eq!(
            checked.written,
            given(&[("older-than", "24h"), ("owner", "me")])
        );
        let normal = [("older-than", "86400000"), ("owner", "me")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(checked.normal, normal);
    }

    #[test]
    fn errors_help() {
        let error = |pairs: &[(&str, &str)]| {
            check(&description(), &given(pairs))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(&[("older_than", "1h")]),
            "policy `p` has no parameter `older_than`; did you mean `older-than`?"
        );
        assert_eq!(
            error(&[("zzz", "1h")]),
            "policy `p` has no parameter `zzz`; it has older-than, states, owner"
        );
        assert_eq!(
            error(&[]),
            "policy `p` needs the parameter `owner`: what for"
        );
        assert!(error(&[("owner", "")]).starts_with("parameter `owner` of policy `p`: is empty"));
    }
}
