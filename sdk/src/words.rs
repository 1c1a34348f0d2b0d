//! Types of which each value is a word.

/// Makes such a type: `words! { Kind: "kind of resource" { Container => "container", … } }`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $what:literal { $($(#[$case_doc:meta])* $case:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &'static [Self] = &[$(Self::$case,)*];

            /// The word for it in text, JSON and on the command line.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }
        }

        #[cfg(feature = "schema")]
        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|value| value.word()).collect();
                ::schemars::json_schema!({ "type": "string", "enum": words })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.word() == text).ok_or_else(|| {
                    $crate::words::UnknownWord::new($what, text, Self::ALL.iter().map(|value| value.word()))
                })
            }
        }
    };
}

pub(crate) use words;

/// A word that is none of those allowed.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a {what}; known: {known}")]
pub struct UnknownWord {
    what: &'static str,
    text: String,
    known: String,
}

impl UnknownWord {
    pub(crate) fn new(
        what: &'static str,
        text: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> Self {
        Self {
            what,
            text: text.chars().take(40).collect(),
            known: known.collect::<Vec<_>>().join(", "),
        }
    }
}
