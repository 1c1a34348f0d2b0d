//! What a policy says of itself.

use serde::{Deserialize, Serialize};

use super::bounded::{MAX_DOC, MAX_REASON, bounded};
use super::value::normalise;

pub use super::value::ParamType;

/// What a policy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// Its parameters, in its own order.
    pub params: Vec<Param>,
    /// How much it must see in one call.
    pub judging: Judging,
}

/// A parameter of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Param {
    /// Its name.
    pub name: String,
    /// How its value is written.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// What it is for.
    pub doc: String,
    /// Its value unless it is set, written as a user would write it.
    pub default: Option<String>,
    /// Whether it must be set.
    pub required: bool,
}

/// How much of the inventory a policy must see in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judging {
    /// One resource at a time is enough.
    Each,
    /// Whole units.
    Units,
    /// Everything in one backend.
    Backend,
    /// Everything in scope.
    All,
}

/// The longest name of a policy or a parameter, in bytes: it has to fit into tables.
pub(super) const MAX_NAME: usize = 64;
/// The most parameters.
const MAX_PARAMS: usize = 256;

impl Description {
    /// With texts that are cut where they are longer than anybody reads.
    pub(super) fn bounded(mut self) -> Self {
        self.version = bounded(self.version, MAX_NAME);
        self.summary = bounded(self.summary, MAX_REASON);
        for param in &mut self.params {
            param.doc = bounded(std::mem::take(&mut param.doc), MAX_DOC);
        }
        self
    }

    /// Checks what a guest said.
    pub(super) fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!(
                "its name `{}` has characters other than a-z, 0-9 and -",
                bounded(self.name.clone(), MAX_REASON).escape_debug()
            ));
        }
        if self.params.len() > MAX_PARAMS {
            let count = self.params.len();
            return Err(format!(
                "it has {count} parameters; the maximum is {MAX_PARAMS}"
            ));
        }
        for (index, param) in self.params.iter().enumerate() {
            let name = &param.name;
            if !is_name(name) {
                return Err(format!(
                    "parameter `{}` has characters other than a-z, 0-9 and -",
                    bounded(name.clone(), MAX_REASON).escape_debug()
                ));
            }
            if self.params[..index]
                .iter()
                .any(|earlier| earlier.name == *name)
            {
                return Err(format!("parameter `{name}` is declared twice"));
            }
            if let Some(default) = &param.default {
                if default.len() > MAX_DOC {
                    return Err(format!(
                        "default of parameter `{name}` has more than {MAX_DOC} bytes"
                    ));
                }
                normalise(param.kind, default)
                    .map_err(|error| format!("default of parameter `{name}`: {error}"))?;
            }
        }
        Ok(())
    }
}

/// Names go onto command lines and into tables, so they are plain.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, kind: ParamType, default: Option<&str>) -> Param {
        Param {
            name: name.into(),
            kind,
            doc: String::new(),
            default: default.map(Into::into),
            required: false,
        }
    }

    fn check(name: &str, params: Vec<Param>) -> Result<(), String> {
        Description {
            name: name.into(),
            version: "1".into(),
            summary: String::new(),
            params,
            judging: Judging::All,
        }
        .check()
    }

    #[test]
    fn a_description_must_make_sense() {
        let text = ParamType::Text;
        assert_eq!(
            check(
                "a",
                vec![
                    param("b", text, None),
                    param("c", ParamType::Duration, Some("1h"))
                ]
            ),
            Ok(())
        );
        for (name, params, part) in [
            ("", vec![], "its name"),
            ("a\u{1b}[31m", vec![], "its name"),
            (
                "a",
                vec![param("b", text, None), param("b", text, None)],
                "declared twice",
            ),
            ("a", vec![param("b=c", text, None)], "parameter `b=c`"),
            (
                "a",
                vec![param("b", ParamType::Duration, Some("soon"))],
                "default of parameter `b`",
            ),
            (
                "a",
                vec![param("b", text, Some(""))],
                "default of parameter `b`",
            ),
        ] {
            let error = check(name, params).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
