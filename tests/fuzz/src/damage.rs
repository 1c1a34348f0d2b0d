//! What can be wrong with one value of a document.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is done to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// It is not there.
    Dropped,
    /// It is `null`.
    Nulled,
    /// It is a value of another type.
    Retyped,
    /// It is an object where there was none, and the other way round.
    Nested,
    /// It is the number with the other sign.
    Negated,
    /// It is far larger than it was.
    Enlarged,
    /// It is there twice.
    Duplicated,
    /// Its end is missing.
    Truncated,
    /// Nothing is left in it.
    Emptied,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Dropped,
        Self::Nulled,
        Self::Retyped,
        Self::Nested,
        Self::Negated,
        Self::Enlarged,
        Self::Duplicated,
        Self::Truncated,
        Self::Emptied,
    ];

    /// Whether it leaves a document in which nothing shows that anything was ever there.
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Dropped | Self::Nulled | Self::Emptied)
    }

    /// Does it to the value at a place of a document. `false` if it changes nothing there.
    pub fn inflict(self, document: &mut Value, place: &str) -> bool {
        let before = document.pointer(place).cloned();
        let Some(before) = before else {
            return false;
        };
        if let Some((parent, key)) = place.rsplit_once('/')
            && let Some(parent) = document.pointer_mut(parent)
        {
            match self {
                Self::Dropped => return drop_member(parent, &unescaped(key)),
                Self::Duplicated if duplicate_member(parent, &unescaped(key)) => return true,
                _ => {}
            }
        }
        let Some(value) = document.pointer_mut(place) else {
            return false;
        };
        match self.changed(&before) {
            Some(changed) if changed != before => {
                *value = changed;
                true
            }
            _ => false,
        }
    }

    fn changed(self, before: &Value) -> Option<Value> {
        let long = 200;
        Some(match (self, before) {
            (Self::Nulled, _) => Value::Null,
            (Self::Retyped, Value::String(_)) => 7.into(),
            (Self::Retyped, Value::Object(_)) => Value::Array(vec!["odd".into()]),
            (Self::Retyped, _) => "odd".into(),
            (Self::Nested, Value::Object(_)) => Value::Bool(true),
            (Self::Nested, other) => serde_json::json!({ "odd": other }),
            (Self::Negated, Value::Number(number)) => match number.as_i64() {
                Some(0) => (-1).into(),
                Some(number) => number.wrapping_neg().into(),
                None => (-number.as_f64()?).into(),
            },
            (Self::Enlarged, Value::Number(_)) => u64::MAX.into(),
            (Self::Enlarged, Value::String(text)) => text.repeat(long).into(),
            (Self::Enlarged, Value::Array(items)) => {
                let items = std::iter::repeat_n(items, long).flatten();
                items.cloned().collect()
            }
            (Self::Duplicated, Value::String(text)) => text.repeat(2).into(),
            (Self::Truncated, Value::String(text)) => {
                let half = text.chars().count() / 2;
                text.chars().take(half).collect::<String>().into()
            }
            (Self::Truncated, Value::Array(items)) => {
                Value::Array(items[..items.len().checked_sub(1)?].to_vec())
            }
            (Self::Emptied, Value::String(_)) => "".into(),
            (Self::Emptied, Value::Array(_)) => Value::Array(Vec::new()),
            (Self::Emptied, Value::Object(_)) => Map::new().into(),
            (Self::Emptied, Value::Number(_)) => 0.into(),
            _ => return None,
        })
    }
}

fn drop_member(parent: &mut Value, key: &str) -> bool {
    match parent {
        Value::Object(members) => members.remove(key).is_some(),
        Value::Array(items) => match key.parse() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// What is in a list is there twice. A member of an object cannot be.
fn duplicate_member(parent: &mut Value, key: &str) -> bool {
    match (parent, key.parse::<usize>()) {
        (Value::Array(items), Ok(index)) if index < items.len() => {
            items.insert(index, items[index].clone());
            true
        }
        _ => false,
    }
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// The places of all values of a document, as JSON pointers. The document itself is the empty one.
pub fn places(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(document, String::new(), &mut found);
    found
}

fn collect(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{place}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(member, format!("{place}/{key}"), found);
            }
        }
        _ => {}
    }
    found.push(place);
}
