//! Which daemon is meant: the configuration, `DOCKER_HOST` and docker contexts, in the order of
//! precedence that the docker command has.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::config::Config;

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Where a daemon listens, and how to be trusted by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// The files for TLS, or `None` for a connection without.
    pub(crate) tls: Option<TlsFiles>,
    /// The address as it was written, for people.
    pub(crate) shown: String,
}

impl Endpoint {
    /// The host that requests name.
    pub(crate) fn authority(&self) -> String {
        match &self.address {
            Address::Unix(_) => "docker".to_owned(),
            Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// PEM files, each if it exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    #[serde(default)]
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Finds the endpoint. Reads files, so call it when connecting and not before.
///
/// # Errors
/// `Invalid` with a hint if what is named does not exist or cannot be used.
pub(crate) fn resolve(config: &Config, environment: &BTreeMap<String, String>) -> Result<Endpoint> {
    let settings = Settings {
        config,
        environment,
    };
    if let Some(host) = &config.host {
        return settings.endpoint(host, settings.tls_of_environment()?);
    }
    if let Some(name) = &config.context {
        return settings.endpoint_of_context(name);
    }
    if let Some(host) = settings.variable("DOCKER_HOST") {
        return settings.endpoint(host, settings.tls_of_environment()?);
    }
    match settings.variable("DOCKER_CONTEXT") {
        Some(name) => settings.endpoint_of_context(name),
        None => match settings.current_context()? {
            Some(name) => settings.endpoint_of_context(&name),
            None => settings.endpoint(DEFAULT_HOST, None),
        },
    }
}

struct Settings<'a> {
    config: &'a Config,
    environment: &'a BTreeMap<String, String>,
}

impl Settings<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn cli_directory(&self) -> Option<PathBuf> {
        match self.variable("DOCKER_CONFIG") {
            Some(directory) => Some(directory.into()),
            None => self
                .variable("HOME")
                .map(|home| Path::new(home).join(".docker")),
        }
    }

    fn current_context(&self) -> Result<Option<String>> {
        let Some(file) = self
            .cli_directory()
            .map(|directory| directory.join("config.json"))
        else {
            return Ok(None);
        };
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(invalid(format!("cannot read {}: {error}", file.display()))),
        };
        // The content is not quoted, because the file may hold registry passwords.
        let parsed: CliConfig = serde_json::from_slice(&text).map_err(|error| {
            invalid(format!(
                "{} is not JSON, near line {}",
                file.display(),
                error.line()
            ))
        })?;
        Ok(Some(parsed.current_context).filter(|name| !name.is_empty()))
    }

    fn endpoint_of_context(&self, name: &str) -> Result<Endpoint> {
        if name == "default" {
            let host = self.variable("DOCKER_HOST").unwrap_or(DEFAULT_HOST);
            return self.endpoint(host, self.tls_of_environment()?);
        }
        let contexts = self
            .cli_directory()
            .ok_or_else(|| {
                invalid(format!(
                    "cannot look up docker context `{name}`: neither HOME nor DOCKER_CONFIG is set"
                ))
            })?
            .join("contexts");
        let directory = hex::encode(Sha256::digest(name.as_bytes()));
        let file = contexts.join("meta").join(&directory).join("meta.json");
        let text = std::fs::read(&file).map_err(|error| {
            invalid(format!(
                "docker context `{name}` cannot be read ({}: {error})",
                file.display()
            ))
            .with_hint("`docker context ls` shows the contexts that exist")
        })?;
        let meta: ContextMeta = serde_json::from_slice(&text).map_err(|error| {
            invalid(format!(
                "docker context `{name}` is damaged ({}: {error})",
                file.display()
            ))
        })?;
        let endpoint = meta
            .endpoints
            .get("docker")
            .filter(|endpoint| !endpoint.host.is_empty())
            .ok_or_else(|| invalid(format!("docker context `{name}` has no docker host")))?;
        if endpoint.skip_tls_verify {
            return Err(invalid(format!(
                "docker context `{name}` skips the verification of the daemon's certificate"
            ))
            .with_hint(
                "give the context the daemon's CA: `docker context update --docker host=…,ca=…`",
            ));
        }
        let files = TlsFiles::in_directory(&contexts.join("tls").join(&directory).join("docker"));
        self.endpoint(
            &endpoint.host,
            (files != TlsFiles::default()).then_some(files),
        )
    }

    fn tls_of_environment(&self) -> Result<Option<TlsFiles>> {
        if self.variable("DOCKER_TLS_VERIFY").is_none() && self.variable("DOCKER_TLS").is_none() {
            return Ok(None);
        }
        let directory = match self.variable("DOCKER_CERT_PATH") {
            Some(directory) => PathBuf::from(directory),
            None => self
                .cli_directory()
                .ok_or_else(|| invalid("DOCKER_TLS_VERIFY is set without DOCKER_CERT_PATH"))?,
        };
        Ok(Some(TlsFiles::in_directory(&directory)))
    }

    fn endpoint(&self, host: &str, tls: Option<TlsFiles>) -> Result<Endpoint> {
        let tls = match &self.config.tls_dir {
            Some(directory) => Some(TlsFiles::present_in(directory)?),
            None => tls,
        };
        let (scheme, rest) = host.split_once("://").ok_or_else(|| {
            invalid(format!("`{host}` is not the address of a daemon"))
                .with_hint("write it like unix:///var/run/docker.sock or tcp://host:2376")
        })?;
        let (address, tls) = match scheme {
            "unix" if rest.starts_with('/') => (Address::Unix(rest.into()), None),
            "unix" => return Err(invalid(format!("`{host}` has no absolute path"))),
            "tcp" | "http" => (tcp_address(host, rest, tls.is_some())?, tls),
            "https" => (
                tcp_address(host, rest, true)?,
                Some(tls.unwrap_or_default()),
            ),
            "ssh" => {
                return Err(invalid(format!("`{host}`: ssh is not supported")).with_hint(
                    "forward the socket with `ssh -L /tmp/docker.sock:/var/run/docker.sock HOST` and use unix:///tmp/docker.sock",
                ));
            }
            _ => {
                return Err(invalid(format!("`{host}`: unsupported scheme"))
                    .with_hint("use a unix:// or tcp:// address"));
            }
        };
        if let (Address::Tcp { host: name, .. }, None, false) =
            (&address, &tls, self.config.allow_plaintext)
            && !is_loopback(name)
        {
            return Err(invalid(format!("refusing unencrypted connection to remote host `{host}`"))
                .with_hint("set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH (or `tls-dir`), or accept it with `allow-plaintext = true`"));
        }
        Ok(Endpoint {
            address,
            tls,
            shown: host.to_owned(),
        })
    }
}

impl TlsFiles {
    fn in_directory(directory: &Path) -> Self {
        let file = |name: &str| Some(directory.join(name)).filter(|file| file.is_file());
        Self {
            ca: file("ca.pem"),
            cert: file("cert.pem"),
            key: file("key.pem"),
        }
    }

    fn present_in(directory: &Path) -> Result<Self> {
        let files = Self::in_directory(directory);
        if files == Self::default() {
            return Err(invalid(format!(
                "`tls-dir` {} has no ca.pem, cert.pem or key.pem",
                directory.display()
            )));
        }
        Ok(files)
    }
}

fn tcp_address(shown: &str, rest: &str, tls: bool) -> Result<Address> {
    let wrong = || invalid(format!("`{shown}` is not of the form tcp://host:port"));
    let authority: http::uri::Authority =
        rest.trim_end_matches('/').parse().map_err(|_| wrong())?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(wrong());
    }
    Ok(Address::Tcp {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority
            .port_u16()
            .unwrap_or(if tls { 2376 } else { 2375 }),
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests;
