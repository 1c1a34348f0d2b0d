//! Credentials for registries: from variables, or where `docker login` left them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::Error;
use crate::options::{HOST, PASSWORD, USER};

/// What Docker Hub's credentials are kept under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The user that a helper names where the secret is an identity token.
const IDENTITY: &str = "<token>";
/// Far above what a helper answers, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

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

/// Docker's `config.json`, as far as it is about credentials.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerFile {
    auths: BTreeMap<String, Auth>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
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
        let Some(file) = read(path)? else {
            return Ok(None);
        };
        let helper = file
            .helpers
            .iter()
            .find(|(key, _)| is_for(key, host))
            .map(|(_, name)| name)
            .or(file.store.as_ref());
        if let Some(name) = helper
            && let Some(found) = ask(name, host).await?
        {
            return Ok(Some(found));
        }
        match file.auths.iter().find(|(key, _)| is_for(key, host)) {
            Some((_, auth)) => auth.credentials(path),
            None => Ok(None),
        }
    }

    fn in_variables(&self, host: &str) -> Result<Option<Credentials>, Error> {
        let variable = |name: &str| set(&self.environment, name);
        let (user, password) = match (variable(USER), variable(PASSWORD)) {
            (None, None) => return Ok(None),
            (Some(user), Some(password)) => (user, password),
            _ => return Err(broken(format!("only one of {USER} and {PASSWORD} is set"))),
        };
        let Some(meant) = variable(HOST) else {
            return Err(broken(format!(
                "{USER} is set without {HOST}, the registry it is for"
            )));
        };
        Ok(is_for(meant, host).then(|| Credentials {
            user: user.clone(),
            password: password.clone(),
            source: USER.to_owned(),
        }))
    }
}

impl Auth {
    fn credentials(&self, path: &Path) -> Result<Option<Credentials>, Error> {
        if self
            .identitytoken
            .as_ref()
            .is_some_and(|token| !token.is_empty())
        {
            return Err(identity(&path.display().to_string()));
        }
        let pair = match (&self.auth, &self.username, &self.password) {
            (Some(auth), ..) if !auth.is_empty() => {
                let pair = STANDARD
                    .decode(auth)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .and_then(|pair| {
                        let (user, password) = pair.split_once(':')?;
                        Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
                    });
                Some(pair.ok_or_else(|| {
                    broken(format!("an `auth` in {} cannot be decoded", path.display()))
                })?)
            }
            (_, Some(user), Some(password)) => Some((user.clone(), password.clone())),
            _ => None,
        };
        Ok(pair.map(|(user, password)| Credentials {
            user,
            password,
            source: path.display().to_string(),
        }))
    }
}

/// A variable of the environment, unless it is unset or empty.
fn set<'a>(environment: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    environment.get(name).filter(|value| !value.is_empty())
}

fn broken(what: String) -> Error {
    Error::Keychain { what }
}

fn identity(source: &str) -> Error {
    broken(format!(
        "{source} has an identity token for this registry; tbengine supports user and password only"
    ))
}

/// Reads the file, if there is one. What is wrong in it is reported by its position: the text may be a secret.
fn read(path: &Path) -> Result<Option<DockerFile>, Error> {
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
    serde_json::from_str(&text).map(Some).map_err(|error| {
        broken(format!(
            "{}:{}:{} is not a valid docker configuration",
            path.display(),
            error.line(),
            error.column()
        ))
    })
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

/// Asks a credential helper of Docker's.
async fn ask(name: &str, host: &str) -> Result<Option<Credentials>, Error> {
    let program = format!("docker-credential-{name}");
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return Err(broken(
            "docker's config.json has an invalid name of a credential helper".to_owned(),
        ));
    }
    let failed = |why: &str| {
        broken(format!(
            "{program}, which docker's config.json names, {why}"
        ))
    };
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let server = match is_for("docker.io", host) {
        true => DOCKER_HUB,
        false => host,
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not want to know has its reasons; its answer counts.
        stdin.write_all(server.as_bytes()).await.ok();
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(MAX_ANSWER);
        let read = stdout.read_to_end(&mut output).await;
        read.map_err(|_| failed("its answer is incomplete"))?;
    }
    let status = child.wait().await.map_err(|_| failed("got lost"))?;
    if !status.success() {
        // The one failure that helpers agree about.
        let text = String::from_utf8_lossy(&output).to_lowercase();
        return match text.contains("credentials not found") {
            true => Ok(None),
            false => Err(failed("failed")),
        };
    }
    let answer: Answer =
        serde_json::from_slice(&output).map_err(|_| failed("returned no credentials"))?;
    if answer.username == IDENTITY {
        return Err(identity(&program));
    }
    Ok(Some(Credentials {
        user: answer.username,
        password: answer.secret,
        source: program,
    }))
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
