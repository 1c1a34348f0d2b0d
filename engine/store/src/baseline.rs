//! What was there before a lease was taken.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tbengine_sdk::{Identity, Timestamp};

use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::resource_key;

/// What was there before a lease was taken: never made under it, whatever else points to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Baseline {
    /// When it was taken, by the clock of this host.
    pub taken: Timestamp,
    /// The id of the account behind each backend.
    pub accounts: BTreeMap<Arc<str>, Arc<str>>,
    /// Every resource that was listed, by account, kind and native id.
    keys: HashSet<String>,
}

impl Baseline {
    /// Nothing, for a lease that is also about what was there before it.
    pub fn nothing(inventory: &Inventory, taken: Timestamp) -> Self {
        Self {
            keys: HashSet::new(),
            ..Self::of(inventory, taken)
        }
    }

    /// What an inventory holds. The caller has seen to it that nothing failed to be listed.
    pub fn of(inventory: &Inventory, taken: Timestamp) -> Self {
        let resources = inventory.resources.iter();
        let accounts = inventory.accounts.iter();
        Self {
            taken,
            accounts: accounts
                .map(|(backend, account)| (backend.clone(), account.id.clone()))
                .collect(),
            keys: resources.map(|one| resource_key(&one.identity)).collect(),
        }
    }

    /// The same without what is claimed, by native ids: it was there, and is the lease's all the same.
    #[must_use]
    pub fn without(mut self, inventory: &Inventory, claims: &[String]) -> Self {
        let resources = inventory.resources.iter();
        for one in resources.filter(|one| claims.contains(&one.identity.native)) {
            self.keys.remove(&resource_key(&one.identity));
        }
        self
    }

    /// Whether a resource was there.
    pub fn has(&self, identity: &Identity) -> bool {
        self.keys.contains(&resource_key(identity))
    }

    /// The backends that lead to another account by now. What was made in the one of then cannot be seen.
    pub fn elsewhere<'a>(&'a self, inventory: &'a Inventory) -> impl Iterator<Item = &'a str> {
        self.accounts.iter().filter_map(|(backend, then)| {
            let now = &inventory.accounts.get(backend)?.id;
            (now != then).then_some(&**backend)
        })
    }

    /// How many resources were there.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing was there.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
