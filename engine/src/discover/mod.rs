//! Stage one: ask every backend what is there.
//!
//! - [`inventory`]: what was found, and who uses what
//! - `arrivals`: when that arrived which was made elsewhere
//! - [`recognise`]: whose it is

mod arrivals;
pub mod inventory;
pub mod recognise;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashSet, HashSetExt as _};
use futures_util::future::{Either, join_all, select};
use serde::{Deserialize, Serialize};
use tbengine_sdk::host::{OpenBackend, call};
use tbengine_sdk::{
    Account, Detail, Error, ErrorKind, Kind, ListRequest, Method, Resource, Unreadable,
    WatchRequest,
};

use crate::kinds::Kinds;
use crate::scope::Scope;
pub use inventory::Inventory;
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
    /// What of the kind failed, if the others of it were listed: as much of an id or a name as there is.
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
    /// The longest wait for one answer.
    pub call_timeout: Duration,
    /// How many resources to ask for at a time.
    pub page_size: usize,
    /// Whether to name the account of a backend that has nothing. What identifies nothing and is not
    /// acted on needs none, and naming it is the slowest request of some providers.
    pub account_of_nothing: bool,
    /// Whether to note from where the changes since the listing can be followed, for whoever acts on it.
    pub follow: bool,
}

/// A page more than this is a provider that never ends its listing.
const MAX_PAGES: usize = 100_000;

/// How long a listing waits to know from where changes can be followed. It does not need to.
const MAX_CURSOR_WAIT: Duration = Duration::from_secs(2);

/// How often the account, or a page, is asked for before that counts as failed.
const LIST_ATTEMPTS: u32 = 3;

/// The longest pause that a listing makes because a provider asks for it.
const MAX_LIST_PAUSE: Duration = Duration::from_secs(30);

/// Asks every backend in scope for its account and its resources, all at once.
pub async fn discover(
    backends: &[OpenBackend],
    scope: &Scope,
    options: DiscoverOptions,
) -> Inventory {
    let asked = backends
        .iter()
        .filter(|backend| scope.admits_backend(&backend.name))
        .map(|backend| discover_backend(backend, scope, options));
    let mut accounts = BTreeMap::new();
    let mut pages = Vec::new();
    let mut failures = Vec::new();
    let mut cursors = BTreeMap::new();
    for found in join_all(asked).await {
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
    let mut inventory =
        Inventory::new(accounts, resources, failures).with_kinds(Kinds::of(backends));
    inventory.cursors = cursors;
    let asked = backends
        .iter()
        .filter(|backend| scope.admits_backend(&backend.name));
    inventory.providers = asked
        .map(|backend| (backend.name.clone(), backend.kind.clone()))
        .collect();
    inventory
}

struct Found {
    name: Arc<str>,
    cursor: Option<String>,
    account: Option<Account>,
    pages: Vec<Vec<Resource>>,
    failures: Vec<ListFailure>,
}

async fn discover_backend(open: &OpenBackend, scope: &Scope, options: DiscoverOptions) -> Found {
    let mut found = Found {
        name: open.name.clone(),
        cursor: match options.follow {
            true => cursor(open, options).await,
            false => None,
        },
        account: None,
        pages: Vec::new(),
        failures: Vec::new(),
    };
    let kinds = scope.needed_kinds(&open.capabilities.kinds);
    let listings = kinds
        .into_iter()
        .map(|kind| async move { (kind, list_kind(open, kind, options).await) });
    // All at once: identifying the account can take as long as listing everything.
    let check = again(open, "identifying the account", || {
        call("check", options.call_timeout, open.backend.check())
    });
    let (mut check, mut listings) = (pin!(check), pin!(join_all(listings)));
    let (account, listings) = match select(check.as_mut(), listings.as_mut()).await {
        Either::Left((account, _)) => (account, listings.await),
        Either::Right((listings, _)) if !options.account_of_nothing && all_empty(&listings) => {
            return found;
        }
        Either::Right((listings, _)) => (check.await, listings),
    };
    match account {
        Ok(account) => found.account = Some(account),
        // Without an account the listings prove nothing, and their errors say the same again.
        Err(error) => {
            found.failures.push(ListFailure {
                backend: open.name.clone(),
                kind: None,
                item: None,
                error,
            });
            return found;
        }
    }
    for (kind, listing) in listings {
        match listing {
            Ok(listing) => {
                found.pages.extend(listing.pages);
                let unreadable = listing.unreadable.into_iter();
                found.failures.extend(unreadable.map(|item| ListFailure {
                    backend: open.name.clone(),
                    kind: Some(kind),
                    item: Some(item.shown),
                    error: Error::new(ErrorKind::Internal, item.message),
                }));
            }
            Err(error) => found.failures.push(ListFailure {
                backend: open.name.clone(),
                kind: Some(kind),
                item: None,
                error,
            }),
        }
    }
    found
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

/// Lists every page of a kind. A listing that fails half-way counts as failed: half a view is none.
async fn list_kind(
    open: &OpenBackend,
    kind: Kind,
    options: DiscoverOptions,
) -> Result<Listed, Error> {
    let mut request = ListRequest {
        kind,
        cursor: None,
        page_size: options.page_size,
        detail: match options.sizes {
            true => Detail::Sizes,
            false => Detail::Facts,
        },
    };
    let (mut pages, mut unreadable) = (Vec::new(), Vec::new());
    let mut seen_cursors = HashSet::new();
    for _ in 0..MAX_PAGES {
        let page = list_page(open, &request, options.call_timeout).await?;
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
                format!("the listing of {kind}s does not end: the same cursor was returned twice"),
            ));
        }
        request.cursor = Some(cursor);
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!("the listing of {kind}s did not end after {MAX_PAGES} pages"),
    ))
}

/// Asks for one page.
async fn list_page(
    open: &OpenBackend,
    request: &ListRequest,
    timeout: Duration,
) -> Result<tbengine_sdk::Page, Error> {
    again(open, request.kind.word(), || {
        call("list", timeout, open.backend.list(request.clone()))
    })
    .await
}

/// Asks again after passing faults: they must not blind the whole run.
async fn again<T, F: Future<Output = Result<T, Error>>>(
    open: &OpenBackend,
    what: &str,
    ask: impl Fn() -> F,
) -> Result<T, Error> {
    let mut attempt = 1;
    loop {
        match ask().await {
            Err(error)
                if attempt < LIST_ATTEMPTS
                    && (error.kind == ErrorKind::Transient || error.kind.gates_backend()) =>
            {
                let pause = Duration::from_millis(200 << attempt);
                let pause = pause.max(error.retry_after.unwrap_or_default());
                tracing::warn!(backend = %open.name, what, %error, ?pause, "listing failed, retrying");
                tokio::time::sleep(pause.min(MAX_LIST_PAUSE)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
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
