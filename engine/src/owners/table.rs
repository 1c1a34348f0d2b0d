//! Owners, rules and facts as they are written in a file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::example::Example;
use super::what::What;

/// The file of rules that is embedded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RulesFile {
    /// The number of its format.
    pub format: u32,
    /// Kinds of backend that simulate others, and so have their rules.
    #[serde(default)]
    pub stands_for: BTreeMap<String, Vec<String>>,
    /// The owners, by their names.
    pub owner: BTreeMap<String, OwnerTable>,
    /// Resources of which it says whose they are.
    #[serde(default)]
    pub example: Vec<Example>,
}

/// An owner: who makes resources, and by which facts they are recognised.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnerTable {
    /// "benchmark", "product" or "kept". A name that is known already has one.
    pub what: Option<What>,
    /// Whether its rules count. Default: true.
    pub enabled: Option<bool>,
    /// What it makes, in one line.
    pub about: Option<String>,
    /// How it removes things by its own means, in one line.
    pub hint: Option<String>,
    /// Where the facts were read.
    pub read: Option<String>,
    /// Whether a benchmark's proof goes before. Only for "kept".
    pub yields: Option<bool>,
    /// Labels that its resources all have: KEY, or KEY=VALUE.
    pub labels: Vec<String>,
    /// A regular expression for the names of its compose projects.
    pub project: Option<String>,
    /// A regular expression for its images.
    pub image: Option<String>,
    /// A regular expression for the names of its resources.
    pub name: Option<String>,
    /// Whether one fact is enough for a benchmark. Only in a file that nobody else can write.
    pub sure: bool,
    /// The rules. One that holds is enough.
    pub rule: Vec<RuleTable>,
}

/// The facts that prove an owner together.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleTable {
    /// Its name, for `tbengine explain`.
    pub id: String,
    /// The kinds of backend it is about; all, if none is named.
    pub provider: Vec<String>,
    /// The kinds of resource it is about; all, if none is named.
    pub kind: Vec<String>,
    /// The classes of resource it is about, instead of `kind`.
    pub class: Vec<String>,
    /// The unit of the resource, where the backend knows of none. {name}, {label:KEY} and {attr:KEY} stand for
    /// the resource's own.
    pub unit: Option<String>,
    /// Where the facts were read, if not where those of the owner were.
    pub read: Option<String>,
    /// The facts that have to hold.
    pub all: Vec<FactTable>,
    /// The facts of which none may hold.
    pub none: Vec<FactTable>,
}

/// Something that may hold of a resource: one subject, and what is said of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FactTable {
    /// A label, by its key.
    pub label: Option<String>,
    /// An attribute, by its key.
    pub attr: Option<String>,
    /// Its name.
    pub name: bool,
    /// All of its names: there is one, and each fits.
    pub names: bool,
    /// The name of a resource of this kind that it uses.
    pub uses: Option<String>,
    /// Another member of its unit is proven to be this owner's, now or lately.
    pub unit_of: Option<String>,
    /// It has users, and all are proven to be this owner's.
    pub users_of: Option<String>,
    /// Something in the account is proven to be this owner's, now or lately.
    pub account_has: Option<String>,
    /// The text that it is.
    pub is: Option<String>,
    /// A regular expression for the whole text. {name}, {unit}, {label:KEY} and {attr:KEY} stand for the
    /// resource's own, literally.
    pub like: Option<String>,
    /// Whether nobody types this by chance.
    pub rare: bool,
    /// Facts of which one is enough, instead of a subject.
    pub any: Vec<FactTable>,
}
