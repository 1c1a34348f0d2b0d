//! Describing parameters, and reading their values.

use std::fmt;
use std::time::Duration;

use crate::types::{Description, Judging, Param, ParamType, Selection};

/// A description without parameters.
pub fn describe(name: &str, version: &str, summary: &str, judging: Judging) -> Description {
    Description {
        name: name.to_owned(),
        version: version.to_owned(),
        summary: summary.to_owned(),
        params: Vec::new(),
        judging,
    }
}

impl Description {
    /// Adds a parameter that may be left out. The default is written as a user would write it.
    #[must_use]
    pub fn param(
        mut self,
        name: &str,
        r#type: ParamType,
        default: Option<&str>,
        doc: &str,
    ) -> Self {
        self.params.push(Param {
            name: name.to_owned(),
            type_: r#type,
            doc: doc.to_owned(),
            default: default.map(str::to_owned),
            required: false,
        });
        self
    }

    /// Adds a parameter that the user must set.
    #[must_use]
    pub fn required_param(mut self, name: &str, r#type: ParamType, doc: &str) -> Self {
        self = self.param(name, r#type, None, doc);
        if let Some(param) = self.params.last_mut() {
            param.required = true;
        }
        self
    }
}

/// Asks for these keys only.
pub fn keys<I: IntoIterator<Item: Into<String>>>(keys: I) -> Selection {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    if keys.is_empty() {
        Selection::Nothing
    } else {
        Selection::Only(keys)
    }
}

/// The parameters that are in force, as the host wrote them.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

/// A parameter whose value makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamError {
    /// Its name.
    pub param: String,
    /// What is wrong with its value.
    pub message: String,
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.param, self.message)
    }
}

impl std::error::Error for ParamError {}

impl ParamError {
    /// An error about one parameter.
    pub fn new(param: &str, message: impl Into<String>) -> Self {
        Self {
            param: param.to_owned(),
            message: message.into(),
        }
    }
}

impl Params {
    /// Values by name, as the host sends them.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The text of a value.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// A value, or `None` if it is not set and has no default.
    ///
    /// # Errors
    /// If the text is not of the type asked for: then the description names another type.
    pub fn get<T: FromParam>(&self, name: &str) -> Result<Option<T>, ParamError> {
        self.text(name)
            .map(|text| {
                T::from_param(text)
                    .ok_or_else(|| ParamError::new(name, format!("`{text}` is not {}", T::WHAT)))
            })
            .transpose()
    }

    /// A value that is always there, because its parameter is required or has a default.
    ///
    /// # Errors
    /// If it is missing, or not of the type asked for.
    pub fn required<T: FromParam>(&self, name: &str) -> Result<T, ParamError> {
        self.get(name)?
            .ok_or_else(|| ParamError::new(name, "not set"))
    }
}

/// What a value of a parameter can be read as.
pub trait FromParam: Sized {
    /// What it is, after "is not".
    const WHAT: &'static str;

    /// Reads it as the host writes it.
    fn from_param(text: &str) -> Option<Self>;
}

macro_rules! parsed {
    ($($type:ty: $what:literal,)*) => {
        $(impl FromParam for $type {
            const WHAT: &'static str = $what;

            fn from_param(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}

parsed! {
    String: "a text",
    bool: "true or false",
    u32: "a whole number below 2^32",
    u64: "a whole number",
    f64: "a number",
}

impl FromParam for Duration {
    const WHAT: &'static str = "a number of milliseconds";

    fn from_param(text: &str) -> Option<Self> {
        text.parse().ok().map(Duration::from_millis)
    }
}

impl FromParam for Vec<String> {
    const WHAT: &'static str = "words";

    fn from_param(text: &str) -> Option<Self> {
        Some(text.split(',').map(str::to_owned).collect())
    }
}
