//! How much a call may use.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

use super::value::{parse_duration, parse_size};

/// How much a policy may use in one call. Times and sizes are written like `30s` and `256MiB`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes of memory, over all memories of the component.
    #[serde(with = "size")]
    pub memory: u64,
    /// How long `describe` and `configure` may take.
    #[serde(with = "duration")]
    pub describe_timeout: Duration,
    /// How long `decide` may take for one batch.
    #[serde(with = "duration")]
    pub decide_timeout: Duration,
    /// How long `retry` may take.
    #[serde(with = "duration")]
    pub retry_timeout: Duration,
    /// Fuel of a call, about one per instruction. Unlike time it is spent alike on every machine.
    pub fuel: u64,
    /// Fuel of `decide` on top, for each resource.
    pub fuel_per_resource: u64,
    /// Fuel of `retry`.
    pub retry_fuel: u64,
    /// Bytes that a guest may hand to the host in one call.
    #[serde(with = "size")]
    pub output: u64,
    /// Bytes on top in `decide`, for each resource.
    #[serde(with = "size")]
    pub output_per_resource: u64,
    /// Lines of log that are kept.
    pub log_lines: usize,
    /// Bytes of log that are kept.
    #[serde(with = "size")]
    pub log_bytes: u64,
    /// Bytes of standard output and error that are kept.
    #[serde(with = "size")]
    pub stderr_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            describe_timeout: Duration::from_secs(2),
            decide_timeout: Duration::from_secs(30),
            retry_timeout: Duration::from_secs(1),
            fuel: 1_000_000_000,
            // The slowest language measured, Go, needs a tenth of it.
            fuel_per_resource: 2_000_000,
            retry_fuel: 200_000_000,
            output: 64 << 20,
            output_per_resource: 1 << 10,
            log_lines: 200,
            log_bytes: 64 << 10,
            stderr_bytes: 64 << 10,
        }
    }
}

impl Limits {
    /// The first limit that is higher than in another set of limits, by its key in the configuration.
    pub fn beyond(&self, other: &Self) -> Option<&'static str> {
        let higher = [
            ("memory", self.memory > other.memory),
            (
                "describe-timeout",
                self.describe_timeout > other.describe_timeout,
            ),
            ("decide-timeout", self.decide_timeout > other.decide_timeout),
            ("retry-timeout", self.retry_timeout > other.retry_timeout),
            ("fuel", self.fuel > other.fuel),
            (
                "fuel-per-resource",
                self.fuel_per_resource > other.fuel_per_resource,
            ),
            ("retry-fuel", self.retry_fuel > other.retry_fuel),
            ("output", self.output > other.output),
            (
                "output-per-resource",
                self.output_per_resource > other.output_per_resource,
            ),
            ("log-lines", self.log_lines > other.log_lines),
            ("log-bytes", self.log_bytes > other.log_bytes),
            ("stderr-bytes", self.stderr_bytes > other.stderr_bytes),
        ];
        higher
            .into_iter()
            .find_map(|(key, is_higher)| is_higher.then_some(key))
    }

    /// The fuel of `decide` for so many resources.
    pub fn decide_fuel(&self, resources: usize) -> u64 {
        per_resource(self.fuel, self.fuel_per_resource, resources)
    }

    pub(super) fn decide_output(&self, resources: usize) -> u64 {
        per_resource(self.output, self.output_per_resource, resources)
    }
}

fn per_resource(base: u64, each: u64, resources: usize) -> u64 {
    base.saturating_add(each.saturating_mul(resources as u64))
}

/// A guest that asked for more memory than it may have.
#[derive(Debug)]
pub(super) struct OutOfMemory {
    wanted: u64,
    limit: u64,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up, so that the figure is always above the limit's.
        let (wanted, limit) = (self.wanted.div_ceil(1 << 20), self.limit >> 20);
        write!(
            f,
            "asked for {wanted} MiB of memory, its limit is {limit} MiB"
        )
    }
}

impl std::error::Error for OutOfMemory {}

/// Counts the memory of one instance.
pub(super) struct Meter {
    used: u64,
    limit: u64,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Self {
        Self { used: 0, limit }
    }

    /// How many bytes it has.
    pub(super) fn used(&self) -> u64 {
        self.used
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // The guest's own maximum: it learns of that itself, and gets nothing.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let wanted = self.used + (desired - current) as u64;
        if wanted > self.limit {
            // An error and not a refusal: after a refusal a guest only traps, and nobody learns why.
            let limit = self.limit;
            return Err(OutOfMemory { wanted, limit }.into());
        }
        self.used = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        8
    }
}

/// A duration as text like `30s`.
mod duration {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(
        value: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*value))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

/// A size as a number of bytes, or text like `256MiB`.
mod size {
    use super::*;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    pub(super) fn serialize<S: serde::Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(*value)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        match Written::deserialize(from)? {
            Written::Bytes(bytes) => Ok(bytes),
            Written::Text(text) => parse_size(&text).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_write_them() {
        let limits: Limits =
            serde_json::from_str(r#"{"memory": "1GiB", "decide-timeout": "2m", "log-bytes": 10}"#)
                .unwrap();
        assert_eq!(limits.memory, 1 << 30);
        assert_eq!(limits.decide_timeout, Duration::from_secs(120));
        assert_eq!(limits.log_bytes, 10);
        assert_eq!(limits.fuel, Limits::default().fuel);
        let again: Limits = serde_json::from_str(&serde_json::to_string(&limits).unwrap()).unwrap();
        assert_eq!(again, limits);
        assert!(serde_json::from_str::<Limits>(r#"{"memroy": 1}"#).is_err());
    }

    #[test]
    fn all_memories_of_a_guest_count_together() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.memory_growing(40, 50, Some(45)).unwrap());
        let error = meter.memory_growing(40, 41, None).unwrap_err();
        assert!(error.is::<OutOfMemory>());
    }
}
