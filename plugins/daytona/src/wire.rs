//! The service's JSON, as far as we read it, and no stricter: every field may be missing, `null` or of
//! an odd type, and then counts as not said. Environment variables are never read: they hold secrets.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tbengine_sdk::{Timestamp, Unreadable};

/// A page of sandboxes, or all of them: before 0.180 the same path answered a bare array.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum SandboxPage {
    Page(CursorPage),
    Everything(Rows<Sandbox>),
}

impl SandboxPage {
    /// The rows, and where the next page begins.
    pub(crate) fn into_parts(self) -> (Rows<Sandbox>, Option<String>) {
        match self {
            Self::Page(page) => (page.items, page.next_cursor),
            Self::Everything(rows) => (rows, None),
        }
    }
}

/// The rows of a listing, each read by itself: an odd one spoils none of the others.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    pub(crate) read: Vec<T>,
    /// Those that do not fit.
    pub(crate) odd: Vec<Unreadable>,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut rows = Self {
            read: Vec::new(),
            odd: Vec::new(),
        };
        for row in Vec::<Value>::deserialize(deserializer)? {
            let shown = ["id", "name"]
                .iter()
                .find_map(|key| Some(row.get(key)?.as_str()?.chars().take(80).collect()));
            match serde_json::from_value(row) {
                Ok(row) => rows.read.push(row),
                // Without what it found there, which may be a secret.
                Err(_) => rows.odd.push(unreadable(shown.unwrap_or_default())),
            }
        }
        Ok(rows)
    }
}

/// A row that cannot be read.
pub(crate) fn unreadable(shown: String) -> Unreadable {
    Unreadable {
        shown: match shown.as_str() {
            "" => "(no id)".to_owned(),
            _ => shown,
        },
        message:
            "unexpected response format: the service shows it without an id, or in another form"
                .into(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CursorPage {
    pub(crate) items: Rows<Sandbox>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Sandbox {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) organization_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) target: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "word")]
    pub(crate) desired_state: Option<String>,
    /// The machine that it is on.
    #[serde(deserialize_with = "lenient")]
    pub(crate) runner_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) snapshot: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) error_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) recoverable: Option<bool>,
    #[serde(alias = "class", deserialize_with = "lenient")]
    pub(crate) sandbox_class: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) backup_state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) cpu: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) gpu: Option<f64>,
    /// In GiB.
    #[serde(deserialize_with = "lenient")]
    pub(crate) memory: Option<f64>,
    /// In GiB.
    #[serde(deserialize_with = "lenient")]
    pub(crate) disk: Option<f64>,
    #[serde(deserialize_with = "labels")]
    pub(crate) labels: BTreeMap<String, String>,
    /// The intervals are in minutes.
    #[serde(deserialize_with = "lenient")]
    pub(crate) auto_stop_interval: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) auto_pause_interval: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) auto_archive_interval: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) auto_delete_interval: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) auto_destroy_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) created_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) updated_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) last_activity_at: Option<String>,
    /// Set while it waits, unclaimed, in a pool of the service.
    #[serde(deserialize_with = "lenient")]
    pub(crate) warm_pool_id: Option<String>,
    /// The sandbox with which it is deleted. Only single reads say so.
    #[serde(deserialize_with = "lenient")]
    pub(crate) linked_sandbox_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotPage {
    pub(crate) items: Rows<Snapshot>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) total_pages: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Snapshot {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) organization_id: Option<String>,
    /// Whether it is Daytona's own. What does not say is taken for Daytona's.
    #[serde(deserialize_with = "lenient")]
    pub(crate) general: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) image_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) error_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) source_sandbox_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) region_ids: Option<Vec<String>>,
    /// In GiB.
    #[serde(deserialize_with = "lenient")]
    pub(crate) size: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) created_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) last_used_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) organization_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) error_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) created_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) last_used_at: Option<String>,
}

/// What the service says about the key itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ApiKey {
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: Option<String>,
    /// The key with most of it hidden, if the service does as it should.
    #[serde(deserialize_with = "lenient")]
    pub(crate) value: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) permissions: Option<Vec<String>>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) expires_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) organization_id: Option<String>,
}

/// A time, unless it is missing, unreadable or one of those that stand for "never".
pub(crate) fn time(text: Option<&str>) -> Option<Timestamp> {
    text?
        .parse::<Timestamp>()
        .ok()
        .filter(|time| time.as_unix_ms() > 0)
}

/// A value of its type, or nothing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// A word; a value that is not text is given as it is written, which no list of known words contains.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Labels are texts; any other value is read as it is written, since what carries a label keeps its protection. `null`
/// is none.
fn labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = match Value::deserialize(deserializer)? {
        Value::Object(labels) => labels,
        Value::Null => return Ok(BTreeMap::new()),
        _ => return Err(D::Error::custom("labels that are none")),
    };
    Ok(labels
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Null => None,
            other => Some((key, other.to_string())),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_null_and_odd_fields_count_as_not_said() {
        let sandbox: Sandbox = serde_json::from_value(json!({
            "id": "x", "state": null, "cpu": "2", "memory": 1.5, "labels": null, "createdAt": 17,
            "recoverable": "yes", "autoStopInterval": null, "kvm": {"a": 1},
        }))
        .unwrap();
        assert_eq!(sandbox.id.as_deref(), Some("x"));
        assert_eq!(sandbox.memory, Some(1.5));
        assert!(sandbox.state.is_none() && sandbox.cpu.is_none() && sandbox.labels.is_empty());
        assert!(sandbox.created_at.is_none() && sandbox.recoverable.is_none());
    }

    #[test]
    fn both_forms_of_a_listing_are_read() {
        let page: SandboxPage =
            serde_json::from_value(json!({"items": [{}], "nextCursor": "c"})).unwrap();
        assert!(
            matches!(page, SandboxPage::Page(page) if page.next_cursor.as_deref() == Some("c") && page.items.read.len() == 1)
        );
        let everything: SandboxPage = serde_json::from_value(json!([{}, {}])).unwrap();
        assert!(matches!(everything, SandboxPage::Everything(rows) if rows.read.len() == 2));
        for other in [json!({}), json!("x"), json!({"items": "x"})] {
            assert!(serde_json::from_value::<SandboxPage>(other).is_err());
        }
    }

    #[test]
    fn labels_are_texts() {
        let sandbox: Sandbox = serde_json::from_value(json!({
            "labels": {"a": "b", "n": 1, "t": true, "none": null, "deep": {"x": "y"}, "": ""},
        }))
        .unwrap();
        let labels: Vec<(&str, &str)> = sandbox
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let deep = ("deep", r#"{"x":"y"}"#);
        assert_eq!(
            labels,
            [("", ""), ("a", "b"), deep, ("n", "1"), ("t", "true")]
        );
    }

    #[test]
    fn an_odd_row_spoils_none_of_the_others() {
        let page: SandboxPage = serde_json::from_value(
            json!({"items": [{"id": "a"}, 1, {"id": "b", "labels": "x"}, null, {"id": "c"}]}),
        )
        .unwrap();
        let (rows, _) = page.into_parts();
        let ids: Vec<_> = rows.read.iter().map(|row| row.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), Some("c")]);
        let odd: Vec<_> = rows.odd.iter().map(|odd| odd.shown.as_str()).collect();
        assert_eq!(odd, ["(no id)", "b", "(no id)"]);
    }

    #[test]
    fn times_that_mean_never_are_none() {
        assert!(time(Some("2026-01-02T03:04:05.678Z")).is_some());
        for text in ["", "soon", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
            assert_eq!(time(Some(text)), None, "{text}");
        }
        assert_eq!(time(None), None);
    }
}
