//! Resources of which the file of rules says whose they are.

use std::collections::BTreeMap;

use serde::Deserialize;
use tbengine_sdk::Labels;

use super::judge::{Proven, Ref};
use super::seen::{Around, Seen};
use super::set::Owners;

/// A resource of which the file of rules says whose it is: for who writes a rule, and for a test that each
/// rule does what it is meant for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// Whose it is; nobody's, if this is missing.
    pub owner: Option<String>,
    /// What it shows, in one line.
    pub about: Option<String>,
    /// The rules, as `OWNER/RULE`, that do not hold of it, though it looks like what they are about.
    pub near: Vec<String>,
    /// The kind of its backend.
    pub provider: String,
    /// Its kind.
    pub kind: String,
    /// The class of its kind.
    pub class: String,
    /// Its name.
    pub name: String,
    /// All of its names.
    pub names: Vec<String>,
    /// The unit that the backend gave it.
    pub unit: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its attributes.
    pub attrs: BTreeMap<String, String>,
    /// What it uses.
    pub uses: Vec<Used>,
    /// What is proven of others.
    pub proven: Others,
}

/// What an example uses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Used {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Owners that are proven of others than the example.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Others {
    /// Of another member of its unit.
    pub unit: Option<String>,
    /// Of all of its users.
    pub users: Option<String>,
    /// Of something in its account.
    pub account: Option<String>,
}

impl Around for Example {
    fn used(&self, kind: &str) -> Vec<&str> {
        let used = self.uses.iter().filter(|used| used.kind == kind);
        used.map(|used| &*used.name).collect()
    }

    fn unit_is_of(&self, owner: &str) -> bool {
        self.proven.unit.as_deref() == Some(owner)
    }

    fn users_are_of(&self, owner: &str) -> bool {
        self.proven.users.as_deref() == Some(owner)
    }

    fn account_has(&self, owner: &str) -> bool {
        self.proven.account.as_deref() == Some(owner)
    }
}

/// What came of an example.
#[derive(Debug)]
pub struct Tried<'o> {
    /// Whose it is.
    pub proven: Proven<'o>,
    /// The rules that hold of it, as `OWNER/RULE`, also where another one goes before.
    pub holding: Vec<String>,
}

impl Owners {
    /// Judges an example.
    pub fn try_example(&self, example: &Example) -> Tried<'_> {
        let (labels, attrs): (Labels, Labels) = (
            example.labels.iter().collect(),
            example.attrs.iter().collect(),
        );
        let seen = Seen {
            class: &example.class,
            name: &example.name,
            names: example.names.iter().map(String::as_str).collect(),
            labels: &labels,
            attrs: &attrs,
            unit: example.unit.as_deref(),
            ..Seen::new(&example.provider, &example.kind, &labels)
        };
        let holding: Vec<Ref> = self
            .refs()
            .filter(|at| {
                let rule = self.rule(*at);
                rule.is_about(seen.provider, seen.kind, seen.class) && rule.holds(&seen, example)
            })
            .collect();
        Tried {
            proven: self.proven(&holding, &seen),
            holding: holding.iter().map(|at| self.rule_name(*at)).collect(),
        }
    }
}
