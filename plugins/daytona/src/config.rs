//! The backend's table of the configuration, and what the environment adds to it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tbengine_sdk::backend::CALL_TIMEOUT;
use tbengine_sdk::http::{Endpoint, Url};
use tbengine_sdk::{OpenRequest, Result};

use crate::error::invalid;

/// Where the hosted service listens.
const HOSTED: &str = "https://app.daytona.io/api";

/// The keys of a `[backends.NAME]` table with `kind = "daytona"`. What is missing comes from the
/// variables that Daytona's own tools read: `DAYTONA_API_URL`, `DAYTONA_TARGET`, `DAYTONA_API_KEY`, or
/// `DAYTONA_JWT_TOKEN` with `DAYTONA_ORGANIZATION_ID`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The address of the API, like `https://app.daytona.io/api`. It decides where the credential is
    /// sent, so it never comes from a project's file.
    pub api_url: Option<String>,
    /// The only region to look at, like `us`. Volumes belong to no region.
    pub target: Option<String>,
    /// Labels that a sandbox must all have to be listed, for an organization of which only a part is
    /// one's own. The service filters by them, and its answer is filtered again here. Snapshots and volumes
    /// have no labels, and are listed all the same.
    pub labels: BTreeMap<String, String>,
    /// The id of the organization. Needed with a token; with a key, what the key must belong to.
    pub organization: Option<String>,
    /// A file that holds the key: absolute, the user's own, and readable by nobody else.
    pub api_key_file: Option<PathBuf>,
    /// A file with certificates of authorities to trust beside the system's, in PEM: absolute.
    pub ca_file: Option<PathBuf>,
    /// The address of an HTTP proxy. Without it, none is used, whatever the environment says.
    pub proxy: Option<String>,
    /// How long one call may take as a whole, like `60s`.
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Option<Duration>,
}

/// What the table and the environment say together.
pub(crate) struct Settings {
    pub(crate) endpoint: Endpoint,
    pub(crate) target: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) organization: Option<String>,
    pub(crate) api_key_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) proxy: Option<Url>,
    pub(crate) call_timeout: Duration,
}

impl Settings {
    /// Puts table and environment together.
    ///
    /// # Errors
    /// `Invalid` if the table does not fit, or a value is none that can be used.
    pub(crate) fn new(request: &OpenRequest) -> Result<Self> {
        let config: Config = request.config()?;
        if config.call_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(invalid("`call-timeout` must be greater than zero"));
        }
        // The service takes an empty one for none at all.
        if config
            .labels
            .iter()
            .any(|(key, value)| key.is_empty() || value.is_empty())
        {
            return Err(invalid("`labels` has an empty key or value"));
        }
        for (key, path) in [
            ("api-key-file", &config.api_key_file),
            ("ca-file", &config.ca_file),
        ] {
            if let Some(path) = path.as_deref().filter(|path| !path.is_absolute()) {
                return Err(invalid(format!(
                    "`{key}` must be an absolute path, not `{}`",
                    path.display()
                )));
            }
        }
        let given = |value: Option<String>, variable: &str| {
            value
                .or_else(|| request.variable(variable).map(str::to_owned))
                .filter(|value| !value.is_empty())
        };
        let url = given(config.api_url, "DAYTONA_API_URL");
        let endpoint = Endpoint::parse(url.as_deref().unwrap_or(HOSTED))?;
        let proxy = config.proxy.as_deref().map(proxy).transpose()?;
        if proxy.is_some() && endpoint.is_plain() {
            return Err(invalid(
                "`proxy` with an http API address would expose the credential to the proxy; use https or no proxy",
            ));
        }
        Ok(Self {
            endpoint,
            target: given(config.target, "DAYTONA_TARGET"),
            labels: config.labels,
            organization: given(config.organization, "DAYTONA_ORGANIZATION_ID"),
            api_key_file: config.api_key_file,
            ca_file: config.ca_file,
            proxy,
            call_timeout: config.call_timeout.unwrap_or(CALL_TIMEOUT),
        })
    }
}

fn proxy(text: &str) -> Result<Url> {
    let url: Url = text
        .parse()
        .map_err(|error| invalid(format!("`proxy` is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid("`proxy` must be an http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("`proxy` must not contain a password"));
    }
    Ok(url)
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
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tbengine_sdk::{ErrorKind, Timestamp};

    use super::*;

    fn settings(table: Value, environment: &[(&str, &str)]) -> Result<Settings> {
        Settings::new(&OpenRequest {
            name: "daytona".into(),
            config: table,
            environment: Arc::new(
                environment
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
            ),
            now: Timestamp::from_unix_seconds(0),
        })
    }

    #[test]
    fn without_anything_the_hosted_service_is_meant() {
        let settings = settings(Value::Null, &[("DAYTONA_API_URL", "")]).unwrap();
        assert_eq!(settings.endpoint.shown(), HOSTED);
        assert_eq!(settings.call_timeout, CALL_TIMEOUT);
        assert_eq!(settings.target, None);
    }

    #[test]
    fn the_table_goes_before_the_environment() {
        let environment = [
            ("DAYTONA_API_URL", "https://one.example/api"),
            ("DAYTONA_TARGET", "eu"),
            ("DAYTONA_ORGANIZATION_ID", "org-1"),
        ];
        let from_environment = settings(json!({}), &environment).unwrap();
        assert_eq!(from_environment.endpoint.shown(), "https://one.example/api");
        assert_eq!(from_environment.target.as_deref(), Some("eu"));
        assert_eq!(from_environment.organization.as_deref(), Some("org-1"));
        let table = json!({
            "api-url": "https://two.example/api/", "target": "us", "organization": "org-2",
            "call-timeout": "1m 30s",
        });
        let from_table = settings(table, &environment).unwrap();
        assert_eq!(from_table.endpoint.shown(), "https://two.example/api");
        assert_eq!(from_table.target.as_deref(), Some("us"));
        assert_eq!(from_table.organization.as_deref(), Some("org-2"));
        assert_eq!(from_table.call_timeout, Duration::from_secs(90));
    }

    #[test]
    fn wrong_tables_are_errors_that_name_the_key() {
        for (table, says) in [
            (json!({"api_url": "https://x"}), "api_url"),
            (json!({"api-key": "dtn_secret"}), "api-key"),
            (json!({"call-timeout": "soon"}), "soon"),
            (json!({"call-timeout": "0s"}), "call-timeout"),
            (json!({"api-key-file": "key"}), "api-key-file"),
            (json!({"labels": {"team": ""}}), "labels"),
            (json!({"labels": {"": "x"}}), "labels"),
            (json!({"api-url": "ftp://x"}), "ftp"),
            (json!({"proxy": "x"}), "proxy"),
            (json!({"proxy": "socks5://x"}), "proxy"),
            (json!({"proxy": "http://me:hunter2@x"}), "proxy"),
            (
                json!({"proxy": "http://x", "api-url": "http://localhost:3000/api"}),
                "proxy",
            ),
        ] {
            let error = settings(table, &[]).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(says), "{error}");
            assert!(!error.message.contains("hunter2"), "{error}");
        }
    }
}
