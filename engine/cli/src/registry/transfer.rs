//! What is read from a registry and written to it.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use tbengine_engine::policy::load::LARGEST_COMPONENT;

use super::client::{Client, LARGEST_MANIFEST};
use super::error::RegistryError;
use super::manifest::{MANIFEST, Written};
use super::reference::Digest;

/// An index is asked for as well, so that it can be told from nothing.
const ACCEPTED: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
const BINARY: &str = "application/octet-stream";
/// The tag of a reference without one.
const LATEST: &str = "latest";
/// What a registry made of what it was sent.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Client {
    /// Reads the manifest behind the reference: by its digest, if it has one.
    pub(super) async fn manifest(&mut self) -> Result<(Vec<u8>, Digest), RegistryError> {
        let name = match &self.reference.digest {
            Some(digest) => digest.to_string(),
            None => self.tag().to_owned(),
        };
        let url = self.url(&format!("manifests/{name}"))?;
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(ACCEPTED))]);
        let response = self.send(Method::GET, url, headers, None).await?;
        let bytes = self
            .success(response, "a manifest", LARGEST_MANIFEST)
            .await?;
        let found = Digest::of(&bytes);
        if let Some(expected) = self.reference.digest.clone() {
            self.compare("a manifest", expected, &found)?;
        }
        Ok((bytes, found))
    }

    /// Reads the policy with this digest.
    pub(super) async fn policy(&mut self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.send(Method::GET, url, HeaderMap::new(), None).await?;
        let bytes = self
            .success(response, "a policy", LARGEST_COMPONENT)
            .await?;
        self.compare("a policy", digest.clone(), &Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Writes a policy and what describes it; the tag comes last, so that it never names a part.
    pub(super) async fn push(
        &mut self,
        wasm: Bytes,
        written: Written,
    ) -> Result<Digest, RegistryError> {
        self.upload(wasm).await?;
        self.upload(written.config.into()).await?;
        let digest = Digest::of(&written.manifest);
        let url = self.url(&format!("manifests/{}", self.tag()))?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(MANIFEST))]);
        let response = self
            .send(Method::PUT, url, headers, Some(written.manifest.into()))
            .await?;
        if !response.status().is_success() {
            return Err(self.refusal(&response));
        }
        // Who rewrites what it is sent has another digest for it than the one that is printed.
        let kept = response.headers().get(CONTENT_DIGEST);
        match kept.and_then(|kept| kept.to_str().ok()?.parse::<Digest>().ok()) {
            Some(kept) if kept != digest => Err(RegistryError::Rewritten {
                host: self.host().to_owned(),
                sent: digest,
                kept,
            }),
            _ => Ok(digest),
        }
    }

    /// Sends bytes, unless they are there.
    async fn upload(&mut self, bytes: Bytes) -> Result<(), RegistryError> {
        let digest = Digest::of(&bytes);
        let url = self.url(&format!("blobs/{digest}"))?;
        let there = self.send(Method::HEAD, url, HeaderMap::new(), None).await?;
        match there.status() {
            StatusCode::OK => return Ok(()),
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.refusal(&there)),
        }
        let url = self.url("blobs/uploads/")?;
        let begun = self
            .send(Method::POST, url, HeaderMap::new(), Some(Bytes::new()))
            .await?;
        if begun.status() != StatusCode::ACCEPTED {
            return Err(self.refusal(&begun));
        }
        let url = self.place(&begun, &digest)?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(BINARY))]);
        let ended = self.send(Method::PUT, url, headers, Some(bytes)).await?;
        match ended.status().is_success() {
            true => Ok(()),
            false => Err(self.refusal(&ended)),
        }
    }

    /// Where the registry wants to have an upload.
    fn place(&self, begun: &Response, digest: &Digest) -> Result<Url, RegistryError> {
        let mut url = begun
            .headers()
            .get(LOCATION)
            .and_then(|location| begun.url().join(location.to_str().ok()?).ok())
            .ok_or_else(|| RegistryError::Unexpected {
                host: self.host().to_owned(),
                what: "without a place for the upload".to_owned(),
            })?;
        if !self.is_safe(&url) {
            return Err(RegistryError::Redirect {
                host: self.host().to_owned(),
                what: "the upload to where anyone could read it",
            });
        }
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        Ok(url)
    }

    async fn success(
        &self,
        response: Response,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        match response.status() {
            StatusCode::OK => self.read(response, what, limit).await,
            _ => Err(self.refusal(&response)),
        }
    }

    fn compare(
        &self,
        what: &'static str,
        expected: Digest,
        found: &Digest,
    ) -> Result<(), RegistryError> {
        match expected == *found {
            true => Ok(()),
            false => Err(RegistryError::WrongDigest {
                host: self.host().to_owned(),
                what,
                expected,
                found: found.clone(),
            }),
        }
    }

    fn tag(&self) -> &str {
        self.reference.tag.as_deref().unwrap_or(LATEST)
    }
}
