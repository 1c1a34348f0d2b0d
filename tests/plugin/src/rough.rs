//! A backend that panics, hangs, logs and takes its time, as its configuration says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tbengine_sdk::{
    Account, Backend, Capabilities, DeleteOptions, Error, ErrorKind, Identity, Kind, KindInfo,
    ListRequest, OpenRequest, Page, Resource, Result, State, StopOptions, Taken, async_trait,
};

/// What it does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Panics when it is opened.
    pub panic_on_open: bool,
    /// Panics when it is given back.
    pub panic_on_drop: bool,
    /// Panics in `check`.
    pub panic_on_check: bool,
    /// How many milliseconds every call takes.
    pub takes_ms: u64,
    /// How many resources it lists.
    pub resources: usize,
    /// The name of another backend that it pretends to be.
    pub pretends: Option<String>,
    /// Ends the process in `check`.
    pub exits: bool,
    /// What it logs when it is given back.
    pub farewell: Option<String>,
}

/// The backend.
#[derive(Debug)]
pub struct Rough {
    name: Arc<str>,
    config: Config,
    /// The variables that it got.
    variables: Vec<String>,
    /// How many calls are under way.
    under_way: AtomicUsize,
}

/// One of its sandboxes, if it was opened as `here`.
pub fn sandbox(native: &str) -> Identity {
    Identity {
        backend: "here".into(),
        account: "rough".into(),
        kind: Kind::SANDBOX,
        native: native.into(),
        created: None,
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Rough {
    /// Opens it.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit.
    ///
    /// # Panics
    /// If the configuration says so.
    pub fn open(request: OpenRequest) -> Result<Self> {
        let config: Config = request.config()?;
        assert!(!config.panic_on_open, "as it was told");
        Ok(Self {
            name: request.name,
            config,
            variables: request.environment.keys().cloned().collect(),
            under_way: AtomicUsize::new(0),
        })
    }

    async fn work(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let under_way = UnderWay(&self.under_way);
        if self.config.takes_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.config.takes_ms)).await;
        }
        under_way
    }

    fn resource(&self, number: usize) -> Resource {
        let backend = self.config.pretends.as_deref().map(Arc::from);
        let identity = Identity {
            backend: backend.unwrap_or_else(|| self.name.clone()),
            account: "rough".into(),
            kind: Kind::SANDBOX,
            native: format!("sb-{number}"),
            created: None,
        };
        Resource::new(identity, format!("sandbox {number}"), State::Stopped)
    }
}

impl Drop for Rough {
    fn drop(&mut self) {
        if let Some(farewell) = &self.config.farewell {
            tracing::info!("{farewell}");
        }
        assert!(!self.config.panic_on_drop, "as it was told");
    }
}

#[async_trait]
impl Backend for Rough {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: vec![KindInfo::sandbox()],
            methods: Vec::new(),
            concurrency: 64,
        }
    }

    async fn check(&self) -> Result<Account> {
        assert!(!self.config.panic_on_check, "as it was told");
        if self.config.exits {
            std::process::abort();
        }
        tracing::info!(answer = 42, "checking");
        // What still runs here is what was not cancelled.
        let under_way = self.under_way.load(Ordering::SeqCst);
        let mut account = Account::new("rough", format!("{under_way} calls under way"));
        account.warnings = self.variables.clone();
        Ok(account)
    }

    async fn list(&self, _: ListRequest) -> Result<Page> {
        let _under_way = self.work().await;
        let resources = (0..self.config.resources).map(|number| self.resource(number));
        Ok(Page {
            resources: resources.collect(),
            unreadable: Vec::new(),
            next: None,
        })
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        let _under_way = self.work().await;
        let number = target
            .native
            .strip_prefix("sb-")
            .and_then(|number| number.parse().ok());
        Ok(number.map(|number| self.resource(number)))
    }

    async fn stop(&self, _: &Identity, _: StopOptions) -> Result<Taken> {
        let error = Error::new(ErrorKind::RateLimited, "slower, please")
            .with_code("rough:429")
            .with_retry_after(Duration::from_millis(1500))
            .with_hint("wait");
        Err(error)
    }

    async fn delete(&self, _: &Identity, _: DeleteOptions) -> Result<Taken> {
        let _under_way = self.work().await;
        Ok(Taken::Done)
    }
}
