//! A provider of sandboxes as a plugin of tbengine.
//!
//! ```console
//! $ cargo test                  # the conformance suite
//! $ cargo build --release
//! $ tbengine plugin check target/release/libtbengine_example.so
//! ```
//!
//! - `cloud`: the provider, here a map in memory; put the client of yours in its place

mod cloud;

use std::sync::Arc;

use serde::Deserialize;
use tbengine_sdk::{
    Account, Backend, Capabilities, DeleteOptions, Error, ErrorKind, Identity, Kind, KindInfo,
    ListRequest, OpenRequest, Page, Resource, Result, State, StopOptions, Taken, async_trait,
};

pub use cloud::{Cloud, Sandbox};

// The whole registration. The same line serves a crate that is linked into tbengine.
tbengine_sdk::backend!("example", "An example cloud in memory", Example::open);

/// What `[backends.NAME]` may say.
#[derive(Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    /// How many sandboxes the example begins with.
    sandboxes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { sandboxes: 3 }
    }
}

/// One configured backend.
#[derive(Debug)]
pub struct Example {
    /// The configured name; goes into every identity.
    name: Arc<str>,
    cloud: Arc<Cloud>,
}

impl Example {
    /// Opens a backend. Must not reach the provider.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit.
    pub fn open(request: OpenRequest) -> Result<Self> {
        let config: Config = request.config()?;
        // A key comes from `request.variable("EXAMPLE_API_KEY")`, and never from the environment itself.
        let cloud = Cloud::default();
        for _ in 0..config.sandboxes {
            cloud.add(Sandbox::default());
        }
        Ok(Self::new(&request.name, Arc::new(cloud)))
    }

    /// A backend for a cloud.
    pub fn new(name: &str, cloud: Arc<Cloud>) -> Self {
        let name = name.into();
        Self { name, cloud }
    }

    fn resource(&self, native: &str, sandbox: &Sandbox) -> Resource {
        let identity = Identity {
            backend: self.name.clone(),
            account: self.cloud.account().into(),
            kind: Kind::SANDBOX,
            native: native.to_owned(),
            created: Some(sandbox.created),
        };
        // A state that the provider names and you do not know is `State::Unknown`, and is kept.
        let state = if sandbox.running {
            State::Running
        } else {
            State::Stopped
        };
        Resource {
            labels: sandbox.labels.iter().cloned().collect(),
            ..Resource::new(identity, &sandbox.name, state)
        }
    }
}

/// The one place that maps what the provider answers to what the engine does next.
fn gone(target: &Identity) -> Error {
    Error::new(ErrorKind::NotFound, format!("no sandbox {}", target.native))
}

#[async_trait]
impl Backend for Example {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: vec![KindInfo::sandbox()],
            methods: Vec::new(),
            concurrency: 8,
        }
    }

    async fn check(&self) -> Result<Account> {
        Ok(Account::new(self.cloud.account(), "an example in memory"))
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        if request.kind != Kind::SANDBOX {
            let text = "there are only sandboxes";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let page = self
            .cloud
            .page(request.cursor.as_deref(), request.page_size);
        let Some((sandboxes, next)) = page else {
            let text = "unknown cursor";
            return Err(Error::new(ErrorKind::Invalid, text));
        };
        let resources = sandboxes
            .iter()
            .map(|(native, sandbox)| self.resource(native, sandbox))
            .collect();
        Ok(Page {
            resources,
            unreadable: Vec::new(),
            next,
        })
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        let found = self.cloud.get(&target.native);
        Ok(found.map(|sandbox| self.resource(&target.native, &sandbox)))
    }

    async fn stop(&self, target: &Identity, _: StopOptions) -> Result<Taken> {
        let found = self.cloud.stop(&target.native);
        found.then_some(Taken::Done).ok_or_else(|| gone(target))
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        match self.cloud.get(&target.native) {
            None => return Err(gone(target)),
            Some(sandbox) if sandbox.running && !options.force => {
                return Err(Error::new(ErrorKind::Conflict, "the sandbox is running"));
            }
            Some(_) => {}
        }
        let found = self.cloud.delete(&target.native);
        found.then_some(Taken::Done).ok_or_else(|| gone(target))
    }
}
