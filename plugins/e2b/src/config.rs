//! The backend's table, and the key.

use std::fmt;

use reqwest::Url;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tbengine_sdk::{Error, ErrorKind, OpenRequest, Result};

/// Where the service is unless the configuration says otherwise.
const SERVICE: &str = "https://api.e2b.app";
/// The variable that holds the key.
const KEY: &str = "E2B_API_KEY";

/// What `[backends.NAME]` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    /// Where the service is.
    api_url: Option<String>,
    /// The team that the key belongs to, to tell accounts apart. The service does not say it; unset, a
    /// digest of the key stands for it.
    team: Option<String>,
}

/// Where the service is, and who asks.
pub(crate) struct Settings {
    pub(crate) service: Url,
    pub(crate) key: Key,
    pub(crate) account: String,
}

/// A key that is never shown.
pub(crate) struct Key(pub(crate) String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Settings {
    pub(crate) fn new(request: &OpenRequest) -> Result<Self> {
        let table: Table = request.config()?;
        let key = request.variable(KEY).map(str::trim).unwrap_or_default();
        if key.is_empty() {
            let text = format!("{KEY} is not set");
            return Err(Error::new(ErrorKind::Denied, text).with_hint(format!(
                "set {KEY}, and pass it on: env = [\"{KEY}\"] in the table of the plugin"
            )));
        }
        let account = table.team.unwrap_or_else(|| {
            let digest = hex::encode(Sha256::digest(key));
            format!("key-{}", &digest[..12])
        });
        Ok(Self {
            service: service(table.api_url.as_deref().unwrap_or(SERVICE))?,
            key: Key(key.to_owned()),
            account,
        })
    }
}

fn service(text: &str) -> Result<Url> {
    let invalid = |reason: &str| {
        Err(Error::new(
            ErrorKind::Invalid,
            format!("`api-url` {reason}"),
        ))
    };
    let Ok(url) = text.parse::<Url>() else {
        return invalid("is not a URL like https://api.e2b.app");
    };
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        "http" => invalid("would send the key unencrypted; use https"),
        _ => invalid("is not a URL like https://api.e2b.app"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_in_the_clear_to_this_machine_only() {
        for fine in [
            "https://api.e2b.app",
            "http://127.0.0.1:1",
            "http://localhost",
        ] {
            service(fine).unwrap();
        }
        for wrong in ["http://api.e2b.app", "ftp://x", "api.e2b.app", ""] {
            assert_eq!(
                service(wrong).unwrap_err().kind,
                ErrorKind::Invalid,
                "{wrong}"
            );
        }
    }
}
