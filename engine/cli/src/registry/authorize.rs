//! Showing a registry what it wants to see: user and password, or a token that is had for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::challenge::Challenge;
use super::client::{Client, LARGEST_MANIFEST};
use super::error::{Doing, RegistryError};
use super::keychain::Credentials;

/// What gives tokens answers one of these.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Client {
    /// Finds what the registry wants to see; false if that is not to be had.
    pub(super) async fn authorize(&mut self, headers: &HeaderMap) -> Result<bool, RegistryError> {
        let mut challenges = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| Challenge::read(value.to_str().ok()?));
        let Some(challenge) = challenges.next() else {
            return Ok(false);
        };
        let credentials = self.keychain.find(&self.reference.host).await?;
        self.source = credentials.as_ref().map(|found| found.source.clone());
        let value = match (challenge, &credentials) {
            (Challenge::Basic, None) => return Ok(false),
            (Challenge::Basic, Some(credentials)) => basic(credentials),
            (Challenge::Bearer { realm, service }, credentials) => {
                let token = self.token(&realm, service, credentials.as_ref()).await?;
                format!("Bearer {token}")
            }
        };
        self.authorization = Some(self.secret(&value)?);
        Ok(true)
    }

    fn secret(&self, value: &str) -> Result<HeaderValue, RegistryError> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| self.unexpected("a token that no header can hold"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        credentials: Option<&Credentials>,
    ) -> Result<String, RegistryError> {
        let mut url =
            Url::parse(realm).map_err(|_| self.unexpected("a place for tokens that is no URL"))?;
        if !self.is_safe(&url) {
            return Err(RegistryError::Redirect {
                host: self.host().to_owned(),
                what: "the request for a token to where no credentials go",
            });
        }
        let actions = match self.doing {
            Doing::Pull => "pull",
            Doing::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.reference.path());
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &scope);
        let mut request = self.http.get(url);
        if let Some(credentials) = credentials {
            request = request.header(AUTHORIZATION, self.secret(&basic(credentials))?);
        }
        let response = self.answered(request).await?;
        match response.status() {
            StatusCode::OK => {}
            // Some say so what they do not give to just anyone.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.unwelcome()),
            _ => return Err(self.refusal(&response)),
        }
        let body = self.read(response, "a token", LARGEST_MANIFEST).await?;
        serde_json::from_slice::<Token>(&body)
            .ok()
            .and_then(|answer| answer.token.or(answer.access_token))
            .ok_or_else(|| self.unexpected("a token that is none"))
    }
}

fn basic(credentials: &Credentials) -> String {
    let pair = format!("{}:{}", credentials.user, credentials.password);
    format!("Basic {}", STANDARD.encode(pair))
}
