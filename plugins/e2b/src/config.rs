//! The backend's table, and the key.

use serde::Deserialize;
use tbengine_sdk::http::{Endpoint, Secret};
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
    pub(crate) service: Endpoint,
    pub(crate) key: Secret,
    pub(crate) account: String,
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
        let key = Secret::new(key, KEY)?;
        Ok(Self {
            service: Endpoint::parse(table.api_url.as_deref().unwrap_or(SERVICE))?,
            account: table.team.unwrap_or_else(|| key.fingerprint("e2b")),
            key,
        })
    }
}
