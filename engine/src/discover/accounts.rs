//! Accounts that several backends lead to, and accounts that only show the same id.
//!
//! Two backends whose accounts have one id, and one server where both say it, are two names for one account: what is
//! there is one resource each, through the first of them. Equal ids with different servers are two accounts, as cloned
//! machines have them: the id of each is completed by its server, so that locks, plans and records tell them apart.

use std::fmt;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use serde::Serialize;
use tbengine_sdk::{Account, Kind};

use super::Found;

/// Backends whose accounts show one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SharedAccount {
    /// The id.
    pub account: Arc<str>,
    /// The backends, in the order of the configuration. Where it is one account, its resources count as the first
    /// one's.
    pub backends: Vec<Arc<str>>,
    /// Whether they are one account, or servers of their own.
    pub is_one: bool,
}

impl fmt::Display for SharedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .backends
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let (first, names) = (&names[0], names.join(", "));
        let account = &self.account;
        match self.is_one {
            true => write!(
                f,
                "backends {names} lead to one account ({account}): its resources count once, as {first}'s"
            ),
            false => write!(
                f,
                "backends {names} are servers of their own and show one id ({account}), as cloned machines do; give each an id of its own"
            ),
        }
    }
}

/// Which of these accounts are one, or show one id.
pub fn shared_accounts(
    accounts: impl IntoIterator<Item = (Arc<str>, Account)>,
) -> Vec<SharedAccount> {
    let all = accounts.into_iter().enumerate();
    let all = all.map(|(index, (name, account))| Found {
        index,
        name,
        provider: Arc::from(""),
        cursor: None,
        account: Some(account),
        disks: Vec::new(),
        skew: None,
        pages: Vec::new(),
        failures: Vec::new(),
    });
    Accounts::default()
        .make_out(&mut all.collect::<Vec<_>>())
        .shared
}

/// The accounts that are known so far.
#[derive(Default)]
pub(super) struct Accounts {
    /// The first backend of each, as it was listed.
    known: Vec<(Arc<str>, Account)>,
}

/// What was made out about backends that were listed together.
#[derive(Default)]
pub(super) struct MadeOut {
    /// The accounts that need a word.
    pub(super) shared: Vec<SharedAccount>,
    /// The ids of accounts as resources have them, by backend, where that is not the account's own.
    pub(super) completed: Vec<(Arc<str>, Arc<str>)>,
}

/// How many characters of a server complete an id.
const SERVER_LENGTH: usize = 8;

impl Accounts {
    /// Makes out which of these backends lead to the same, and leaves one of each resource. They are in the order of
    /// the configuration; those of earlier calls come before them.
    pub(super) fn make_out(&mut self, all: &mut [Found]) -> MadeOut {
        let mut made_out = MadeOut::default();
        let earlier = self.known.len();
        for at in 0..all.len() {
            let (before, rest) = all.split_at_mut(at);
            let found = &mut rest[0];
            let Some(account) = found.account.clone() else {
                continue;
            };
            let same = |(_, known): &&(Arc<str>, Account)| is_one(known, &account);
            if let Some((first, _)) = self.known.iter().find(same) {
                made_out.note(&account.id, first, &found.name, true);
                match before.iter().find(|other| other.name == *first) {
                    Some(first) => leave_out(found, first),
                    // That one is being worked on already.
                    None => found.pages.clear(),
                }
                continue;
            }
            let like = |(_, known): &&(Arc<str>, Account)| known.id == account.id;
            if let Some((first, _)) = self.known.iter().find(like) {
                made_out.note(&account.id, first, &found.name, false);
            }
            self.known.push((found.name.clone(), account));
        }
        // Where ids are equal, each is completed that nobody works on yet.
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        for (_, account) in &self.known {
            *by_id.entry(&account.id).or_default() += 1;
        }
        for (name, account) in &self.known[earlier..] {
            if by_id[&*account.id] < 2 {
                continue;
            }
            let id: Arc<str> = completed(account).into();
            if let Some(found) = all.iter_mut().find(|found| found.name == *name) {
                for resource in found.pages.iter_mut().flatten() {
                    resource.identity.account.clone_from(&id);
                }
            }
            made_out.completed.push((name.clone(), id));
        }
        made_out
    }
}

impl MadeOut {
    fn note(&mut self, id: &Arc<str>, first: &Arc<str>, other: &Arc<str>, is_one: bool) {
        let mut known = self.shared.iter_mut();
        let known = known.find(|one| one.backends[0] == *first && one.is_one == is_one);
        match known {
            Some(known) => known.backends.push(other.clone()),
            None => self.shared.push(SharedAccount {
                account: id.clone(),
                backends: vec![first.clone(), other.clone()],
                is_one,
            }),
        }
    }
}

/// Whether two accounts are one. Who does not say its server is taken for the same: the wrong guess costs a cleaning
/// that is missed, and never a deletion.
fn is_one(one: &Account, other: &Account) -> bool {
    let differ = matches!((&one.server, &other.server), (Some(one), Some(other)) if one != other);
    one.id == other.id && !differ
}

/// The id of an account with its server.
fn completed(account: &Account) -> String {
    let server = account.server.as_deref().unwrap_or_default();
    let server: String = server.chars().take(SERVER_LENGTH).collect();
    format!("{}~{server}", account.id)
}

/// Leaves out what the first name of an account shows as well.
fn leave_out(found: &mut Found, first: &Found) {
    let seen: HashSet<(Kind, &str)> = {
        let resources = first.pages.iter().flatten();
        let count = first.pages.iter().map(Vec::len).sum();
        let mut seen = HashSet::with_capacity(count);
        seen.extend(resources.map(|one| (one.identity.kind, &*one.identity.native)));
        seen
    };
    for page in &mut found.pages {
        page.retain(|one| !seen.contains(&(one.identity.kind, &*one.identity.native)));
    }
}
