//! Fetching, pulling and pushing: what is in the cache is not asked for, and what is asked for is bounded.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::about::About;
use crate::artifact::Artifact;
use crate::cache::{Cache, Cached};
use crate::client::{Client, MAX_MANIFEST};
use crate::error::{Doing, Error};
use crate::keychain::Keychain;
use crate::manifest;
use crate::options::RegistryOptions;
use crate::reference::{Digest, Reference};

/// Registries, as they are spoken with.
pub struct Registry {
    cache: Cache,
    keychain: Keychain,
    offline: bool,
    plain_http: Option<bool>,
    timeout: Duration,
    largest: usize,
    stop: CancellationToken,
}

impl Registry {
    /// Registries that are spoken with in this way. Nothing is sent or read yet.
    pub fn new(options: RegistryOptions) -> Self {
        Self {
            cache: Cache::new(options.cache),
            keychain: Keychain::new(options.environment),
            offline: options.offline,
            plain_http: options.plain_http,
            timeout: options.timeout,
            largest: options.largest,
            stop: options.stop,
        }
    }

    /// The policy that a reference with a digest names. With none it is refused: nothing decides what is
    /// deleted but what the operator chose. Blocks, as the others do.
    ///
    /// # Errors
    /// If the reference has no digest, or as [`Registry::pull`] fails.
    pub fn fetch(&self, reference: &Reference) -> Result<Artifact, Error> {
        if reference.digest.is_none() {
            let reference = reference.to_string();
            return Err(Error::NoDigest { reference });
        }
        self.pull(reference)
    }

    /// The policy that a reference names now. What has a digest and is in the cache is not asked for.
    ///
    /// # Errors
    /// If the registry does not give it in time, if it is none, or if [`RegistryOptions::stop`] came first.
    pub fn pull(&self, reference: &Reference) -> Result<Artifact, Error> {
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
            return Err(match damaged {
                Some(path) => Error::Damaged { path },
                None => Error::Offline {
                    reference: reference.to_string(),
                },
            });
        }
        if let Some(path) = damaged {
            tracing::warn!(path = %path.display(), "the cache is damaged; fetching again");
        }
        self.speak(reference, Doing::Pull, async |mut client| {
            let (bytes, digest) = client.manifest().await?;
            let layer = manifest::layer(&bytes, self.largest, reference)?;
            let wasm = match self.cache.read(&layer, self.largest) {
                Cached::Bytes(wasm) => wasm,
                _ => client.policy(&layer, self.largest).await?,
            };
            self.cache.write(&layer, &wasm);
            self.cache.write(&digest, &bytes);
            Ok(Artifact { digest, wasm })
        })
    }

    /// Puts a policy under the tag of a reference, and returns the digest that pins it.
    ///
    /// # Errors
    /// If the registry does not take it in time, or if [`RegistryOptions::stop`] came first.
    pub fn push(
        &self,
        reference: &Reference,
        wasm: Vec<u8>,
        about: &About,
    ) -> Result<Digest, Error> {
        if reference.digest.is_some() {
            let reference = reference.to_string();
            return Err(Error::PushToDigest { reference });
        }
        if self.offline {
            return Err(Error::PushOffline);
        }
        let written = manifest::write(&wasm, about).map_err(|error| Error::Start {
            what: "write the manifest",
            why: error.to_string(),
        })?;
        self.speak(reference, Doing::Push, async |mut client| {
            client.push(Bytes::from(wasm), written).await
        })
    }

    fn cached(&self, reference: &Reference, digest: &Digest) -> Result<Cached, Error> {
        let manifest = match self.cache.read(digest, MAX_MANIFEST) {
            Cached::Bytes(manifest) => manifest,
            other => return Ok(other),
        };
        let layer = manifest::layer(&manifest, self.largest, reference)?;
        Ok(self.cache.read(&layer, self.largest))
    }

    /// Talks to a registry for as long as that may take, on a thread of its own: what a registry sends
    /// must not take more along than that if it finds a defect in what reads it.
    fn speak<T: Send>(
        &self,
        reference: &Reference,
        doing: Doing,
        work: impl AsyncFnOnce(Client) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let start = |why: String| Error::Start {
            what: "contact the registry",
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
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => Err(Error::Stopped),
                    ended = tokio::time::timeout(self.timeout, work(client)) => ended
                        .unwrap_or_else(|_| {
                            Err(Error::Timeout {
                                host: reference.host.clone(),
                                after: self.timeout,
                            })
                        }),
                }
            });
            // Looking up a name cannot be cut short.
            runtime.shutdown_background();
            ended
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("registry".into());
            match thread.spawn_scoped(scope, speak) {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|_| Err(start("a defect in reading its answers".into()))),
                Err(error) => Err(start(error.to_string())),
            }
        })
    }
}
