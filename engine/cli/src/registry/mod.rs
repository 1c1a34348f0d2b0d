//! Policies in OCI registries: fetched by digest, kept in a cache, pushed.
//!
//! A registry is not believed. What it sends is bounded in size and time and has the digest that was asked
//! for, its credentials go to itself and to where it has its tokens from, and over TLS unless the operator
//! says otherwise.
//!
//! - [`mod@reference`]: where a policy lies, as `oci://HOST/REPOSITORY:TAG@sha256:DIGEST`
//! - [`manifest`]: what stands between a reference and a policy
//! - `cache`: what was fetched before
//! - `keychain`: credentials
//! - `client`, `challenge`: the protocol
//! - `failure`, [`error`]: what goes wrong

mod cache;
mod challenge;
mod client;
pub(crate) mod error;
mod failure;
mod keychain;
pub(crate) mod manifest;
pub(crate) mod reference;

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tbengine_engine::policy::load::LARGEST_COMPONENT;

use crate::app::App;
use crate::exit::Error;
use crate::signals::Signals;
use cache::{Cache, Cached};
use client::{Client, LARGEST_MANIFEST};
use error::Doing;
use keychain::Keychain;
use manifest::About;

pub(crate) use error::RegistryError;
pub(crate) use keychain::VARIABLES;
pub(crate) use reference::{Digest, Reference, SCHEME};

/// How registries are spoken with.
pub(crate) struct Registry {
    cache: Cache,
    keychain: Keychain,
    offline: bool,
    /// `None` is without TLS on this machine, and with it elsewhere.
    plain_http: Option<bool>,
    timeout: Duration,
    /// What ends the wait for a registry, if the command hears signals by itself.
    signals: Option<Signals>,
}

/// A policy from a registry.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The digest of the manifest, which a reference is pinned by.
    pub(crate) digest: Digest,
    pub(crate) wasm: Vec<u8>,
}

impl Registry {
    pub(crate) fn new(app: &App) -> Self {
        let args = &app.registry;
        Self {
            cache: Cache::new(app.world.registry_cache()),
            keychain: Keychain::new(&app.world),
            offline: args.offline,
            plain_http: args.plain_http,
            timeout: args.registry_timeout.0,
            signals: app.signals.clone(),
        }
    }

    /// The policy that a reference with a digest names. With none it is refused: nothing decides what is
    /// deleted but what the operator chose.
    pub(crate) fn fetch(&self, reference: &Reference) -> Result<Artifact, Error> {
        if reference.digest.is_none() {
            let reference = reference.to_string();
            return Err(RegistryError::NoDigest { reference }.into());
        }
        self.pull(reference)
    }

    /// The policy that a reference names now. What has a digest and is in the cache is not asked for.
    pub(crate) fn pull(&self, reference: &Reference) -> Result<Artifact, Error> {
        let damaged = match &reference.digest {
            None => None,
            Some(digest) => match self.cached(reference, digest)? {
                Cached::Bytes(wasm) => {
                    return Ok(Artifact {
                        digest: digest.clone(),
                        wasm,
                    });
                }
                Cached::Damaged(path) => Some(path),
                Cached::Nothing => None,
            },
        };
        if self.offline {
            let error = match damaged {
                Some(path) => RegistryError::Damaged { path },
                None => RegistryError::Offline {
                    reference: reference.to_string(),
                },
            };
            return Err(error.into());
        }
        if let Some(path) = damaged {
            tracing::warn!(path = %path.display(), "the cache does not have what it should, so it is fetched again");
        }
        self.speak(reference, Doing::Pull, async |mut client| {
            let (bytes, digest) = client.manifest().await?;
            let layer = manifest::layer(&bytes, reference)?;
            let wasm = match self.cache.read(&layer, LARGEST_COMPONENT) {
                Cached::Bytes(wasm) => wasm,
                _ => client.policy(&layer).await?,
            };
            self.cache.write(&layer, &wasm);
            self.cache.write(&digest, &bytes);
            Ok(Artifact { digest, wasm })
        })
    }

    /// Puts a policy under the tag of a reference, and returns the digest that pins it.
    pub(crate) fn push(
        &self,
        reference: &Reference,
        wasm: Vec<u8>,
        about: &About,
    ) -> Result<Digest, Error> {
        if reference.digest.is_some() {
            let reference = reference.to_string();
            return Err(RegistryError::PushToDigest { reference }.into());
        }
        if self.offline {
            return Err(RegistryError::PushOffline.into());
        }
        let written = manifest::write(&wasm, about).map_err(|error| RegistryError::Start {
            what: "write the manifest",
            why: error.to_string(),
        })?;
        self.speak(reference, Doing::Push, async |mut client| {
            client.push(Bytes::from(wasm), written).await
        })
    }

    fn cached(&self, reference: &Reference, digest: &Digest) -> Result<Cached, RegistryError> {
        let manifest = match self.cache.read(digest, LARGEST_MANIFEST) {
            Cached::Bytes(manifest) => manifest,
            other => return Ok(other),
        };
        let layer = manifest::layer(&manifest, reference)?;
        Ok(self.cache.read(&layer, LARGEST_COMPONENT))
    }

    /// Speaks with a registry for as long as that may take, on a thread of its own: what a registry sends
    /// must not take more along than that if it finds a defect in what reads it.
    fn speak<T: Send>(
        &self,
        reference: &Reference,
        doing: Doing,
        work: impl AsyncFnOnce(Client) -> Result<T, RegistryError> + Send,
    ) -> Result<T, Error> {
        let start = |why: String| RegistryError::Start {
            what: "speak with the registry",
            why,
        };
        let plain = self.plain_http.unwrap_or_else(|| reference.is_loopback());
        let speak = || {
            let client = Client::new(reference, doing, plain, self.keychain.clone())?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| start(error.to_string()))?;
            let ended = runtime.block_on(async {
                let within = tokio::time::timeout(self.timeout, work(client));
                let ended = match &self.signals {
                    Some(signals) => signals.unless_stopped(within).await?,
                    None => within.await,
                };
                let late = |_| RegistryError::Timeout {
                    host: reference.host.clone(),
                    after: self.timeout,
                };
                Ok(ended.map_err(late)??)
            });
            // Looking up a name cannot be cut short.
            runtime.shutdown_background();
            ended
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("registry".into());
            match thread.spawn_scoped(scope, speak) {
                Ok(thread) => thread.join().unwrap_or_else(|_| {
                    Err(start("what reads its answers has a defect".into()).into())
                }),
                Err(error) => Err(start(error.to_string()).into()),
            }
        })
    }
}
