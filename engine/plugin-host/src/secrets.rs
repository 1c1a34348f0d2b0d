//! Values that no message of a plugin may show.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tbengine_sdk::Error;

/// Anything shorter occurs in messages by itself, and is not a secret worth that name.
const MIN_SECRET: usize = 6;

/// The values of the variables that a plugin is given, with their names. Plugins quote them in what they say, such as
/// `key sk-0123 was refused`; the host shows `<MY_API_KEY>` there.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<[(String, String)]>);

impl Secrets {
    /// The values of these variables.
    pub(crate) fn of(environment: &BTreeMap<String, String>) -> Self {
        let long = environment
            .iter()
            .filter(|(name, value)| value.len() >= MIN_SECRET && *name != "PATH");
        let mut all: Vec<_> = long
            .map(|(name, value)| (value.clone(), format!("<{name}>")))
            .collect();
        // One that contains another goes first.
        all.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self(all.into())
    }

    /// A text without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        let all = self.0.iter();
        all.fold(text.to_owned(), |text, (value, name)| {
            text.replace(value, name)
        })
    }

    /// An error without them.
    pub(crate) fn hide_in(&self, mut error: Error) -> Error {
        error.message = self.hide(&error.message);
        error.code = error.code.map(|code| self.hide(&code));
        error.hint = error.hint.map(|hint| self.hide(&hint));
        error
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(_, name)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::ErrorKind;

    use super::*;

    #[test]
    fn values_of_variables_are_shown_by_their_names() {
        let environment = [
            ("KEY", "topsecret"),
            ("WHOLE_KEY", "topsecret-123"),
            ("REGION", "eu"),
            ("PATH", "/usr/bin:/bin"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of(&environment.into());
        let error = Error::new(
            ErrorKind::Denied,
            "key topsecret-123 refused in eu, topsecret as well; PATH is /usr/bin:/bin",
        );
        let error = secrets.hide_in(error.with_hint("set topsecret anew"));
        assert_eq!(
            error.message,
            "key <WHOLE_KEY> refused in eu, <KEY> as well; PATH is /usr/bin:/bin"
        );
        assert_eq!(error.hint.as_deref(), Some("set <KEY> anew"));
        let shown = format!("{secrets:?}");
        assert!(!shown.contains("topsecret"), "{shown}");
    }
}
