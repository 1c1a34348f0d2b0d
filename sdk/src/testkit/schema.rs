//! Holds the answers of a plugin against the JSON schema of the protocol.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use serde_json::Value;

use crate::kind::Kind;
use crate::time::Timestamp;

/// The JSON schema of every document, as it is beside the protocol.
pub const SCHEMA: &str = include_str!("../../protocol/v2.schema.json");

/// Where a document does not fit the schema, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The place, as a JSON pointer: `/resources/0/name`. Empty for the whole document.
    pub path: String,
    /// What the schema says is to be there.
    pub expected: String,
    /// What is there, shortened.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path.as_str() {
            "" => "/",
            path => path,
        };
        write!(
            f,
            "at {path}: expected {}, found {}",
            self.expected, self.found
        )
    }
}

/// Checks the answer of a method. An answer of a method that the schema does not have fits.
///
/// # Errors
/// The first violation.
pub fn check_answer(method: &str, body: &[u8]) -> Result<(), Violation> {
    let schema = &schema()["x-methods"][method]["answer"];
    if schema.is_null() {
        return Ok(());
    }
    let document: Value = serde_json::from_slice(body).map_err(|error| Violation {
        path: String::new(),
        expected: "one JSON document".into(),
        found: error.to_string(),
    })?;
    check(schema, &document, "")
}

/// Checks a document by its name in the protocol.
///
/// # Errors
/// The first violation.
pub fn check_document(name: &str, document: &Value) -> Result<(), Violation> {
    check(&schema()["$defs"][name], document, "")
}

fn schema() -> &'static Value {
    static READ: OnceLock<Value> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(SCHEMA).expect("the schema is JSON"))
}

/// Checks one value. What the schema says in words that are not known here is not checked.
fn check(schema: &Value, value: &Value, path: &str) -> Result<(), Violation> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = name.trim_start_matches("#/$defs/");
        check(&self::schema()["$defs"][target], value, path)?;
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(part, value, path)?;
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[word].as_array() {
            check_choices(choices, value, path)?;
        }
    }
    check_itself(schema, value, path)?;
    if let Some(object) = value.as_object() {
        check_object(schema, object, path)?;
    }
    let each = schema.get("items").into_iter();
    for each in each {
        for (place, item) in value.as_array().into_iter().flatten().enumerate() {
            check(each, item, &format!("{path}/{place}"))?;
        }
    }
    Ok(())
}

/// Checks what is said of a value without its parts.
fn check_itself(schema: &Value, value: &Value, path: &str) -> Result<(), Violation> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|word| is_of_type(word, value)) {
        return Err(violation(path, types.join(" or "), value));
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        return Err(violation(path, expected.to_string(), value));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        let words: Vec<String> = words.iter().map(Value::to_string).collect();
        return Err(violation(
            path,
            format!("one of {}", words.join(", ")),
            value,
        ));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        return Err(violation(path, format!("{least} or more"), value));
    }
    if let (Some(format), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        let fits = match format {
            "date-time" => text.parse::<Timestamp>().is_ok(),
            "kind" => text.parse::<Kind>().is_ok(),
            _ => true,
        };
        if !fits {
            let expected = match format {
                "kind" => "a kind: small letters, digits and single hyphens",
                _ => "a time in RFC 3339",
            };
            return Err(violation(path, expected.to_owned(), value));
        }
    }
    Ok(())
}

fn check_object(
    schema: &Value,
    object: &serde_json::Map<String, Value>,
    path: &str,
) -> Result<(), Violation> {
    for key in schema["required"].as_array().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        if !object.contains_key(key) {
            return Err(Violation {
                path: path.to_owned(),
                expected: format!("the key `{key}`"),
                found: "none".into(),
            });
        }
    }
    for (key, value) in object {
        let below = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match schema["properties"].get(key) {
            Some(of_key) => check(of_key, value, &below)?,
            None if schema["additionalProperties"].is_object() => {
                check(&schema["additionalProperties"], value, &below)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Checks that one of several schemas fits. If none does, the one that fits for longest says why.
fn check_choices(choices: &[Value], value: &Value, path: &str) -> Result<(), Violation> {
    let mut closest: Option<Violation> = None;
    for choice in choices {
        let Err(violation) = check(choice, value, path) else {
            return Ok(());
        };
        let depth = |violation: &Violation| violation.path.len();
        match &mut closest {
            Some(closest) if depth(closest) == depth(&violation) => {
                if !closest.expected.contains(&violation.expected) {
                    write!(closest.expected, " or {}", violation.expected).ok();
                }
            }
            Some(closest) if depth(closest) > depth(&violation) => {}
            closest => *closest = Some(violation),
        }
    }
    closest.map_or(Ok(()), Err)
}

fn is_of_type(word: &str, value: &Value) -> bool {
    match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn violation(path: &str, expected: String, found: &Value) -> Violation {
    const MAX_CHARS: usize = 80;
    let text = found.to_string();
    let found = match text.chars().count() > MAX_CHARS {
        true => format!("{}…", text.chars().take(MAX_CHARS).collect::<String>()),
        false => text,
    };
    Violation {
        path: path.to_owned(),
        expected,
        found,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(method: &str, document: &Value) -> String {
        let checked = check_answer(method, document.to_string().as_bytes());
        checked.map_or_else(|violation| violation.to_string(), |()| String::new())
    }

    fn page(change: impl FnOnce(&mut Value)) -> Value {
        let mut page = json!({ "resources": [{
            "identity": { "backend": "b", "account": "a", "kind": "sandbox", "native": "1" },
            "name": "one", "state": "running", "labels": { "a/b": "c" },
        }] });
        change(&mut page["resources"][0]);
        page
    }

    #[test]
    fn what_fits_is_fine_and_what_is_not_known_as_well() {
        assert_eq!(says("list", &page(|_| {})), "");
        assert_eq!(says("list", &page(|one| one["new-key"] = json!(1))), "");
        assert_eq!(says("no-such-method", &json!(42)), "");
        assert_eq!(says("get", &json!({ "resource": null })), "");
        assert_eq!(says("stop", &json!({})), "");
        assert_eq!(says("delete", &json!({ "is": "done" })), "");
        let gone = json!({ "is": "touched", "kind": "sandbox", "native": "1" });
        assert_eq!(
            says("watch", &json!({ "changes": [gone], "cursor": "1" })),
            ""
        );
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        for (method, document, expected) in [
            (
                "list",
                page(|one| one["name"] = json!(null)),
                "at /resources/0/name: expected string, found null",
            ),
            (
                "list",
                page(|one| one["identity"]["kind"] = json!("Pod")),
                "at /resources/0/identity/kind: expected a kind: small letters, digits and single hyphens, found \"Pod\"",
            ),
            (
                "list",
                page(|one| one["labels"]["a/b"] = json!(1)),
                "at /resources/0/labels/a~1b: expected string, found 1",
            ),
            (
                "list",
                page(|one| one["started"] = json!("yesterday")),
                "at /resources/0/started: expected a time in RFC 3339",
            ),
            (
                "get",
                json!({}),
                "at /: expected the key `resource`, found none",
            ),
            ("check", json!([]), "at /: expected object, found []"),
            (
                "check",
                json!({ "id": 7 }),
                "at /id: expected string, found 7",
            ),
            (
                "watch",
                json!({ "changes": [], "cursor": 1 }),
                "at /cursor: expected string, found 1",
            ),
            (
                "watch",
                json!({ "changes": [{ "is": "gone", "identity": { "backend": "b" } }], "cursor": "1" }),
                "at /changes/0/identity: expected the key",
            ),
            (
                "disks",
                json!({ "disks": [{ "name": "d", "total-bytes": -1, "free-bytes": 0 }] }),
                "at /disks/0/total-bytes: expected 0 or more, found -1",
            ),
        ] {
            let said = says(method, &document);
            assert!(said.starts_with(expected), "{method}: {said}");
        }
        let state = says("list", &page(|one| one["state"] = json!("asleep")));
        assert!(
            state.starts_with("at /resources/0/state: expected one of \"pending\"")
                && state.ends_with("found \"asleep\""),
            "{state}"
        );
        let broken = check_answer("list", b"<html>").unwrap_err();
        assert_eq!(broken.expected, "one JSON document");
    }
}
