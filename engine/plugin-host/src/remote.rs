//! A backend whose code is elsewhere: turns calls into documents and documents into answers, whichever
//! channel they go through. What comes back is not believed unseen.

use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use tbengine_sdk::wire::{self, Aim, NoOptions, Request};
use tbengine_sdk::{
    Account, Backend, Capabilities, DeleteOptions, Error, ErrorKind, Identity, ListRequest, Page,
    Resource, Result, StopOptions,
};

/// What moves documents to a plugin and back. Dropping the future asks the plugin for an early end.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Sends one request and gives the body of its answer.
    ///
    /// # Errors
    /// What the plugin answers, `Transient` if it does not answer in time, `Unavailable` if it is gone.
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>>;

    /// A document that does not fit, written anew as this channel understands it; `None` if it has no
    /// other way to understand it.
    fn plainly(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// How many answers came that nobody had asked for, or that came twice.
    fn strays(&self) -> u64;

    /// How many answers the plugin owes, those included that nobody waits for any more.
    fn owed(&self) -> usize;
}

/// From this size on, in bytes, a page is read on a thread of its own.
const LARGE: usize = 64 << 10;

/// A backend behind a channel.
pub(crate) struct Remote {
    /// The configured name.
    name: Arc<str>,
    capabilities: Capabilities,
    channel: Arc<dyn Channel>,
}

impl Remote {
    pub(crate) fn new(
        name: Arc<str>,
        capabilities: Capabilities,
        channel: Arc<dyn Channel>,
    ) -> Self {
        Self {
            name,
            capabilities,
            channel,
        }
    }

    async fn ask(&self, request: Request) -> Result<Vec<u8>> {
        self.channel
            .send(request.method().as_bytes(), request.body())
            .await
    }

    async fn ask_for<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        let method = request.method();
        let body = self.ask(request).await?;
        let read = |body: &[u8]| serde_json::from_slice(body);
        understand(&*self.channel, method, &body, read)
    }

    /// Refuses what claims to belong to another backend: the engine would act on it there.
    fn claim(&self, resource: &mut Resource) -> Result<()> {
        let backend = &mut resource.identity.backend;
        if **backend != *self.name {
            let wrong: String = backend.chars().take(80).collect();
            return Err(broken(format!(
                "the plugin answered with a resource of backend `{wrong}`, and it was opened as `{}`",
                self.name
            )));
        }
        // All resources share one name, as those of built-in backends do.
        backend.clone_from(&self.name);
        Ok(())
    }
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::Internal, message).with_hint("report it to the author of the plugin")
}

/// Reads the document of an answer.
pub(crate) fn answer<T: DeserializeOwned>(method: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| misfit(method, &error))
}

fn misfit(method: &str, error: &serde_json::Error) -> Error {
    broken(format!(
        "the plugin's answer to `{method}` does not fit the protocol: {error}"
    ))
}

/// Reads the document of an answer that came through this channel.
fn understand<T>(
    channel: &dyn Channel,
    method: &str,
    body: &[u8],
    read: fn(&[u8]) -> serde_json::Result<T>,
) -> Result<T> {
    let again = |error| {
        let plain = channel.plainly(body);
        plain.map_or(Err(error), |plain| read(&plain))
    };
    read(body)
        .or_else(again)
        .map_err(|error| misfit(method, &error))
}

#[async_trait]
impl Backend for Remote {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn check(&self) -> Result<Account> {
        self.ask_for(Request::Check).await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        let kind = request.kind;
        let body = self.ask(Request::List(request)).await?;
        let (length, channel) = (body.len(), self.channel.clone());
        let read = move || understand(&*channel, "list", &body, wire::read_page);
        let mut page = if length < LARGE {
            read()?
        } else {
            // Elsewhere, so that other pages arrive meanwhile.
            let read = tokio::task::spawn_blocking(read);
            read.await.map_err(|error| broken(error.to_string()))??
        };
        let mut account: Option<Arc<str>> = None;
        for resource in &mut page.resources {
            self.claim(resource)?;
            let identity = &mut resource.identity;
            if identity.kind != kind {
                return Err(broken(format!(
                    "the plugin answered with a {} where {kind}s were asked for",
                    identity.kind
                )));
            }
            match &account {
                Some(shared) if **shared == *identity.account => {
                    identity.account.clone_from(shared);
                }
                _ => account = Some(identity.account.clone()),
            }
        }
        Ok(page)
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        let aim = Aim {
            target: target.clone(),
            options: NoOptions {},
        };
        let read: wire::Read = self.ask_for(Request::Get(aim)).await?;
        let Some(mut resource) = read.resource else {
            return Ok(None);
        };
        self.claim(&mut resource)?;
        let found = &resource.identity;
        if (found.kind, &found.native) != (target.kind, &target.native) {
            return Err(broken(format!(
                "the plugin was asked for {} and answered with {}",
                target.id(),
                found.id()
            )));
        }
        Ok(Some(resource))
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<()> {
        let target = target.clone();
        self.ask(Request::Stop(Aim { target, options }))
            .await
            .map(drop)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<()> {
        let target = target.clone();
        self.ask(Request::Delete(Aim { target, options }))
            .await
            .map(drop)
    }
    async fn archive(&self, target: &Identity) -> Result<()> {
        let aim = Aim {
            target: target.clone(),
            options: NoOptions {},
        };
        self.ask(Request::Archive(aim)).await.map(drop)
    }
}
