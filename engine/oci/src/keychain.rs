//! Credentials for registries: from variables, or where `docker login` left them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::Error;

/// The variables that hold credentials, and say which registry they are for: a reference in the file of
/// somebody's project must not have them sent elsewhere.
pub const VARIABLES: [&str; 3] = [HOST, USER, PASSWORD];
const HOST: &str = "TBENGINE_REGISTRY_HOST";
const USER: &str = "TBENGINE_REGISTRY_USER";
const PASSWORD: &str = "TBENGINE_REGISTRY_PASSWORD";

/// What Docker Hub's credentials are kept under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// User and password, and where they come from.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) source: String,
}

/// Where credentials are looked for.
#[derive(Clone)]
pub(crate) struct Keychain {
    environment: Arc<BTreeMap<String, String>>,
    file: Option<PathBuf>,
}

/// Docker's `config.json`, as far as it says who has the credentials. They themselves are read by
/// `docker_credential`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerFile {
    auths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

impl Keychain {
    /// Credentials as these variables, or the files that they lead to, hold them.
    pub(crate) fn new(environment: Arc<BTreeMap<String, String>>) -> Self {
        let path = |name: &str| set(&environment, name).map(PathBuf::from);
        let home = || Some(path("HOME")?.join(".docker"));
        let file = path("DOCKER_CONFIG")
            .or_else(home)
            .map(|path| path.join("config.json"));
        Self { environment, file }
    }

    /// The credentials for a registry, by the host of a reference.
    pub(crate) async fn find(&self, host: &str) -> Result<Option<Credentials>, Error> {
        if let Some(found) = self.in_variables(host)? {
            return Ok(Some(found));
        }
        let Some(path) = &self.file else {
            return Ok(None);
        };
        let Some((text, file)) = read(path)? else {
            return Ok(None);
        };
        let helper = file.helper(host);
        if let Some(name) = helper {
            check(name)?;
        }
        let server = file.server(host);
        // A helper is a program, and may ask somebody. Whoever waits for it has the time of the whole call.
        let asked = tokio::task::spawn_blocking(move || {
            get_credential_from_reader(text.as_bytes(), &server)
        });
        let found = asked
            .await
            .map_err(|_| broken("what reads docker's config.json has a defect".to_owned()))?;
        credentials(found, path, helper)
    }

    fn in_variables(&self, host: &str) -> Result<Option<Credentials>, Error> {
        let variable = |name: &str| set(&self.environment, name);
        let (user, password) = match (variable(USER), variable(PASSWORD)) {
            (None, None) => return Ok(None),
            (Some(user), Some(password)) => (user, password),
            _ => return Err(broken(format!("of {USER} and {PASSWORD} only one is set"))),
        };
        let Some(meant) = variable(HOST) else {
            return Err(broken(format!(
                "{USER} is set, and {HOST} does not say which registry it is for"
            )));
        };
        Ok(is_for(meant, host).then(|| Credentials {
            user: user.clone(),
            password: password.clone(),
            source: USER.to_owned(),
        }))
    }
}

impl DockerFile {
    /// The helper that is asked: the registry's own, or else the store, unless the file itself knows.
    fn helper(&self, host: &str) -> Option<&String> {
        let own = self.helpers.iter().find(|(key, _)| is_for(key, host));
        let is_known = |auth: &BTreeMap<String, IgnoredAny>| {
            let mut fields = ["auth", "username", "identitytoken"].iter();
            fields.any(|field| auth.contains_key(*field))
        };
        let mut auths = self.auths.iter();
        match own {
            Some((_, name)) => Some(name),
            None if auths.any(|(key, auth)| is_for(key, host) && is_known(auth)) => None,
            None => self.store.as_ref(),
        }
    }

    /// The name that docker knows a registry by: as somebody wrote it, or as `docker login` does.
    fn server(&self, host: &str) -> String {
        let mut keys = self.helpers.keys().chain(self.auths.keys());
        match keys.find(|key| is_for(key, host)) {
            Some(key) => key.clone(),
            None if is_for("docker.io", host) => DOCKER_HUB.to_owned(),
            None => host.to_owned(),
        }
    }
}

/// What was found, or why not. Nothing that a helper wrote is repeated.
fn credentials(
    found: Result<DockerCredential, CredentialRetrievalError>,
    path: &Path,
    helper: Option<&String>,
) -> Result<Option<Credentials>, Error> {
    let program = helper.map(|name| format!("docker-credential-{name}"));
    let failed = |why: &str| {
        let program = program.as_deref().unwrap_or("a helper");
        broken(format!(
            "{program}, which docker's config.json names, {why}"
        ))
    };
    let path = path.display();
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credentials {
            user,
            password: password.trim_end_matches('\0').to_owned(),
            source: program.unwrap_or_else(|| path.to_string()),
        })),
        Ok(DockerCredential::IdentityToken(_)) => Err(broken(format!(
            "{} holds an identity token for this registry, and tbengine knows users and passwords only",
            program.unwrap_or_else(|| path.to_string())
        ))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // The one failure that helpers agree about.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.to_lowercase().contains("credentials not found") =>
        {
            Ok(None)
        }
        Err(CredentialRetrievalError::HelperFailure { .. }) => Err(failed("failed")),
        Err(CredentialRetrievalError::HelperCommunicationError) => Err(failed(
            "cannot be started, or does not hear which registry is meant",
        )),
        Err(CredentialRetrievalError::MalformedHelperResponse) => {
            Err(failed("answered no credentials"))
        }
        Err(CredentialRetrievalError::CredentialDecodingError) => {
            Err(broken(format!("an `auth` in {path} cannot be decoded")))
        }
        Err(CredentialRetrievalError::CredentialMismatchError) => Err(broken(format!(
            "an `auth` in {path} is not of the `username` and `password` beside it"
        ))),
        Err(
            CredentialRetrievalError::ConfigNotFound | CredentialRetrievalError::ConfigReadError,
        ) => Err(broken(format!("{path} is not as docker writes it"))),
    }
}

/// A variable of the environment, unless it is unset or empty.
fn set<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    environment.get(name).filter(|value| !value.is_empty())
}

fn broken(what: String) -> Error {
    Error::Keychain { what }
}

/// Reads the file, if there is one. What is wrong in it is told by its place: the text may be a secret.
fn read(path: &Path) -> Result<Option<(String, DockerFile)>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(broken(format!(
                "failed to read {}: {error}",
                path.display()
            )));
        }
    };
    let file = serde_json::from_str(&text).map_err(|error| {
        broken(format!(
            "{}:{}:{} is not as docker writes it",
            path.display(),
            error.line(),
            error.column()
        ))
    })?;
    Ok(Some((text, file)))
}

/// Whether credentials under a key like `https://HOST/v1/` are for a host.
fn is_for(key: &str, host: &str) -> bool {
    let bare = |text: &str| {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let text = text.split('/').next().unwrap_or_default();
        match text.to_ascii_lowercase().as_str() {
            "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
            other => other.to_owned(),
        }
    };
    bare(key) == bare(host)
}

/// Checks that a helper is the name of a program, and not a path to one.
fn check(name: &str) -> Result<(), Error> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match name.bytes().all(is_part) {
        true => Ok(()),
        false => Err(broken(
            "docker's config.json names a helper that has no such name".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_for_the_host_that_they_name() {
        for (key, host, is) in [
            ("ghcr.io", "ghcr.io", true),
            ("https://ghcr.io/v2/", "ghcr.io", true),
            ("http://LOCALHOST:5000", "localhost:5000", true),
            (DOCKER_HUB, "docker.io", true),
            ("registry-1.docker.io", "docker.io", true),
            ("localhost:5000", "localhost", false),
            ("ghcr.io.example", "ghcr.io", false),
            ("https://example/ghcr.io", "ghcr.io", false),
            ("", "ghcr.io", false),
        ] {
            assert_eq!(is_for(key, host), is, "{key} {host}");
        }
    }
}
