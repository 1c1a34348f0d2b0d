//! The operator's parameters, checked against the description of a policy.

use std::collections::BTreeMap;

use super::description::Description;
use super::fault::Fault;
use super::value::normalise;

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
    #[error("policy `{policy}` rejected its parameters: {}", list(.complaints))]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::description::{Judging, Param};
    use crate::policy::value::ParamType;

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
