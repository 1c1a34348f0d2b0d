//! The `Backend` implementation.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use tbengine_sdk::{
    Account, Act, Backend, Can, Capabilities, DeleteOptions, Error, ErrorKind, Identity, Kind,
    KindInfo, ListRequest, Method, OpenRequest, Page, Resource, Result, Right, State, StopOptions,
    Taken, Timestamp, async_trait, http,
};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::account::{self, Organization};
use crate::account_scope::AccountScope;
use crate::busy::Busy;
use crate::client::{self, Client};
use crate::config::Settings;
use crate::credential::Credential;
use crate::error::{gone, has_status, in_progress};
use crate::links::Links;
use crate::poller::{Look, Poller};
use crate::recent::{Recent, Seen};
use crate::sandboxes::ConfirmingRead;
use crate::undeletable::Undeletable;
use crate::wire::ApiKey;
use crate::{native, sandboxes, snapshots, volumes};

/// One organization of Daytona.
pub struct Daytona {
    name: Arc<str>,
    settings: Settings,
    environment: Arc<BTreeMap<String, String>>,
    opened: (Timestamp, Instant),
    client: OnceCell<Client>,
    contact: OnceCell<Contact>,
    recent: Recent,
    poller: Poller,
    undeletable: Undeletable,
    busy: Busy,
    links: Links,
}

/// What the first contact showed.
struct Contact {
    organization: Organization,
    key: Option<ApiKey>,
}

impl Daytona {
    /// Makes a backend. Reads no file and opens no connection yet, so that a missing key is an answer
    /// of this backend and does not keep others from being opened.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit, or the address is none that a credential may go to.
    pub fn open(request: OpenRequest) -> Result<Self> {
        Ok(Self {
            settings: Settings::new(&request)?,
            name: request.name,
            environment: request.environment,
            opened: (request.now, Instant::now()),
            client: OnceCell::new(),
            contact: OnceCell::new(),
            recent: Recent::default(),
            poller: Poller::default(),
            undeletable: Undeletable::default(),
            busy: Busy::default(),
            links: Links::default(),
        })
    }

    async fn client(&self) -> Result<&Client> {
        self.client
            .get_or_try_init(|| async {
                let credential = Credential::find(&self.settings, &self.environment)?;
                client::connect(&self.settings, credential)
            })
            .await
    }

    /// The first request of all, made once however many calls begin at the same time: each further one
    /// with a bad key would bring us closer to being locked out.
    async fn contact(&self) -> Result<&Contact> {
        self.contact
            .get_or_try_init(|| async {
                let client = self.client().await?;
                let key = account::key(client).await?;
                let configured = self.settings.organization.as_deref();
                Ok(Contact {
                    organization: account::organization(client, key.as_ref(), configured).await?,
                    key,
                })
            })
            .await
    }

    async fn reach(&self) -> Result<(&Client, AccountScope)> {
        let contact = self.contact().await?;
        let scope = AccountScope {
            backend: self.name.clone(),
            organization: contact.organization.clone(),
            target: self.settings.target.clone(),
            labels: self.settings.labels.clone(),
        };
        Ok((self.client().await?, scope))
    }

    /// Puts the time limit around one call as a whole.
    async fn bounded<T>(&self, changes: bool, call: impl Future<Output = Result<T>>) -> Result<T> {
        http::bounded(self.settings.call_timeout, changes, call).await
    }

    fn now(&self) -> Timestamp {
        let (opened, since) = self.opened;
        opened.plus(since.elapsed())
    }

    async fn describe(&self) -> Result<Account> {
        let is_first = !self.contact.initialized();
        let contact = self.contact().await?;
        let client = self.client().await?;
        let key = match is_first {
            true => contact.key.clone(),
            false => account::key(client).await?,
        };
        let target = self.settings.target.as_deref();
        let description = account::description(client, key.as_ref(), target);
        let mut account = Account::new(contact.organization.id.clone(), description);
        account.warnings = account::warnings(client, key.as_ref(), self.now());
        account.now = client.clock();
        Ok(account)
    }

    async fn list_page(&self, request: &ListRequest) -> Result<Page> {
        let cursor = request.cursor.as_deref();
        if !KINDS.contains(&request.kind) {
            return Err(account::no_such_kind(request.kind));
        }
        if cursor.is_some() && request.kind != Kind::SANDBOX {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("listings of {}s have one page, and no cursor", request.kind),
            ));
        }
        let (client, scope) = self.reach().await?;
        match request.kind {
            Kind::SANDBOX => {
                let until = Instant::now() + self.settings.call_timeout / 2;
                sandboxes::list(client, &scope, request, &self.links, until).await
            }
            Kind::SNAPSHOT => snapshots::list(client, &scope).await,
            Kind::VOLUME => match volumes::list(client, &scope).await {
                // Said as a warning by every check. Keys for sandboxes alone are usual, and must not
                // make every run an incomplete one.
                Err(error) if has_status(&error, 403) && self.lacks_volumes().await => Ok(Page {
                    resources: Vec::new(),
                    unreadable: Vec::new(),
                    next: None,
                }),
                answer => answer,
            },
            other => Err(account::no_such_kind(other)),
        }
    }

    async fn lacks_volumes(&self) -> bool {
        match self.contact().await {
            Ok(contact) => account::lacks_volumes(contact.key.as_ref()),
            Err(_) => false,
        }
    }

    /// Reads one resource. Sandboxes on their way out are read by the poller, many at once.
    async fn read(&self, target: &Identity) -> Result<Option<Resource>> {
        check_target(target)?;
        let (client, scope) = self.reach().await?;
        let id = target.native.as_str();
        let found = match target.kind {
            Kind::SNAPSHOT => snapshots::get(client, &scope, id).await?,
            Kind::VOLUME => volumes::get(client, &scope, id).await?,
            _ => self.read_sandbox(client, &scope, id).await?,
        };
        self.recent.note(target, found.as_ref());
        Ok(found)
    }

    /// Reads a sandbox, unless the poller knows that it is still on its way out.
    async fn read_sandbox(
        &self,
        client: &Client,
        scope: &AccountScope,
        id: &str,
    ) -> Result<Option<Resource>> {
        match self.find_sandbox(client, scope, id).await {
            Err(error) if error.kind == ErrorKind::Transient => {
                self.poller.unread(id).map(Some).ok_or(error)
            }
            answer => answer,
        }
    }

    async fn find_sandbox(
        &self,
        client: &Client,
        scope: &AccountScope,
        id: &str,
    ) -> Result<Option<Resource>> {
        let mut look = self.look(client, scope, id).await;
        if matches!(look, Look::Read | Look::Round(_)) {
            if let Some(found) = sandboxes::read(client, scope, id).await? {
                match found.state {
                    State::Removing => self.poller.watch(&found, true),
                    _ => self.poller.forget(id),
                }
                return Ok(Some(found));
            }
            look = match self.poller.missed(id) {
                true => self.look(client, scope, id).await,
                false => Look::Alone,
            };
        }
        let found = match look {
            Look::Removing(resource) => return Ok(Some(*resource)),
            Look::Hidden(resource) => return Ok(Some(*resource)),
            Look::Gone => return Ok(None),
            Look::Read | Look::Round(_) | Look::Alone => {
                let found = sandboxes::confirming_read(client, scope, id).await?;
                if matches!(found, ConfirmingRead::Outdated)
                    && let Some(resource) = self.poller.outdated(id)
                {
                    return Ok(Some(resource));
                }
                found.hidden()
            }
        };
        self.poller.forget(id);
        Ok(found)
    }

    /// Asks the poller, and makes a round for it if it is time. If that fails, the read that follows
    /// says why.
    async fn look(&self, client: &Client, scope: &AccountScope, id: &str) -> Look<'_> {
        match self.poller.look(id) {
            Look::Round(round) => {
                match sandboxes::leaving(client, scope, round.pages).await {
                    Ok(sighting) => round.finish(sighting),
                    Err(error) => tracing::debug!(%error, "a round of the poller failed"),
                }
                self.poller.look(id)
            }
            look => look,
        }
    }

    /// Sees what is under an id before anything is done to it.
    async fn see(&self, target: &Identity) -> Result<Seen> {
        if let Some(seen) = self.recent.take(target) {
            return Ok(seen);
        }
        let found = self.read(target).await?;
        let seen = self.recent.take(target);
        seen.or_else(|| found.as_ref().map(Seen::new))
            .ok_or_else(|| gone(target.kind))
    }

    async fn ask_to_end(&self, target: &Identity, options: StopOptions) -> Result<()> {
        if target.kind != Kind::SANDBOX {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be stopped", target.kind),
            ));
        }
        check_target(target)?;
        let seen = self.see(target).await?;
        if seen.state.is_dead() || seen.state == State::Removing {
            return Ok(());
        }
        let (client, scope) = self.reach().await?;
        sandboxes::stop(client, &scope, &target.native, options).await
    }

    /// Archives what has ended. What is refused here sends nothing, so its read can serve the stop that
    /// follows.
    async fn store(&self, target: &Identity) -> Result<()> {
        let never = |what: String| Err(Error::new(ErrorKind::Unsupported, what));
        if target.kind != Kind::SANDBOX {
            return never(format!("a {} cannot be archived", target.kind));
        }
        check_target(target)?;
        if self.recent.peek(target).is_none() {
            self.read(target).await?;
        }
        let seen = self.recent.peek(target).ok_or_else(|| gone(target.kind))?;
        match seen.state {
            State::Removing => return Err(in_progress()),
            _ if seen.is_in_storage => return Ok(()),
            _ if seen.is_ephemeral => {
                return never(
                    "ephemeral sandboxes cannot be archived; stopping deletes them".into(),
                );
            }
            State::Stopped => {}
            state => {
                let refusal = format!("it is {}; only stopped sandboxes can be archived", seen.raw);
                return match state.is_running() {
                    true => Err(Error::new(ErrorKind::Conflict, refusal)),
                    false => never(refusal),
                };
            }
        }
        self.recent.take(target);
        let (client, scope) = self.reach().await?;
        sandboxes::archive(client, &scope, &target.native).await
    }

    /// What the key may do, as the service says now. Of a token it says nothing.
    async fn allowed(&self, acts: Vec<Act>) -> Result<Vec<Right>> {
        let client = self.client().await?;
        let Some(key) = account::key(client).await? else {
            return Ok(Vec::new());
        };
        let rights = acts.into_iter();
        Ok(rights.filter_map(|act| account::right(&key, act)).collect())
    }

    async fn set_labels(
        &self,
        target: &Identity,
        labels: &BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        if target.kind != Kind::SANDBOX {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} has no labels", target.kind),
            ));
        }
        check_target(target)?;
        let seen = self.see(target).await?;
        if seen.state == State::Removing {
            return Err(in_progress());
        }
        sandboxes::relabel(self.client().await?, &target.native, labels).await
    }

    async fn remove(&self, target: &Identity, options: DeleteOptions) -> Result<()> {
        check_target(target)?;
        let seen = self.see(target).await?;
        if seen.is_hidden {
            return Err(sandboxes::hides(&seen.raw, seen.reason()));
        }
        if seen.state == State::Removing {
            return Err(in_progress());
        }
        // The service itself would delete what runs like anything else.
        if seen.state.is_running() && !options.force {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("it is {}; deleting it needs force", seen.state),
            ));
        }
        let (client, scope) = self.reach().await?;
        let id = target.native.as_str();
        match target.kind {
            Kind::SNAPSHOT => snapshots::delete(client, &scope, id).await,
            Kind::VOLUME => volumes::delete(client, &scope, id).await,
            _ => {
                let answer = sandboxes::delete(client, &scope, id, &seen, &self.busy).await;
                let is_on_its_way = self.undeletable.classify(id, &seen.raw, answer)?;
                self.poller.watch(&seen.resource, is_on_its_way);
                Ok(())
            }
        }
    }
}

/// Refuses what cannot be meant, before anything is sent.
fn check_target(target: &Identity) -> Result<()> {
    if !KINDS.contains(&target.kind) {
        return Err(account::no_such_kind(target.kind));
    }
    native::check(target.kind, &target.native)
}

const KINDS: [Kind; 3] = [Kind::SANDBOX, Kind::SNAPSHOT, Kind::VOLUME];

/// What an organization has.
fn kinds() -> Vec<KindInfo> {
    vec![
        KindInfo {
            can: Can {
                stop: true,
                archive: true,
                end_by_delete: true,
                relabel: true,
                ..Can::default()
            },
            // Those that are linked to it.
            used_by: vec![Kind::SANDBOX],
            takes_along: vec![Kind::SANDBOX],
            ..KindInfo::sandbox()
        },
        KindInfo::snapshot(&[Kind::SANDBOX]),
        KindInfo::volume(&[Kind::SANDBOX]),
    ]
}

#[async_trait]
impl Backend for Daytona {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: kinds(),
            methods: vec![Method::Rights, Method::Relabel],
            concurrency: 16,
        }
    }

    async fn check(&self) -> Result<Account> {
        self.bounded(false, self.describe()).await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        self.bounded(false, self.list_page(&request)).await
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        self.bounded(false, self.read(target)).await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        self.bounded(true, self.ask_to_end(target, options)).await?;
        Ok(Taken::Accepted)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        match self.bounded(true, self.remove(target, options)).await {
            Ok(()) => Ok(Taken::Accepted),
            Err(error) => sandboxes::surrendered(error),
        }
    }

    async fn archive(&self, target: &Identity) -> Result<Taken> {
        self.bounded(true, self.store(target)).await?;
        Ok(Taken::Accepted)
    }

    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>> {
        if acts.is_empty() {
            return Ok(Vec::new());
        }
        self.bounded(false, self.allowed(acts)).await
    }

    async fn relabel(
        &self,
        target: &Identity,
        labels: BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        self.bounded(true, self.set_labels(target, &labels)).await
    }
}
