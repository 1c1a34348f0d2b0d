//! Stage one: ask every backend what exists.
//!
//! - [`listings`]: the backends that are being listed, and how long each is waited for
//! - `accounts`: accounts that several backends lead to
//! - [`inventory`]: what was found, and who uses what
//! - `arrivals`: when that arrived which was made elsewhere
//! - [`recognise`]: whose it is

mod accounts;
mod arrivals;
pub mod inventory;
pub mod listings;
pub mod recognise;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foldhash::{HashSet, HashSetExt as _};
use futures_util::future::{Either, join_all, select};
use serde::{Deserialize, Serialize};
use tbengine_sdk::error::NO_ANSWER;
use tbengine_sdk::host::{OpenBackend, call, call_while};
use tbengine_sdk::{
    Account, Detail, Disk, Error, ErrorKind, Kind, ListRequest, Method, Page, Resource, Unreadable,
    WatchRequest,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::RunClock;
use crate::kinds::Kinds;
use crate::scope::Scope;
use crate::skew::Skew;
use accounts::Accounts;
pub use accounts::{SharedAccount, shared_accounts};
pub use inventory::Inventory;
pub use listings::Listings;
use listings::Signs;
pub use recognise::Recognition;

/// A backend, or one kind of its resources, that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListFailure {
    /// The backend.
    pub backend: Arc<str>,
    /// The kind that failed, or `None` if the backend did not answer at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What of the kind failed, if the others of it were listed: as much of an id or a name as there is. Without a kind,
    /// what of the backend is wrong although it was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Why.
    pub error: Error,
}

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub struct DiscoverOptions {
    /// Whether to find out sizes even where that is slow.
    pub sizes: bool,
    /// Whether to read how full the disks are.
    pub disks: bool,
    /// The longest wait for one answer.
    pub call_timeout: Duration,
    /// How many resources to ask for at a time.
    pub page_size: usize,
    /// Whether to name the account of a backend that has nothing. What identifies nothing and is not
    /// acted on needs none, and naming it is the slowest request of some providers.
    pub account_of_nothing: bool,
    /// Whether to note from where the changes since the listing can be followed, for a caller that acts on it.
    pub follow: bool,
    /// When what is not listed by then is left out.
    pub until: Option<Instant>,
    /// The time here, to compare the providers' clocks with.
    pub clock: RunClock,
}

/// A page more than this is a provider that never ends its listing.
const MAX_PAGES: usize = 100_000;

/// How long a listing waits to know from where changes can be followed. It does not need to.
const MAX_CURSOR_WAIT: Duration = Duration::from_secs(2);

/// How often the account, or a page, is asked for before that counts as failed.
const LIST_ATTEMPTS: u32 = 3;

/// How long, once another backend has been listed, those are waited for that give no answer at all. Who waits for
/// an answer to one plan waits for this.
pub const MAX_LAG: Duration = Duration::from_secs(15);

/// The longest pause that a listing makes because a provider asks for it.
const MAX_LIST_PAUSE: Duration = Duration::from_secs(30);

/// Asks every backend in scope for its account and its resources, all at once. What comes too late is left out,
/// and is among the failures.
pub async fn discover(
    backends: &[OpenBackend],
    scope: &Scope,
    options: DiscoverOptions,
) -> Inventory {
    let mut listings = Listings::begin(backends, scope, options);
    listings.rest().await;
    listings.take().with_kinds(Kinds::of(backends))
}

/// Puts together what was found in several backends.
fn inventory_of(mut all: Vec<Found>, known: &mut Accounts) -> Inventory {
    // Which one was first does not show in the result.
    all.sort_by_key(|found| found.index);
    let made_out = known.make_out(&mut all);
    let providers = all.iter();
    let providers = providers
        .map(|found| (found.name.clone(), found.provider.clone()))
        .collect();
    let mut accounts = BTreeMap::new();
    let mut pages = Vec::new();
    let mut failures = Vec::new();
    let mut cursors = BTreeMap::new();
    let mut disks = BTreeMap::new();
    let skews = all.iter();
    let clocks = skews
        .filter_map(|found| Some((found.name.clone(), found.skew?)))
        .collect();
    for found in all {
        if !found.disks.is_empty() {
            disks.insert(found.name.clone(), found.disks);
        }
        cursors.extend(found.cursor.map(|cursor| (found.name.clone(), cursor)));
        if let Some(account) = found.account {
            accounts.insert(found.name, account);
        }
        pages.extend(found.pages);
        failures.extend(found.failures);
    }
    // Put together once and in the right size: growing a list of a million copies it over and over.
    let mut resources = Vec::with_capacity(pages.iter().map(Vec::len).sum());
    for page in pages {
        resources.extend(page);
    }
    let mut inventory = Inventory::new(accounts, resources, failures);
    inventory.clocks = clocks;
    inventory.cursors = cursors;
    inventory.disks = disks;
    inventory.providers = providers;
    inventory.shared = made_out.shared;
    inventory.completed = made_out.completed;
    inventory
}

/// What was found in one backend.
struct Found {
    /// The index of the backend among all.
    index: usize,
    name: Arc<str>,
    /// The kind of the backend.
    provider: Arc<str>,
    cursor: Option<String>,
    account: Option<Account>,
    disks: Vec<Disk>,
    skew: Option<Skew>,
    pages: Vec<Vec<Resource>>,
    failures: Vec<ListFailure>,
}

/// One backend that is being listed.
struct Asking<'a> {
    index: usize,
    open: &'a OpenBackend,
    scope: &'a Scope,
    options: DiscoverOptions,
    signs: Signs,
    /// Fires when it is not waited for any more.
    late: CancellationToken,
    /// Why, once that is so.
    why: Arc<OnceLock<String>>,
}

impl Asking<'_> {
    async fn ask(&self) -> Found {
        let open = self.open;
        let mut found = Found {
            index: self.index,
            name: open.name.clone(),
            provider: open.kind.clone(),
            cursor: match self.options.follow {
                true => cursor(open, self.options).await,
                false => None,
            },
            account: None,
            disks: Vec::new(),
            skew: None,
            pages: Vec::new(),
            failures: Vec::new(),
        };
        let failed = |kind, item, error| ListFailure {
            backend: open.name.clone(),
            kind,
            item,
            error,
        };
        let kinds = self.scope.needed_kinds(&open.capabilities.kinds);
        let listings = kinds
            .into_iter()
            .map(|kind| async move { (kind, self.in_time(self.list_kind(kind)).await) });
        // All at once: identifying the account can take as long as listing everything.
        let check = self.in_time(self.retrying("identifying the account", || self.check()));
        let (mut check, mut listings) = (pin!(check), pin!(join_all(listings)));
        let (account, listings) = match select(check.as_mut(), listings.as_mut()).await {
            Either::Left((Ok(checked), _)) => (Ok(checked), listings.await),
            // Without an account the listings prove nothing, so nobody waits for them.
            Either::Left((Err(error), _)) => (Err(error), Vec::new()),
            Either::Right((listings, _))
                if !self.options.account_of_nothing && all_empty(&listings) =>
            {
                return found;
            }
            Either::Right((listings, _)) => (check.await, listings),
        };
        if self.options.disks {
            found.disks = disks(open, self.options).await;
        }
        match account {
            Ok((account, skew)) => {
                found.account = Some(account);
                found.skew = skew;
            }
            // Their errors say the same again.
            Err(error) => {
                found.failures.push(failed(None, None, error));
                return found;
            }
        }
        for (kind, listing) in listings {
            match listing {
                Ok(listing) => {
                    found.pages.extend(listing.pages);
                    let unreadable = listing.unreadable.into_iter();
                    found.failures.extend(unreadable.map(|item| {
                        let error = Error::new(ErrorKind::Internal, item.message);
                        failed(Some(kind), Some(item.shown), error)
                    }));
                }
                Err(error) => found.failures.push(failed(Some(kind), None, error)),
            }
        }
        found
    }

    /// Asks for the account, and compares the provider's clock with ours.
    async fn check(&self) -> Result<(Account, Option<Skew>), Error> {
        let clock = self.options.clock;
        let asked = clock.now();
        let check = self.open.backend.check();
        let account = call("check", self.options.call_timeout, check).await?;
        let theirs = account.now;
        let skew = theirs.and_then(|theirs| Skew::between(asked, clock.now(), theirs));
        Ok((account, skew))
    }

    /// Ends a request when this backend is not waited for any more.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.late.cancelled() => {
                let why = self.why.get().cloned().unwrap_or_default();
                Err(Error::new(ErrorKind::Unavailable, why).with_code(NO_ANSWER))
            }
        }
    }

    /// Lists every page of a kind. A listing that fails half-way counts as failed: half a view is none.
    async fn list_kind(&self, kind: Kind) -> Result<Listed, Error> {
        let options = self.options;
        let mut request = ListRequest {
            kind,
            cursor: None,
            page_size: options.page_size,
            detail: match options.sizes {
                true => Detail::Sizes,
                false => Detail::Facts,
            },
            // One of its own: another kind's answers say nothing about this one.
            progress: self.signs.another(),
        };
        let (mut pages, mut unreadable) = (Vec::new(), Vec::new());
        let mut seen_cursors = HashSet::new();
        for _ in 0..MAX_PAGES {
            let page = self.list_page(&request).await?;
            pages.push(page.resources);
            unreadable.extend(page.unreadable);
            let Some(cursor) = page.next else {
                return Ok(Listed {
                    pages: deduplicated(pages),
                    unreadable,
                });
            };
            if !seen_cursors.insert(cursor.clone()) {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!(
                        "the listing of {} does not end: the same cursor was returned twice",
                        kind.plural()
                    ),
                ));
            }
            request.cursor = Some(cursor);
        }
        Err(Error::new(
            ErrorKind::Internal,
            format!(
                "the listing of {} did not end after {MAX_PAGES} pages",
                kind.plural()
            ),
        ))
    }

    /// Asks for one page, which may take as long as its backend gets answers.
    async fn list_page(&self, request: &ListRequest) -> Result<Page, Error> {
        let timeout = self.options.call_timeout;
        self.retrying(request.kind.word(), || {
            let page = self.open.backend.list(request.clone());
            call_while("list", timeout, &request.progress, page)
        })
        .await
    }

    /// Asks again after passing faults: they must not blind the whole run. What did not answer within its time is
    /// not asked again, since it had that.
    async fn retrying<T, F: Future<Output = Result<T, Error>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> Result<T, Error> {
        let answered = self.signs.another();
        let mut attempt = 1;
        loop {
            let answer = ask().await;
            answered.made();
            match answer {
                Err(error)
                    if attempt < LIST_ATTEMPTS
                        && error.code.as_deref() != Some(NO_ANSWER)
                        && (error.kind == ErrorKind::Transient || error.kind.gates_backend()) =>
                {
                    let pause = Duration::from_millis(200 << attempt);
                    let pause = pause.max(error.retry_after.unwrap_or_default());
                    tracing::warn!(backend = %self.open.name, what, %error, ?pause, "listing failed, retrying");
                    tokio::time::sleep(pause.min(MAX_LIST_PAUSE)).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }
}

/// The disks of a backend. A policy that asked for them does without those that cannot be read.
async fn disks(open: &OpenBackend, options: DiscoverOptions) -> Vec<Disk> {
    if !open.capabilities.has(Method::Disks) {
        return Vec::new();
    }
    let answer = call("disks", options.call_timeout, open.backend.disks()).await;
    answer.unwrap_or_else(|error| {
        tracing::warn!(backend = %open.name, %error, "cannot read how full the disks are");
        Vec::new()
    })
}

/// From where the changes of a backend can be followed. That this is not known costs a reading of each resource.
async fn cursor(open: &OpenBackend, options: DiscoverOptions) -> Option<String> {
    let kinds = open.capabilities.kinds.iter();
    let kinds: Vec<Kind> = kinds
        .filter(|info| info.can.watch)
        .map(|info| info.kind)
        .collect();
    if kinds.is_empty() || !open.capabilities.has(Method::Watch) {
        return None;
    }
    let request = WatchRequest {
        kinds,
        since: None,
        wait: Duration::ZERO,
    };
    let timeout = options.call_timeout.min(MAX_CURSOR_WAIT);
    match call("watch", timeout, open.backend.watch(request)).await {
        Ok(changes) => Some(changes.cursor),
        Err(error) => {
            tracing::debug!(backend = %open.name, %error, "changes cannot be followed");
            None
        }
    }
}

/// What one listing showed.
struct Listed {
    pages: Vec<Vec<Resource>>,
    unreadable: Vec<Unreadable>,
}

/// Whether every listing worked and none holds anything.
fn all_empty(listings: &[(Kind, Result<Listed, Error>)]) -> bool {
    listings.iter().all(|(_, listing)| {
        matches!(listing, Ok(listed) if listed.unreadable.is_empty() && listed.pages.iter().all(Vec::is_empty))
    })
}

/// Drops repeats: pages may overlap while others work.
fn deduplicated(mut pages: Vec<Vec<Resource>>) -> Vec<Vec<Resource>> {
    let mut first_of: HashSet<&str> = HashSet::with_capacity(pages.iter().map(Vec::len).sum());
    let keep: Vec<bool> = pages
        .iter()
        .flatten()
        .map(|resource| first_of.insert(&resource.identity.native))
        .collect();
    if keep.contains(&false) {
        let mut keep = keep.into_iter();
        for page in &mut pages {
            page.retain(|_| keep.next().unwrap_or(true));
        }
    }
    pages
}
