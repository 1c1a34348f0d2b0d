//! What an answer means that is no success.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::client::Client;
use super::error::{Doing, RegistryError};

impl Client {
    /// The registry wants to know who asks, or does not believe it.
    pub(super) fn unwelcome(&self) -> RegistryError {
        let host = self.host().to_owned();
        let repository = self.reference.repository.clone();
        match &self.source {
            None => RegistryError::NoCredentials { host, repository },
            Some(source) => RegistryError::RefusedCredentials {
                host,
                repository,
                source_name: source.clone(),
            },
        }
    }

    /// What an answer means that is no success.
    pub(super) fn refusal(&self, response: &Response) -> RegistryError {
        let host = self.host().to_owned();
        let repository = self.reference.repository.clone();
        match (response.status(), self.doing) {
            (StatusCode::UNAUTHORIZED, _) => self.unwelcome(),
            (StatusCode::FORBIDDEN, doing) => RegistryError::Forbidden {
                host,
                repository,
                doing,
            },
            (StatusCode::NOT_FOUND, Doing::Pull) => RegistryError::Missing {
                reference: self.reference.to_string(),
            },
            (StatusCode::NOT_FOUND, Doing::Push) => {
                RegistryError::NoRepository { host, repository }
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => RegistryError::Limited {
                host,
                after: retry_after(response.headers()),
            },
            (status, _) if status.is_server_error() => RegistryError::Failed {
                host,
                status: status.as_u16(),
            },
            (status, _) => self.unexpected(&format!("with status {}", status.as_u16())),
        }
    }
}

/// How long to wait, where that is given in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse::<u32>()
        .ok()?;
    Some(Duration::from_secs(seconds.into()))
}
