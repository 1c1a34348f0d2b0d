//! The methods.

use std::sync::Arc;

use reqwest::Method;
use serde::de::DeserializeOwned;
use tbengine_sdk::{
    Account, Backend, Capabilities, DeleteOptions, Error, ErrorKind, Identity, Kind, KindInfo,
    ListRequest, OpenRequest, Page, Resource, Result, State, StopOptions, Taken, async_trait,
};

use crate::client::Client;
use crate::config::Settings;
use crate::sandbox::Sandbox;

/// The longest page that the service gives.
const MAX_PAGE: usize = 100;
/// Longer than any token of the service, in bytes.
const MAX_CURSOR: usize = 4096;

/// One account of E2B.
pub struct E2b {
    name: Arc<str>,
    account: Arc<str>,
    client: Client,
}

impl E2b {
    /// Opens a backend. Reaches nothing.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit, `Denied` if there is no key.
    pub fn open(request: OpenRequest) -> Result<Self> {
        let settings = Settings::new(&request)?;
        Ok(Self {
            name: request.name,
            client: Client::new(&settings)?,
            account: settings.account.into(),
        })
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        serde_json::from_slice(body).map_err(|error| {
            let shown = self.client.shown();
            // A gateway's page, or another service.
            Error::new(
                ErrorKind::Transient,
                format!("unexpected response format from {shown}: {error}"),
            )
        })
    }

    async fn find(&self, target: &Identity) -> Result<Option<Sandbox>> {
        if target.kind != Kind::SANDBOX || target.native.is_empty() {
            return Ok(None);
        }
        let path = ["sandboxes", &target.native];
        let body = match self.client.send(Method::GET, &path, &[]).await {
            Ok(answer) => answer.body,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            // What cannot be an id is refused as a bad request.
            Err(error) if error.kind == ErrorKind::Invalid => return Ok(None),
            Err(error) => return Err(error),
        };
        let found: Sandbox = self.read(&body)?;
        // The service also finds by an id with more behind it.
        Ok((found.id == target.native).then_some(found))
    }

    async fn must_find(&self, target: &Identity) -> Result<Sandbox> {
        self.find(target).await?.ok_or_else(|| {
            let text = format!("no sandbox {}", target.native);
            Error::new(ErrorKind::NotFound, text)
        })
    }
}

#[async_trait]
impl Backend for E2b {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: vec![KindInfo::sandbox()],
            methods: Vec::new(),
            concurrency: 16,
        }
    }

    async fn check(&self) -> Result<Account> {
        let query = [("limit", "1")];
        let answer = self
            .client
            .send(Method::GET, &["v2", "sandboxes"], &query)
            .await?;
        self.read::<Vec<Sandbox>>(&answer.body)?;
        let description = format!("E2B at {}", self.client.shown());
        Ok(Account::new(self.account.clone(), description))
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        if request.kind != Kind::SANDBOX {
            let text = format!("E2B has no {}s", request.kind);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let limit = request.page_size.clamp(1, MAX_PAGE).to_string();
        let mut query = vec![("state", "running,paused"), ("limit", &limit)];
        if let Some(cursor) = &request.cursor {
            // No token of the service is that long, and an address of that length breaks connections.
            if cursor.len() > MAX_CURSOR {
                let text = "unknown cursor";
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            query.push(("nextToken", cursor));
        }
        let answer = self
            .client
            .send(Method::GET, &["v2", "sandboxes"], &query)
            .await?;
        let sandboxes: Vec<Sandbox> = self.read(&answer.body)?;
        Ok(Page {
            resources: sandboxes
                .into_iter()
                .map(|sandbox| sandbox.into_resource(&self.name, &self.account))
                .collect(),
            unreadable: Vec::new(),
            next: answer.next,
        })
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        let found = self.find(target).await?;
        Ok(found.map(|sandbox| sandbox.into_resource(&self.name, &self.account)))
    }

    /// Pauses it: E2B knows nothing between running and killed but that.
    async fn stop(&self, target: &Identity, _: StopOptions) -> Result<Taken> {
        let found = self.must_find(target).await?;
        if found.state() == State::Stopped {
            return Ok(Taken::Done);
        }
        let path = ["sandboxes", &target.native, "pause"];
        self.client.send(Method::POST, &path, &[]).await?;
        Ok(Taken::Accepted)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        // The service kills whatever it is asked to, so the question is ours.
        if !options.force && self.must_find(target).await?.state() == State::Running {
            let text = "the sandbox is running";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let path = ["sandboxes", &target.native];
        self.client.send(Method::DELETE, &path, &[]).await?;
        Ok(Taken::Done)
    }
}
