//! What `tbengine.toml` may say.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use tbengine_engine::owners::OwnerTable;
use tbengine_engine::policy::Limits as PolicyLimits;

use super::param::ParamValue;
use super::settings::table::{Group, Row};
use super::settings::value::Limits;
use super::settings::{GROUPS, Layer, rows_of};

/// The configuration of tbengine.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(
    title = "tbengine.toml",
    deny_unknown_fields,
    default,
    rename_all = "kebab-case"
)]
pub struct File {
    /// The backends, by the names that --backend takes. Without any there is one: `docker`.
    pub backends: BTreeMap<String, BackendTable>,
    /// Code that brings further kinds of backend. Nothing is loaded that is not named here.
    pub plugins: BTreeMap<String, PluginTable>,
    /// Policies, by the names that --policy takes.
    pub policies: BTreeMap<String, PolicyTable>,
    /// Who makes resources, and by which facts they are recognised. A name that is built in gets further rules;
    /// `tbengine owners list` shows them.
    pub owners: BTreeMap<String, OwnerTable>,
    /// All else, by the table of settings.
    #[schemars(skip)]
    pub settings: Layer,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FileVisitor)
    }
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = File;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct File")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
        let mut file = File::default();
        let known: Vec<&'static str> = rows_of(None)
            .map(|row| row.key)
            .chain(["backends", "plugins", "policies", "owners"])
            .chain(GROUPS.iter().map(|group| group.name))
            .collect();
        while let Some(key) = map.next_key_seed(KnownKey(&known))? {
            match key {
                "backends" => file.backends = map.next_value()?,
                "plugins" => file.plugins = map.next_value()?,
                "policies" => file.policies = map.next_value()?,
                "owners" => file.owners = map.next_value()?,
                key => {
                    let settings = &mut file.settings;
                    match GROUPS.iter().find(|group| group.name == key) {
                        Some(group) => map.next_value_seed(InGroup { group, settings })?,
                        None => read_row(&mut map, None, key, settings)?,
                    }
                }
            }
        }
        Ok(file)
    }
}

/// Reads a table of settings.
struct InGroup<'a> {
    group: &'static Group,
    settings: &'a mut Layer,
}

impl<'de> DeserializeSeed<'de> for InGroup<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InGroup<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", self.group.schema)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let group = Some(self.group.name);
        let known: Vec<&'static str> = rows_of(group).map(|row| row.group_and_name().1).collect();
        while let Some(name) = map.next_key_seed(KnownKey(&known))? {
            read_row(&mut map, group, name, self.settings)?;
        }
        Ok(())
    }
}

/// Reads the value of a setting.
fn read_row<'de, A: MapAccess<'de>>(
    map: &mut A,
    group: Option<&str>,
    name: &str,
    settings: &mut Layer,
) -> Result<(), A::Error> {
    match rows_of(group).find(|row| row.group_and_name().1 == name) {
        Some(row) => map.next_value_seed(ValueOf { row, settings }),
        None => Err(A::Error::custom(format!("unknown setting `{name}`"))),
    }
}

struct ValueOf<'a> {
    row: &'static Row,
    settings: &'a mut Layer,
}

impl<'de> DeserializeSeed<'de> for ValueOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.settings.read(self.row, deserializer)
    }
}

/// One of the keys that a table may have.
struct KnownKey<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for KnownKey<'_> {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        let key = String::deserialize(deserializer)?;
        let found = self.0.iter().find(|known| **known == key);
        found.copied().ok_or_else(|| {
            // As serde says it of the other tables.
            let known = self.0.join("`, `");
            D::Error::custom(format!("unknown field `{key}`, expected one of `{known}`"))
        })
    }
}

/// One provider of sandboxes, reached with one configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct BackendTable {
    /// The kind of backend, like `docker`.
    pub kind: String,
    /// Whether everything in its account is yours: then what runs there needs no other proof of its owner. What
    /// somebody keeps on purpose stays all the same. Not in a project's file.
    #[serde(default)]
    pub exclusive: bool,
    /// The settings of this kind.
    #[serde(flatten)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A plugin: a library or a program that brings kinds of backend.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginTable {
    /// A dynamic library: an absolute path, or a bare file name that is looked up in --plugin-dir,
    /// $XDG_DATA_HOME/tbengine/plugins and /usr/lib/tbengine/plugins. It runs with all rights of tbengine.
    /// Instead of `program`.
    pub path: Option<PathBuf>,
    /// A program that implements the protocol on its standard input and output, found as a library is. Instead
    /// of `path`.
    pub program: Option<PathBuf>,
    /// The arguments of the program.
    pub args: Vec<String>,
    /// The SHA-256 of arguments that are files, by their paths as `args` has them. Files among the arguments have to
    /// belong to root or this user, and nobody else may write to them, pinned or not.
    pub args_sha256: BTreeMap<String, String>,
    /// The SHA-256 of the file in hex; another file is refused. "any" runs whatever is there.
    pub sha256: Option<String>,
    /// The variables of the environment that it gets.
    pub env: Vec<String>,
}

/// A policy with its parameters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyTable {
    /// The path of the .wasm component, from where this file lies. Instead of `builtin` and `oci`.
    pub path: Option<PathBuf>,
    /// The name of a built-in policy. Instead of `path` and `oci`.
    pub builtin: Option<String>,
    /// Where it lies in a registry: oci://HOST/REPOSITORY:TAG@sha256:DIGEST, as `tbengine policy pull` prints
    /// it; the tag may be missing. Instead of `path` and `builtin`.
    pub oci: Option<String>,
    /// The SHA-256 of the component in hex; another component is refused.
    pub sha256: Option<String>,
    /// Parameters of the policy; `tbengine policy inspect` lists them.
    pub params: BTreeMap<String, ParamValue>,
    /// How much the policy may use in one call.
    #[schemars(with = "BTreeMap<String, ParamValue>")]
    pub limits: PolicyLimits,
}

/// The JSON schema of the file.
pub fn schema() -> String {
    let mut generator = SchemaGenerator::default();
    let mut properties = properties_of(None, &mut generator);
    for group in GROUPS {
        let table = json!({
            "additionalProperties": false,
            "description": group.schema_doc,
            "properties": properties_of(Some(group.name), &mut generator),
            "type": "object",
        });
        let definitions = generator.definitions_mut();
        definitions.insert(group.schema.to_owned(), table);
        let reference = json!({
            "$ref": format!("#/$defs/{}", group.schema),
            "description": group.doc,
        });
        properties.insert(group.name.to_owned(), reference);
    }
    let mut schema = generator.into_root_schema_for::<File>().to_value();
    if let Some(Value::Object(all)) = schema.get_mut("properties") {
        all.append(&mut properties);
    }
    format!("{schema:#}\n")
}

/// The schemas of settings, by their keys.
fn properties_of(group: Option<&str>, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let of = |row: &Row| {
        let mut schema = (row.schema)(generator);
        schema.insert("default".to_owned(), Value::Null);
        schema.insert("description".to_owned(), row.with_default(row.doc).into());
        if let Limits::Between(least, most) = row.limits {
            schema.insert("minimum".to_owned(), least.into());
            schema.insert("maximum".to_owned(), most.into());
        }
        (row.group_and_name().1.to_owned(), schema.to_value())
    };
    rows_of(group).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch that only this test reads"
    )]
    fn the_committed_schema_is_the_one_that_is_printed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tbengine.schema.json");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            return std::fs::write(path, schema()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == schema(),
            "the schema has changed; run `UPDATE_DOCS=1 cargo test -p tbengine-ops config`"
        );
    }
}
