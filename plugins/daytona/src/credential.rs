//! The key or token, and where it comes from. Nothing here ever shows it.

use std::collections::BTreeMap;

use tbengine_sdk::http::{HeaderValue, Secret};
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::config::Settings;
use crate::error::invalid;

/// What proves to the service who we are.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) secret: Secret,
    /// The organization that a token belongs to. A key belongs to one, and needs no naming.
    pub(crate) organization: Option<HeaderValue>,
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
            let hint =
                "put the key into that file, or export DAYTONA_API_KEY and remove `api-key-file`";
            return Ok(Self::key(Secret::read(path, "api-key-file", hint)?));
        }
        if let Some(key) = variable("DAYTONA_API_KEY") {
            return Ok(Self::key(Secret::new(key, "DAYTONA_API_KEY")?));
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

    fn key(secret: Secret) -> Self {
        Self {
            secret,
            organization: None,
        }
    }

    /// Whether it is a key of the API, and not a token.
    pub(crate) fn is_key(&self) -> bool {
        self.organization.is_none()
    }
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
        assert!(key.is_key() && key.secret.is_in("a dtn_canary b"));
        let token = find(json!({}), &both[1..]).unwrap();
        assert!(!token.is_key() && token.secret.is_in("jwt"));
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
    fn a_file_goes_before_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let from_file = || find(json!({ "api-key-file": path }), &[("DAYTONA_API_KEY", "x")]);
        let missing = from_file().unwrap_err();
        assert!(missing.hint.unwrap().contains("api-key-file"));
        std::fs::write(&path, "dtn_canary\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let key = from_file().unwrap();
        assert!(key.is_key() && key.secret.is_in("dtn_canary"));
        assert!(!format!("{key:?}").contains("canary"));
    }
}
