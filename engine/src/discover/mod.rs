//! Stage one: ask every backend what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use serde::{Deserialize, Serialize};
use tbengine_sdk::{Account, Error, ErrorKind, Kind, ListRequest, Resource, ResourceId};

use crate::backend::{OpenBackend, call};
use crate::scope::Scope;

/// What discovery found, with what it failed to list.
///
/// What was not listed is unknown, never gone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The account behind each backend that answered.
    pub accounts: BTreeMap<Arc<str>, Account>,
    /// Every resource that was listed, once.
    pub resources: Vec<Resource>,
    /// What could not be listed.
    pub failures: Vec<ListFailure>,
    used: HashMap<usize, Users>,
    /// By the place of a resource: the places of what deleting it would delete as well.
    taken_along: HashMap<usize, Vec<usize>>,
}

/// Who uses one resource.
#[derive(Clone, Debug, Default)]
struct Users {
    ids: Vec<ResourceId>,
    places: Vec<usize>,
}

/// A backend, or one kind of its resources, that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListFailure {
    /// The backend.
    pub backend: Arc<str>,
    /// The kind that failed, or `None` if the backend did not answer at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
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
}

/// A page more than this is a provider that never ends its listing.
const MAX_PAGES: usize = 100_000;

/// How often the account, or a page, is asked for before that counts as failed.
const LIST_ATTEMPTS: u32 = 3;

/// The longest pause that a listing makes because a provider asks for it.
const LONGEST_LIST_PAUSE: Duration = Duration::from_secs(30);

impl Inventory {
    /// An inventory of these resources, as if they had been listed.
    pub fn new(
        accounts: BTreeMap<Arc<str>, Account>,
        resources: Vec<Resource>,
        failures: Vec<ListFailure>,
    ) -> Self {
        let used = users(&resources);
        let mut taken_along: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, users) in &used {
            let native = &resources[*place].identity.native;
            let takes = |user: &&usize| {
                let mut relations = resources[**user].uses.iter();
                relations.any(|relation| relation.cascade && relation.native == *native)
            };
            for user in users.places.iter().filter(takes) {
                taken_along.entry(*user).or_default().push(*place);
            }
        }
        Self {
            accounts,
            resources,
            failures,
            used,
            taken_along,
        }
    }

    /// What deleting the resource at this place would delete as well, as far as it was listed.
    pub fn cascade_of(&self, place: usize) -> impl Iterator<Item = &Resource> {
        let places = self.taken_along.get(&place).map_or(&[][..], Vec::as_slice);
        places.iter().map(|place| &self.resources[*place])
    }

    /// The ids of the resources that use the one at this place.
    pub fn holders(&self, place: usize) -> &[ResourceId] {
        self.used.get(&place).map_or(&[], |users| &users.ids)
    }

    /// The places of the resources that use the one at this place.
    pub fn holder_places(&self, place: usize) -> &[usize] {
        self.used.get(&place).map_or(&[], |users| &users.places)
    }

    /// Whether everything that might hold a resource of this backend was listed.
    pub fn knows_holders_in(&self, backend: &str) -> bool {
        !self.failures.iter().any(|failure| {
            &*failure.backend == backend
                && failure.kind.is_none_or(|kind| kind.deletion_rank() == 0)
        })
    }
}

/// Who uses what, by places. Only what is used at all gets an entry.
fn users(resources: &[Resource]) -> HashMap<usize, Users> {
    // Borrowed keys: an inventory can have a million ids.
    let mut relations: HashMap<(&str, Kind, &str), Vec<usize>> = HashMap::new();
    for (place, user) in resources.iter().enumerate() {
        for relation in &user.uses {
            let key = (&*user.identity.backend, relation.kind, &*relation.native);
            relations.entry(key).or_default().push(place);
        }
    }
    if relations.is_empty() {
        return HashMap::new();
    }
    let users_of = |(place, used): (usize, &Resource)| {
        let identity = &used.identity;
        let key = (&*identity.backend, identity.kind, &*identity.native);
        let places = relations.get(&key)?.clone();
        let ids = places
            .iter()
            .map(|user| resources[*user].identity.id())
            .collect();
        Some((place, Users { ids, places }))
    };
    resources.iter().enumerate().filter_map(users_of).collect()
}

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
    for found in join_all(asked).await {
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
    Inventory::new(accounts, resources, failures)
}

struct Found {
    name: Arc<str>,
    account: Option<Account>,
    pages: Vec<Vec<Resource>>,
    failures: Vec<ListFailure>,
}

async fn discover_backend(open: &OpenBackend, scope: &Scope, options: DiscoverOptions) -> Found {
    let mut found = Found {
        name: open.name.clone(),
        account: None,
        pages: Vec::new(),
        failures: Vec::new(),
    };
    let kinds = open.backend.capabilities().kinds;
    let listings = kinds
        .into_iter()
        .filter(|kind| scope.needs_kind(*kind))
        .map(|kind| async move { (kind, list_kind(open, kind, options).await) });
    // All at once: naming the account can take as long as listing everything.
    let check = again(open, "naming the account", || {
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
                error,
            });
            return found;
        }
    }
    for (kind, listing) in listings {
        match listing {
            Ok(pages) => found.pages.extend(pages),
            Err(error) => found.failures.push(ListFailure {
                backend: open.name.clone(),
                kind: Some(kind),
                error,
            }),
        }
    }
    found
}

/// The pages of one listing.
type Pages = Vec<Vec<Resource>>;

/// Whether every listing worked and none holds anything.
fn all_empty(listings: &[(Kind, Result<Pages, Error>)]) -> bool {
    listings
        .iter()
        .all(|(_, listing)| matches!(listing, Ok(pages) if pages.iter().all(Vec::is_empty)))
}

/// Lists every page of a kind. A listing that fails half-way counts as failed: half a view is none.
async fn list_kind(
    open: &OpenBackend,
    kind: Kind,
    options: DiscoverOptions,
) -> Result<Pages, Error> {
    let mut request = ListRequest {
        kind,
        cursor: None,
        page_size: options.page_size,
        sizes: options.sizes,
    };
    let mut pages: Vec<Vec<Resource>> = Vec::new();
    let mut seen_cursors = HashSet::new();
    for _ in 0..MAX_PAGES {
        let page = list_page(open, &request, options.call_timeout).await?;
        pages.push(page.resources);
        let Some(cursor) = page.next else {
            return Ok(deduplicated(pages));
        };
        if !seen_cursors.insert(cursor.clone()) {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("the listing of {kind}s goes in circles: it gave the same cursor twice"),
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
                tracing::warn!(backend = %open.name, what, %error, ?pause, "listing failed, trying again");
                tokio::time::sleep(pause.min(LONGEST_LIST_PAUSE)).await;
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
