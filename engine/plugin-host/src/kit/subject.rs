//! A plugin under test, and the fixtures that the suite of the sdk runs on over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tbengine_sdk::testkit::wire::{CLEAN_UP, MAKE, MAKE_THROUGH, MadeDocument, Through};
use tbengine_sdk::testkit::{Fixture, Made, Wanted};
use tbengine_sdk::{Attached, Backend, Error, ErrorKind, ListRequest, OpenRequest, Resource, wire};

use super::checked::Checked;
use super::patient::Patient;
use crate::plugins::{Opening, Plugin};
use crate::remote::{self, Channel};

/// A plugin under test, and what its backends are opened with.
#[derive(Clone)]
pub struct Subject {
    pub(super) plugin: Arc<Plugin>,
    pub(super) kind: String,
    pub(super) request: OpenRequest,
}

impl Subject {
    /// The backend of this kind with this configuration.
    ///
    /// # Errors
    /// A text if the plugin does not have the kind.
    pub fn new(plugin: Arc<Plugin>, kind: &str, request: OpenRequest) -> Result<Self, String> {
        if !plugin.has(kind) {
            return Err(format!(
                "plugin `{}` has no backend kind `{kind}`",
                plugin.name
            ));
        }
        let kind = kind.to_owned();
        Ok(Self {
            plugin,
            kind,
            request,
        })
    }

    /// Whether the plugin can make resources for the kit.
    pub fn has_fixture(&self) -> bool {
        let kinds = &self.plugin.descriptor.kinds;
        kinds
            .iter()
            .any(|known| known.kind == self.kind && known.fixture)
    }

    pub(super) fn open(&self, fixture: bool) -> Result<Opening, Error> {
        let request = self.plugin.request(&self.kind, &self.request);
        let opening = self
            .plugin
            .open_channel(&wire::Open { fixture, ..request })?;
        Ok(Opening {
            channel: Arc::new(Patient(Arc::new(Checked(opening.channel)))),
            ..opening
        })
    }
}

/// A fixture on the other side of the interface.
pub(super) struct PluginFixture {
    subject: Subject,
    channel: Arc<dyn Channel>,
    backend: Arc<dyn Backend>,
}

impl PluginFixture {
    pub(super) fn open(subject: &Subject) -> Result<Self, Error> {
        let opening = subject.open(true)?;
        Ok(Self {
            subject: subject.clone(),
            channel: opening.channel.clone(),
            backend: opening.into_backend(subject.request.name.clone()),
        })
    }
}

#[async_trait]
impl Fixture for PluginFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        let answer = self
            .channel
            .send(MAKE.as_bytes(), wire::encode(wanted))
            .await;
        let made = answer.and_then(|body| remote::answer::<MadeDocument>(MAKE, &body));
        match made.map_err(|error| error.to_string())?.identity {
            Some(identity) => Ok(Made::Yes(identity)),
            None => Ok(Made::CannotMake),
        }
    }

    async fn make_through(&self, attached: &Attached, wanted: &Wanted) -> Result<Made, String> {
        let request = wire::encode(&Through {
            attached: attached.clone(),
            wanted: wanted.clone(),
        });
        let answer = self.channel.send(MAKE_THROUGH.as_bytes(), request).await;
        let made = answer.and_then(|body| remote::answer::<MadeDocument>(MAKE_THROUGH, &body));
        match made {
            Ok(made) => Ok(made.identity.map_or(Made::CannotMake, Made::Yes)),
            Err(error) if error.kind == ErrorKind::Unsupported => Ok(Made::CannotMake),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn clean_up(&self) -> Result<(), String> {
        let answer = self.channel.send(CLEAN_UP.as_bytes(), b"{}".to_vec()).await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    fn secrets(&self) -> Vec<String> {
        let request = self.subject.plugin.request("", &self.subject.request);
        request.environment.into_values().collect()
    }
}

/// A fixture that makes nothing, and shows what exists anyway.
pub(super) struct Lookout {
    backend: Arc<dyn Backend>,
    shown: AtomicU32,
}

impl Lookout {
    pub(super) fn open(subject: &Subject) -> Result<Self, Error> {
        Ok(Self {
            backend: subject
                .open(false)?
                .into_backend(subject.request.name.clone()),
            shown: AtomicU32::new(0),
        })
    }
}

#[async_trait]
impl Fixture for Lookout {
    fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        if wanted.name.is_some() || !wanted.labels.is_empty() || !wanted.uses.is_empty() {
            return Ok(Made::CannotMake);
        }
        let page = self.backend.list(ListRequest::first(wanted.kind)).await;
        let found: Vec<Resource> = page.map_err(|error| error.to_string())?.resources;
        if found.is_empty() {
            return Ok(Made::CannotMake);
        }
        let turn = self.shown.fetch_add(1, Ordering::Relaxed) as usize;
        Ok(Made::Yes(found[turn % found.len()].identity.clone()))
    }

    async fn clean_up(&self) -> Result<(), String> {
        Ok(())
    }
}
