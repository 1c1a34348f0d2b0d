//! The methods.

use std::sync::Arc;

use serde_json::Value;
use tbengine_sdk::http::{Call, Method};
use tbengine_sdk::{
    Account, Backend, Capabilities, DeleteOptions, Error, ErrorKind, Identity, Kind, KindInfo,
    ListRequest, OpenRequest, Page, Resource, Result, State, StopOptions, Taken, Unreadable,
    async_trait,
};

use crate::client::{self, Client};
use crate::config::Settings;
use crate::sandbox::Sandbox;

const READ: Call = Call::Read(Some(Kind::SANDBOX));
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
            client: client::connect(&settings)?,
            account: settings.account.into(),
        })
    }

    async fn find(&self, target: &Identity) -> Result<Option<Sandbox>> {
        if target.kind != Kind::SANDBOX || target.native.is_empty() {
            return Ok(None);
        }
        let path = ["sandboxes", &target.native];
        let found: Sandbox = match self.client.read(READ, &path, &[]).await {
            Ok(found) => found,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            // What cannot be an id is refused as a bad request.
            Err(error)
                if [400, 422]
                    .iter()
                    .any(|code| self.client.has_status(&error, *code)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
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
        self.client
            .read::<Vec<Value>>(READ, &["v2", "sandboxes"], &query)
            .await?;
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
            .send(READ, Method::GET, &["v2", "sandboxes"], &query)
            .await?;
        let rows: Vec<Value> = self.client.decode(&answer)?;
        let mut resources = Vec::with_capacity(rows.len());
        let mut unreadable = Vec::new();
        for row in rows {
            let shown = row.get("sandboxID").and_then(Value::as_str);
            let shown: String = shown.unwrap_or("(no id)").chars().take(80).collect();
            match serde_json::from_value::<Sandbox>(row) {
                Ok(sandbox) if !sandbox.id.is_empty() => {
                    resources.push(sandbox.into_resource(&self.name, &self.account));
                }
                // Without what it found there, which may be a secret.
                _ => unreadable.push(Unreadable {
                    shown,
                    message: "unexpected response format".into(),
                }),
            }
        }
        Ok(Page {
            resources,
            unreadable,
            next: answer.header("x-next-token").map(str::to_owned),
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
        self.client
            .send(Call::Stop, Method::POST, &path, &[])
            .await?;
        Ok(Taken::Accepted)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        // The service kills whatever it is asked to, so the question is ours.
        if !options.force && self.must_find(target).await?.state() == State::Running {
            let text = "the sandbox is running";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let path = ["sandboxes", &target.native];
        let call = Call::Delete(Kind::SANDBOX);
        self.client.send(call, Method::DELETE, &path, &[]).await?;
        Ok(Taken::Done)
    }
}
