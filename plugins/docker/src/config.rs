//! The backend's table of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tbengine_sdk::backend::CALL_TIMEOUT;
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::api_version::ApiVersion;

/// The keys of a `[backends.NAME]` table with `kind = "docker"`. Without any, the daemon is the one
/// that the docker command would use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The daemon's address: `unix:///path` or `tcp://host:port`. Instead of `context`.
    pub host: Option<String>,
    /// The name of a docker context. Instead of `host`.
    pub context: Option<String>,
    /// The directory with `ca.pem`, `cert.pem` and `key.pem` for a `tcp://` address.
    pub tls_dir: Option<PathBuf>,
    /// The API version to speak, like `1.41`, instead of the newest that both sides know.
    pub api_version: Option<ApiVersion>,
    /// How long one call may take as a whole, like `60s`.
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Option<Duration>,
    /// Whether a `tcp://` address of another machine may be used without TLS.
    pub allow_plaintext: bool,
}

impl Config {
    /// How long one call may take as a whole.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout.unwrap_or(CALL_TIMEOUT)
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `Invalid` if keys contradict each other.
    pub fn check(&self) -> Result<()> {
        let wrong = |message: &str| Err(Error::new(ErrorKind::Invalid, message));
        if self.host.is_some() && self.context.is_some() {
            return wrong("set either `host` or `context`, not both");
        }
        if self.call_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return wrong("`call-timeout` must be greater than zero");
        }
        Ok(())
    }
}

fn duration<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match humantime::parse_duration(&text) {
        Ok(duration) => Ok(Some(duration)),
        Err(error) => Err(serde::de::Error::custom(format!(
            "`{text}` is not a duration like `60s`: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(table: serde_json::Value) -> Result<Config, String> {
        serde_json::from_value(table).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let config = read(json!({
            "host": "tcp://build:2376", "tls-dir": "/certs", "api-version": "1.43",
            "call-timeout": "1m 30s", "allow-plaintext": true,
        }))
        .unwrap();
        assert_eq!(config.call_timeout(), Duration::from_secs(90));
        assert_eq!(config.api_version.unwrap().to_string(), "1.43");
        assert!(config.allow_plaintext);
        config.check().unwrap();
    }

    #[test]
    fn without_keys_the_defaults_hold() {
        let config = read(json!({})).unwrap();
        assert_eq!(config.call_timeout(), CALL_TIMEOUT);
        assert!(!config.allow_plaintext);
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_errors() {
        for (table, says) in [
            (json!({"hots": "unix:///x"}), "hots"),
            (json!({"call-timeout": "soon"}), "soon"),
            (json!({"call-timeout": 60}), "string"),
            (json!({"api-version": "one"}), "one"),
            (json!({"api-version": "2.0"}), "2.0"),
        ] {
            let error = read(table).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn contradictions_are_errors() {
        for table in [
            json!({"host": "unix:///x", "context": "y"}),
            json!({"call-timeout": "0s"}),
        ] {
            let error = read(table).unwrap().check().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid);
        }
    }
}
