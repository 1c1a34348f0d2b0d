//! What a row of the table of settings is, and what follows from all of them.

use std::ffi::OsStr;

use schemars::{Schema, SchemaGenerator};

use super::value::{Limits, Plain, Value};

/// A setting, but for its type: one row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its key in the file, with that of its table: `safeguards.min-age`.
    pub key: &'static str,
    /// Its field in `Settings`.
    pub field: &'static str,
    /// The flag and the variable that set it as well.
    pub flag: Option<Flag>,
    /// What it means in the file. `{default}` stands for its value where nothing sets it.
    pub doc: &'static str,
    /// Its value where nothing sets it.
    pub default: fn() -> Plain,
    /// Which of the values of its type it may have.
    pub limits: Limits,
    /// What a project's file may say of it.
    pub project: Project,
    /// Whether a saved plan has to be applied under the same value in the file.
    pub binds_plans: bool,
    /// How `config show` shows it.
    pub shown: Shown,
    /// The schema of its values.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Says what is wrong with the text of a flag or a variable.
    pub check: fn(&OsStr, Limits) -> Result<(), String>,
    /// [`Value::MAY_BEGIN_WITH_HYPHEN`] of its type.
    pub may_begin_with_hyphen: bool,
    /// [`Value::IS_PATH`] of its type.
    pub is_path: bool,
}

/// How a setting is set on the command line, and in the environment.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name, without the hyphens in front.
    pub name: &'static str,
    /// A former name, which is still accepted and not shown.
    pub alias: Option<&'static str>,
    /// The variable.
    pub variable: &'static str,
    /// What stands for its value in the help.
    pub value_name: &'static str,
    /// The heading that its help stands below.
    pub heading: &'static str,
    /// Its help. `{default}` stands for the value where nothing sets it.
    pub help: &'static str,
    /// Whether its help comes before that of all others below the heading.
    pub comes_first: bool,
}

/// What the file of a project may say of a setting. A repository brings such a file along, so it is not the
/// operator's word.
#[derive(Clone, Copy, Debug)]
pub enum Project {
    /// Anything: it is about no safeguard.
    Any,
    /// Nothing: any value could do this.
    Nothing(&'static str),
    /// No less than what holds without the file, which would do this.
    AtLeast(&'static str),
    /// No more than what holds without the file, which would do this.
    AtMost(&'static str),
    /// The same, and not zero, which means that there is no limit.
    AtMostButZero(&'static str),
    /// The limit of a plan: one that refuses whatever is refused without the file. Others would do this.
    Limit(&'static str),
}

/// How `config show` shows a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// In a line of its own.
    Alone,
    /// With the others of the schedule of retries, which only mean something together.
    InSchedule,
    /// Not at all.
    No,
}

/// A table of the file, which holds rows.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its key.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What the schema calls it.
    pub schema: &'static str,
    /// What the schema says of it.
    pub schema_doc: &'static str,
}

impl Row {
    /// A row of this type that says no more than it must.
    pub const fn of<T: Value>() -> Self {
        Self {
            key: "",
            field: "",
            flag: None,
            doc: "",
            default: || Plain::Unset,
            limits: Limits::None,
            project: Project::Any,
            binds_plans: false,
            shown: Shown::Alone,
            schema: |generator| generator.subschema_for::<Option<T::File>>(),
            check: |text, limits| T::parse(text, limits).map(drop),
            may_begin_with_hyphen: T::MAY_BEGIN_WITH_HYPHEN,
            is_path: T::IS_PATH,
        }
    }

    /// Its table and its key in there; no table for what stands at the top of the file.
    pub fn group_and_name(&self) -> (Option<&'static str>, &'static str) {
        match self.key.split_once('.') {
            Some((group, name)) => (Some(group), name),
            None => (None, self.key),
        }
    }

    /// Its keys in the file, from the outermost on.
    pub fn keys(&self) -> Vec<&'static str> {
        self.key.split('.').collect()
    }

    /// A text of it, with its default put in.
    pub fn with_default(&self, text: &str) -> String {
        if text.contains("{default}") {
            text.replace("{default}", &(self.default)().to_string())
        } else {
            text.to_owned()
        }
    }

    /// What is wrong with a value that the file has.
    pub fn complaint(&self, value: &Plain) -> Option<String> {
        let (_, name) = self.group_and_name();
        match (self.limits, value) {
            (Limits::Between(least, most), Plain::Number(number))
                if !(u64::from(least)..=u64::from(most)).contains(number) =>
            {
                Some(match least {
                    0 => format!("`{name}` is at most {most}"),
                    _ => format!("`{name}` is between {least} and {most}"),
                })
            }
            (Limits::AtLeast(least), Plain::Duration(duration)) if *duration < least => {
                Some(format!("`{name}` is at least {}", Plain::Duration(least)))
            }
            _ => None,
        }
    }
}

/// Makes of the rows, each with its type: `ROWS`, `Layer` and `Settings`.
macro_rules! settings {
    ($($key:literal => $field:ident: $type:ty = $default:expr, { $($says:tt)* })*) => {
        /// Every setting, in the order of the file.
        pub(super) const ROWS: &[Row] = &[$(Row {
            key: $key,
            field: stringify!($field),
            default: || <$type as Value>::plain(&$default),
            $($says)*
            ..Row::of::<$type>()
        },)*];

        /// What one source says: the file, or variables and flags.
        #[derive(Clone, Debug, Default)]
        pub struct Layer {
            $(#[doc = concat!("`", $key, "`")] pub $field: Option<Setting<$type>>,)*
        }

        impl Layer {
            /// Takes what a flag or a variable says.
            ///
            /// # Errors
            /// If that is not a value of this setting.
            pub fn take(&mut self, row: &Row, text: &OsStr, source: Source) -> Result<(), String> {
                match row.key {
                    $($key => {
                        let value = <$type as Value>::parse(text, row.limits)?;
                        self.$field = Some(Setting { value, source });
                    })*
                    _ => return Err(format!("unknown setting `{}`", row.key)),
                }
                Ok(())
            }

            /// Takes what the file says.
            pub fn read<'de, D: Deserializer<'de>>(&mut self, row: &Row, said: D) -> Result<(), D::Error> {
                match row.key {
                    $($key => {
                        let value = <$type as Value>::of_file(Deserialize::deserialize(said)?);
                        self.$field = Some(Setting { value, source: Source::File });
                        Ok(())
                    })*
                    key => Err(D::Error::custom(format!("unknown setting `{key}`"))),
                }
            }

            /// Says where all that it says comes from.
            pub(in crate::config) fn set_source(&mut self, source: Source) {
                $(if let Some(setting) = &mut self.$field {
                    setting.source = source;
                })*
            }

            /// This layer on top of another.
            pub fn over(&self, below: &Self) -> Self {
                Self { $($field: self.$field.clone().or_else(|| below.$field.clone()),)* }
            }

            /// What it says, without the types.
            pub fn said(&self) -> impl Iterator<Item = (&'static Row, Plain)> {
                let said = [$(self.$field.as_ref().map(|setting| setting.value.plain()),)*];
                ROWS.iter().zip(said).filter_map(|(row, value)| Some((row, value?)))
            }
        }

        /// Everything that the file, variables and flags can set for a plan and a run.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = concat!("`", $key, "`")] pub $field: Setting<$type>,)*
            /// Parameters that variables and flags set, on top of those of the policy's table.
            pub params: BTreeMap<String, Setting<String>>,
            /// The resources that the operator releases from quarantine.
            pub release: Vec<String>,
        }

        impl Settings {
            /// What is in force where all layers are put together, and where nothing else is set.
            pub fn new(layers: Layer) -> Self {
                Self {
                    $($field: layers.$field.unwrap_or_else(|| Setting {
                        value: $default,
                        source: Source::Default,
                    }),)*
                    params: BTreeMap::new(),
                    release: Vec::new(),
                }
            }

            /// All of them, without the types.
            pub fn all(&self) -> impl Iterator<Item = (&'static Row, Setting<Plain>)> {
                let all = [$(Setting { value: self.$field.value.plain(), source: self.$field.source },)*];
                ROWS.iter().zip(all)
            }
        }
    };
}
pub(crate) use settings;
