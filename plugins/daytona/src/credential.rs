//! The key or token, and where it comes from. Nothing here ever shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use http::HeaderValue;
use sha2::{Digest, Sha256};
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::config::Settings;
use crate::error::invalid;

const MAX_SECRET: u64 = 64 << 10;

/// What proves to the service who we are.
pub(crate) struct Credential {
    secret: Secret,
    /// The organization that a token speaks for. A key belongs to one, and needs no naming.
    pub(crate) organization: Option<HeaderValue>,
}

struct Secret(String);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(hidden)")
    }
}

impl Credential {
    /// Finds the credential: the file that is configured, else the key of the environment, else its token.
    ///
    /// # Errors
    /// `Denied` if there is none, `Invalid` if it cannot be used.
    pub(crate) fn find(
        settings: &Settings,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let variable = |name: &str| {
            environment
                .get(name)
                .filter(|value| !value.trim().is_empty())
        };
        if let Some(path) = &settings.api_key_file {
            return Self::key(&read_private(path)?, "api-key-file");
        }
        if let Some(key) = variable("DAYTONA_API_KEY") {
            return Self::key(key, "DAYTONA_API_KEY");
        }
        let Some(token) = variable("DAYTONA_JWT_TOKEN") else {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("no credentials for daytona at {}", settings.endpoint.shown()),
            )
            .with_hint(
                "export DAYTONA_API_KEY=dtn_…, or DAYTONA_JWT_TOKEN and DAYTONA_ORGANIZATION_ID, or set `api-key-file`",
            ));
        };
        let Some(organization) = &settings.organization else {
            return Err(
                Error::new(ErrorKind::Denied, "a token does not name the organization")
                    .with_hint("export DAYTONA_ORGANIZATION_ID=…, or set `organization`"),
            );
        };
        let organization = HeaderValue::from_str(organization)
            .map_err(|_| invalid("the organization id has invalid characters"))?;
        Ok(Self {
            secret: Secret::new(token, "DAYTONA_JWT_TOKEN")?,
            organization: Some(organization),
        })
    }

    fn key(text: &str, source: &str) -> Result<Self> {
        Ok(Self {
            secret: Secret::new(text, source)?,
            organization: None,
        })
    }

    /// Whether it is a key of the API, and not a token.
    pub(crate) fn is_key(&self) -> bool {
        self.organization.is_none()
    }

    /// The value of the `Authorization` header, marked so that no log shows it.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.secret.0))
            .expect("the secret was checked when it was read");
        value.set_sensitive(true);
        value
    }

    /// What tells two keys apart without giving them away.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"tbengine daytona account\0");
        hash.update(self.secret.0.as_bytes());
        format!("key-{}", hex::encode(&hash.finalize()[..8]))
    }

    /// A text of the service without the secret, in case the service or a gateway repeats it.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.secret.0, "<hidden>")
    }

    /// Whether a text gives the secret away.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.contains(&self.secret.0)
    }
}

impl Secret {
    fn new(text: &str, source: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(format!(
                "{source} does not contain a key or token: one word of printable ASCII"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Reads a file that only the user can read.
fn read_private(path: &Path) -> Result<String> {
    let shown = path.display();
    let broken = |error: std::io::Error| {
        Error::new(
            ErrorKind::Denied,
            format!("the key cannot be read from {shown}: {error}"),
        )
        .with_hint(
            "put the key into that file, or export DAYTONA_API_KEY and remove `api-key-file`",
        )
    };
    let file = File::open(path).map_err(broken)?;
    // Asked of the open file, so that what was checked is what is read.
    let metadata = file.metadata().map_err(broken)?;
    if !metadata.is_file() {
        return Err(invalid(format!("{shown} is not a file")));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(invalid(format!("{shown} belongs to another user")));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(invalid(format!("other users can read or change {shown}"))
            .with_hint(format!("run `chmod 600 {shown}`, and replace the key")));
    }
    let mut text = String::new();
    file.take(MAX_SECRET)
        .read_to_string(&mut text)
        .map_err(broken)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use serde_json::{Value, json};
    use tbengine_sdk::{OpenRequest, Timestamp};

    use super::*;

    fn find(table: Value, environment: &[(&str, &str)]) -> Result<Credential> {
        let environment: BTreeMap<String, String> = environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let settings = Settings::new(&OpenRequest {
            name: "daytona".into(),
            config: table,
            environment: Arc::new(environment.clone()),
            now: Timestamp::from_unix_seconds(0),
        })?;
        Credential::find(&settings, &environment)
    }

    #[test]
    fn the_key_goes_before_the_token() {
        let both = [
            ("DAYTONA_API_KEY", "dtn_canary\n"),
            ("DAYTONA_JWT_TOKEN", "jwt"),
            ("DAYTONA_ORGANIZATION_ID", "org"),
        ];
        let key = find(json!({}), &both).unwrap();
        assert!(key.is_key() && key.is_in("a dtn_canary b"));
        let token = find(json!({}), &both[1..]).unwrap();
        assert!(!token.is_key() && token.is_in("jwt"));
        assert_eq!(token.organization.unwrap(), "org");
    }

    #[test]
    fn what_is_missing_is_named() {
        let nothing = find(json!({}), &[("DAYTONA_API_KEY", " ")]).unwrap_err();
        assert_eq!(nothing.kind, ErrorKind::Denied);
        assert!(nothing.hint.unwrap().contains("export DAYTONA_API_KEY"));
        let no_organization = find(json!({}), &[("DAYTONA_JWT_TOKEN", "jwt")]).unwrap_err();
        assert_eq!(no_organization.kind, ErrorKind::Denied);
        assert!(
            no_organization
                .hint
                .unwrap()
                .contains("DAYTONA_ORGANIZATION_ID")
        );
    }

    #[test]
    fn nothing_shows_the_secret() {
        let key = find(json!({}), &[("DAYTONA_API_KEY", "dtn_canary")]).unwrap();
        assert!(!format!("{key:?}").contains("canary"));
        assert!(!format!("{:?}", key.header()).contains("canary"));
        assert!(!key.fingerprint().contains("canary"));
        assert_eq!(key.redact("Bearer dtn_canary!"), "Bearer <hidden>!");
        let broken = find(json!({}), &[("DAYTONA_API_KEY", "dtn canary")]).unwrap_err();
        assert!(!broken.message.contains("canary"), "{broken}");
    }

    #[test]
    fn one_key_has_one_fingerprint() {
        let of = |key: &str| {
            find(json!({}), &[("DAYTONA_API_KEY", key)])
                .unwrap()
                .fingerprint()
        };
        assert_eq!(of("dtn_a"), of("dtn_a"));
        assert_ne!(of("dtn_a"), of("dtn_b"));
    }

    #[test]
    fn a_file_must_be_the_users_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let from_file = || find(json!({ "api-key-file": path }), &[("DAYTONA_API_KEY", "x")]);
        let missing = from_file().unwrap_err();
        assert_eq!(missing.kind, ErrorKind::Denied);
        std::fs::write(&path, "dtn_canary\n").unwrap();
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            match from_file() {
                Ok(key) => assert!(fits && key.is_in("dtn_canary"), "{mode:o}"),
                Err(error) => {
                    assert!(!fits, "{mode:o}: {error}");
                    assert!(error.hint.unwrap().contains("chmod 600"));
                }
            }
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "two words").unwrap();
        assert_eq!(from_file().unwrap_err().kind, ErrorKind::Invalid);
    }
}
