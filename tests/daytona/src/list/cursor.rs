//! Where the next page starts: the sort key and the id of the last row, in milliseconds where the
//! database has microseconds. What that loses or repeats, the service loses or repeats.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tbengine_sdk::Timestamp;

use crate::clock::iso;
use crate::error::ApiError;
use crate::list::query::Sort;
use crate::sandbox::Sandbox;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The last row of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursor {
    /// Missing where the row had none: then the next page is empty, and rows are lost.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) sort_value: Value,
    #[serde(default)]
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn after(row: &Sandbox, sort: Sort) -> Self {
        let sort_value = match sort {
            Sort::Name => row.name.clone().into(),
            Sort::Cpu => row.cpu.into(),
            Sort::Memory => row.memory.into(),
            Sort::Disk => row.disk.into(),
            Sort::LastActivityAt => row.last_activity_at.map(iso).into(),
            _ => iso(row.created_at).into(),
        };
        Self {
            sort_value,
            id: row.id.to_string(),
        }
    }

    pub(crate) fn encode(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn decode(text: &str) -> Result<Self, ApiError> {
        BASE64
            .decode(text)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| ApiError::bad_request(format!("Invalid cursor provided: {text}")))
    }

    /// The sort value as a time, in microseconds.
    pub(crate) fn time_key(&self) -> Option<i64> {
        let time: Timestamp = self.sort_value.as_str()?.parse().ok()?;
        Some(time.as_unix_ms().saturating_mul(1000))
    }
}
