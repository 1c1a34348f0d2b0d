//! A backend whose code is elsewhere: turns calls into documents and documents into answers, whichever
//! channel they go through. What comes back is not believed unseen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tbengine_sdk::wire::{self, Aim, NoOptions, Request};
use tbengine_sdk::{
    Account, Act, AttachRequest, Attached, Backend, Capabilities, Change, Changes, DeleteOptions,
    Disk, Error, ErrorKind, FindRequest, Identity, Kind, ListRequest, Method, ObserveRequest,
    Observed, Page, Resource, Result, Right, Sample, StopOptions, Taken, Unreadable, WatchRequest,
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
    fn normalize(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// How many answers came that nobody had asked for, or that came twice.
    fn unsolicited(&self) -> u64;

    /// How many answers the plugin owes, those included that nobody waits for any more.
    fn pending(&self) -> usize;
}

/// From this size on, in bytes, a page is read on a thread of its own.
const MIN_LARGE_PAGE: usize = 64 << 10;

/// The longest that a plugin is asked to wait for something to happen: well below the time for an answer.
const MAX_WAIT: Duration = Duration::from_secs(30);

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

    /// What became of a change. An empty document says no more than that it was taken.
    async fn act(&self, request: Request) -> Result<Taken> {
        let answer: BTreeMap<String, Value> = self.ask_for(request).await?;
        if answer.is_empty() {
            return Ok(Taken::Accepted);
        }
        serde_json::from_value(Value::from_iter(answer)).map_err(|error| misfit("a change", &error))
    }

    /// Refuses a method that the backend does not declare: it is never sent.
    fn needs(&self, method: Method) -> Result<()> {
        match self.capabilities.has(method) {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Unsupported,
                format!("backend `{}` does not offer `{method}`", self.name),
            )),
        }
    }

    /// Refuses what claims to belong to another backend: the engine would act on it there.
    fn claim(&self, resource: &mut Resource) -> Result<()> {
        self.claim_identity(&mut resource.identity)
    }

    fn claim_identity(&self, identity: &mut Identity) -> Result<()> {
        let backend = &mut identity.backend;
        if **backend != *self.name {
            let wrong: String = backend.chars().take(80).collect();
            return Err(broken(format!(
                "the plugin answered with a resource of backend `{wrong}`, but was opened as `{}`",
                self.name
            )));
        }
        // All resources share one name, as those of built-in backends do.
        backend.clone_from(&self.name);
        Ok(())
    }
}

/// The longest native id, in bytes.
const MAX_ID: usize = 512;

/// Whether a text can be a native id: nothing in it can be taken for the end of it.
fn is_id(native: &str) -> bool {
    let is_odd = |char: char| char.is_control() || char.is_whitespace() || is_bidi(char);
    (1..=MAX_ID).contains(&native.len()) && !native.contains(is_odd)
}

/// Marks that change the order in which text is shown.
fn is_bidi(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Refuses an answer about something that the request was not about.
fn only_asked<T: PartialEq>(method: &str, asked: &[T], answered: &T) -> Result<()> {
    match asked.contains(answered) {
        true => Ok(()),
        false => Err(broken(format!(
            "the plugin's answer to `{method}` is about something that was not asked for"
        ))),
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
        let plain = channel.normalize(body);
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
        let mut page = if length < MIN_LARGE_PAGE {
            read()?
        } else {
            // Elsewhere, so that other pages arrive meanwhile.
            let read = tokio::task::spawn_blocking(read);
            read.await.map_err(|error| broken(error.to_string()))??
        };
        let mut account: Option<Arc<str>> = None;
        let unreadable = &mut page.unreadable;
        page.resources.retain(|resource| {
            let Identity {
                native, account, ..
            } = &resource.identity;
            let what = match (is_id(native), account.is_empty()) {
                (true, false) => return true,
                (true, true) => "without an account".to_owned(),
                (false, _) => format!(
                    "whose id is not one: {} bytes, and an id has 1 to {MAX_ID} without blanks",
                    native.len()
                ),
            };
            unreadable.push(Unreadable {
                shown: resource.name.chars().take(80).collect(),
                message: format!("the plugin showed a {kind} {what}"),
            });
            false
        });
        for resource in &mut page.resources {
            self.claim(resource)?;
            let identity = &mut resource.identity;
            if identity.kind != kind {
                return Err(broken(format!(
                    "the plugin answered with a {} to a request for {}",
                    identity.kind,
                    kind.plural()
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
                "the plugin was asked for {} but answered with {}",
                target.id(),
                found.id()
            )));
        }
        Ok(Some(resource))
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        let target = target.clone();
        self.act(Request::Stop(Aim { target, options })).await
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        let target = target.clone();
        self.act(Request::Delete(Aim { target, options })).await
    }

    async fn archive(&self, target: &Identity) -> Result<Taken> {
        let aim = Aim {
            target: target.clone(),
            options: NoOptions {},
        };
        self.act(Request::Archive(aim)).await
    }

    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>> {
        if !self.capabilities.has(Method::Rights) {
            return Ok(Vec::new());
        }
        let request = Request::Rights(wire::Acts { acts: acts.clone() });
        let answer: wire::Rights = self.ask_for(request).await?;
        for right in &answer.rights {
            only_asked("rights", &acts, &right.act)?;
        }
        Ok(answer.rights)
    }

    async fn disks(&self) -> Result<Vec<Disk>> {
        if !self.capabilities.has(Method::Disks) {
            return Ok(Vec::new());
        }
        let answer: wire::Disks = self.ask_for(Request::Disks).await?;
        let impossible = |disk: &&Disk| disk.free_bytes > disk.total_bytes;
        match answer.disks.iter().find(impossible) {
            Some(disk) => Err(broken(format!(
                "the plugin says that more is free on disk `{}` than there is",
                disk.name.chars().take(80).collect::<String>()
            ))),
            None => Ok(answer.disks),
        }
    }

    async fn watch(&self, mut request: WatchRequest) -> Result<Changes> {
        self.needs(Method::Watch)?;
        request.wait = request.wait.min(MAX_WAIT);
        let kinds = request.kinds.clone();
        let mut answer: Changes = self.ask_for(Request::Watch(request)).await?;
        for change in &mut answer.changes {
            if let Some((kind, _)) = change.subject() {
                only_asked("watch", &kinds, &kind)?;
            }
            match change {
                Change::Seen { resource } => self.claim(resource)?,
                Change::Gone { identity, .. } => self.claim_identity(identity)?,
                Change::Touched { .. } | Change::Used { .. } | Change::Other => {}
            }
        }
        Ok(answer)
    }

    async fn sample(&self, targets: Vec<Identity>) -> Result<Vec<Sample>> {
        if !self.capabilities.has(Method::Sample) {
            return Ok(Vec::new());
        }
        let request = Request::Sample(wire::Targets {
            targets: targets.clone(),
        });
        let answer: wire::Samples = self.ask_for(request).await?;
        for sample in &answer.samples {
            only_asked("sample", &targets, &sample.target)?;
        }
        Ok(answer.samples)
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>> {
        self.needs(Method::Find)?;
        let kinds: Vec<Kind> = match request.kinds.is_empty() {
            true => self.capabilities.words().collect(),
            false => request.kinds.clone(),
        };
        let answer: wire::Found = self.ask_for(Request::Find(request)).await?;
        let mut resources = answer.resources;
        for resource in &mut resources {
            self.claim(resource)?;
            only_asked("find", &kinds, &resource.identity.kind)?;
        }
        Ok(resources)
    }

    async fn relabel(
        &self,
        target: &Identity,
        labels: BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        self.needs(Method::Relabel)?;
        let aim = Aim {
            target: target.clone(),
            options: wire::NewLabels { labels },
        };
        let _: wire::Empty = self.ask_for(Request::Relabel(aim)).await?;
        Ok(())
    }

    async fn attach(&self, request: AttachRequest) -> Result<Attached> {
        self.needs(Method::Attach)?;
        self.ask_for(Request::Attach(request)).await
    }

    async fn observed(&self, mut request: ObserveRequest) -> Result<Observed> {
        self.needs(Method::Attach)?;
        request.wait = request.wait.min(MAX_WAIT);
        let mut answer: Observed = self.ask_for(Request::Observed(request)).await?;
        for identity in &mut answer.made {
            self.claim_identity(identity)?;
        }
        Ok(answer)
    }

    async fn detach(&self, attachment: &str) -> Result<()> {
        if !self.capabilities.has(Method::Attach) {
            return Ok(());
        }
        let attachment = attachment.to_owned();
        let request = Request::Detach(wire::Detach { attachment });
        let _: wire::Empty = self.ask_for(request).await?;
        Ok(())
    }
}
