//! A body that is not what was asked for.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::failure::{incomplete, shortened};
use crate::error::{Error, ErrorKind};

/// Reads JSON.
///
/// # Errors
/// What is wrong with it, and where.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonError> {
    let error = match serde_json::from_slice(body) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match error.classify() {
        Category::Eof => Err(JsonError::Truncated),
        Category::Syntax | Category::Io => Err(JsonError::NotJson),
        // Read once more, and slower, to find out where: most answers fit.
        Category::Data => {
            let mut reader = serde_json::Deserializer::from_slice(body);
            let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
                Ok(_) => String::new(),
                Err(error) => shortened(&error.path().to_string()),
            };
            Err(JsonError::Unexpected {
                path,
                what: without_values(&error),
            })
        }
    }
}

/// A body that is not what was asked for. Nothing of the body but the names of its fields is repeated, since it may
/// hold secrets of sandboxes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It ends early.
    #[error("incomplete JSON")]
    Truncated,
    /// It is something else, like a gateway's page.
    #[error("not JSON")]
    NotJson,
    /// It is JSON of an unknown form.
    #[error("`{path}`: {what}")]
    Unexpected {
        /// Where, like `[3].memoryMB`.
        path: String,
        /// Why, like `expected u64 at line 1 column 7`.
        what: String,
    },
}

impl JsonError {
    /// The error for it. `shown` is the provider's address, and `hint` says how to change that.
    pub fn into_error(self, provider: &str, shown: &str, hint: &str) -> Error {
        match self {
            JsonError::Truncated => incomplete(shown),
            JsonError::NotJson => Error::new(
                ErrorKind::Invalid,
                format!("{shown} does not speak the {provider} API"),
            )
            .with_hint(hint),
            unexpected @ JsonError::Unexpected { .. } => Error::new(
                ErrorKind::Internal,
                format!("unexpected response format from {shown}: {unexpected}"),
            ),
        }
    }
}

/// What serde says, without the value that it found.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!("at line {} column {}", error.line(), error.column());
    // The names in these are those of our own fields.
    if text.starts_with("missing field") || text.starts_with("duplicate field") {
        return shortened(&text);
    }
    match text.rfind("expected ") {
        Some(at) => shortened(&text[at..]),
        None => format!("it does not fit {place}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sandbox {
        #[expect(dead_code, reason = "only read")]
        id: String,
        #[expect(dead_code, reason = "only read")]
        memory: Option<u64>,
        #[expect(dead_code, reason = "only read")]
        state: Option<State>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Running,
    }

    fn wrong(body: &str) -> JsonError {
        decode::<Vec<Sandbox>>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_repeated() {
        for (body, want) in [
            (
                r#"[{"id":"a"},{"id":"b","memory":"canary, expected x"}]"#,
                "`[1].memory`: expected u64 at line 1 column 51",
            ),
            (
                r#"[{"memory":7}]"#,
                "`[0]`: missing field `id` at line 1 column 13",
            ),
            (
                r#"[{"id":"a","state":"canary"}]"#,
                "`[0].state`: expected `running` at line 1 column 27",
            ),
            (
                r#"{"error":"canary"}"#,
                "`.`: expected a sequence at line 1 column 0",
            ),
        ] {
            assert_eq!(wrong(body).to_string(), want, "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_reported_from_what_is_cut_off() {
        for (body, want) in [
            ("", JsonError::Truncated),
            (r#"[{"id":"a"#, JsonError::Truncated),
            ("<html>", JsonError::NotJson),
            ("\u{1f}\u{8b}\u{8}", JsonError::NotJson),
        ] {
            assert_eq!(wrong(body), want, "{body}");
        }
    }
}
