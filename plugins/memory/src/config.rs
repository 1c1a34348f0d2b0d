//! The backend's table of the configuration.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tbengine_sdk::Timestamp;

use crate::faults::FaultRates;

/// How many resources a simulated host holds unless the configuration says otherwise: one of every
/// sort that [`seed`](crate::seed) knows.
pub const DEFAULT_RESOURCES: usize = 40;

/// The configuration of a simulated provider.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MemoryConfig {
    /// Equal seeds give equal inventories, as long as they are opened at the same time.
    pub seed: u64,
    /// When the host was left behind: what the ages of the resources count from. Unset is when it is
    /// opened; a time lets two openings find the very same resources.
    pub since: Option<Timestamp>,
    /// How many resources there are.
    pub resources: usize,
    /// How many records the build cache has besides, each made from the one before.
    pub build_cache: usize,
    /// How many labels each resource has at the least; unset leaves the natural ones.
    pub labels: Option<usize>,
    /// How many bytes the value of one more label of each resource has: text that deceives a terminal.
    pub hostile_label: usize,
    /// How long one call takes, like `20ms`.
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    /// What tells this provider from another one with the same seed; without, two of one seed are one account.
    pub server: Option<String>,
    /// How many milliseconds its clock is ahead of its calendar.
    pub skew_ms: i64,
    /// How often calls fail.
    pub faults: FaultRates,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            since: None,
            resources: DEFAULT_RESOURCES,
            build_cache: 0,
            labels: None,
            hostile_label: 0,
            latency: Duration::ZERO,
            server: None,
            skew_ms: 0,
            faults: FaultRates::default(),
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("`{text}` is not a duration like `20ms`: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_table_gives_the_defaults() {
        let config: MemoryConfig = serde_json::from_value(json!({})).unwrap();
        assert_eq!(config, MemoryConfig::default());
    }

    #[test]
    fn every_key_is_read() {
        let config: MemoryConfig = serde_json::from_value(json!({
            "seed": 7, "resources": 100, "labels": 8, "hostile-label": 9, "latency": "1s 20ms", "skew-ms": -5,
            "faults": { "transient": 0.1, "rate-limited": 0.2, "unavailable": 0.3, "reply-lost": 0.4, "only": "delete" },
            "since": "2026-01-31T12:00:00Z",
        }))
        .unwrap();
        assert_eq!(config.latency, Duration::from_millis(1020));
        assert_eq!(
            (config.seed, config.resources, config.labels),
            (7, 100, Some(8))
        );
        assert_eq!(config.hostile_label, 9);
        assert_eq!(config.skew_ms, -5);
        assert_eq!(
            (config.faults.rate_limited, config.faults.reply_lost),
            (0.2, 0.4)
        );
        assert_eq!(
            config.since,
            Some(Timestamp::from_unix_seconds(1_769_860_800))
        );
        assert_eq!(config.faults.only, Some(crate::Operation::Delete));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (table, named) in [
            (json!({ "sede": 1 }), "sede"),
            (json!({ "latency": "fast" }), "fast"),
            (json!({ "seed": -1 }), "-1"),
            (json!({ "faults": { "transient": 1.5 } }), "1.5"),
            (json!({ "faults": { "transeint": 0.5 } }), "transeint"),
        ] {
            let error = serde_json::from_value::<MemoryConfig>(table).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
