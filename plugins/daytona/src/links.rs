//! Which sandboxes are linked to which.
//!
//! The service deletes a sandbox together with those that are linked to it, and only a read by id says which those are.
//! Two facts of a listing spare most of these reads: what is linked is ephemeral, and it is on the machine of the older
//! one that it is linked to. And a link never changes, so each is read once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tbengine_sdk::Timestamp;

use crate::state::DESTROYED;
use crate::wire::{Sandbox, time};

/// What a sandbox is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing.
    No,
    /// This one.
    To(String),
    /// It could not be read: to any of these.
    Unread(Vec<String>),
}

/// What is known of links.
#[derive(Default)]
pub(crate) struct Links(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What was read: what each is linked to, if to anything.
    read: HashMap<String, Option<String>>,
    /// By machine: when each sandbox was created, and its id, oldest first. What is on none may be wanted on any.
    on: HashMap<String, Vec<(Option<Timestamp>, String)>>,
    noted: HashSet<String>,
}

impl Links {
    /// Notes a sandbox that was listed: one that is created later may be linked to it. Listings come oldest first.
    pub(crate) fn note(&self, item: &Sandbox) {
        let Some(id) = item.id.clone() else { return };
        let mut known = self.lock();
        if known.noted.insert(id.clone()) {
            let machine = item.runner_id.clone().unwrap_or_default();
            let created = time(item.created_at.as_deref());
            known.on.entry(machine).or_default().push((created, id));
        }
    }

    /// What a sandbox is linked to as far as that is known without a read of it.
    pub(crate) fn known(&self, item: &Sandbox) -> Option<Link> {
        if let Some(owner) = &item.linked_sandbox_id {
            return Some(Link::To(owner.clone()));
        }
        let is_lasting = item
            .auto_delete_interval
            .is_some_and(|minutes| minutes != 0.0);
        let state = item.state.as_deref().unwrap_or_default();
        let is_leaving = item.desired_state.as_deref() == Some(DESTROYED) || state == "destroying";
        if is_lasting || is_leaving {
            return Some(Link::No);
        }
        let known = self.lock();
        let id = item.id.as_deref()?;
        if let Some(owner) = known.read.get(id) {
            return Some(owner.clone().map_or(Link::No, Link::To));
        }
        let mut older = known.older(item);
        older.next().is_none().then_some(Link::No)
    }

    /// Notes what a read said.
    pub(crate) fn read(&self, id: &str, owner: Option<String>) {
        self.lock().read.insert(id.to_owned(), owner);
    }

    /// What a sandbox that cannot be read may be linked to.
    pub(crate) fn unread(&self, item: &Sandbox) -> Link {
        Link::Unread(self.lock().older(item).map(str::to_owned).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The older ones on the machine of a sandbox, or on a machine that is not known.
    fn older<'k>(&'k self, item: &'k Sandbox) -> impl Iterator<Item = &'k str> {
        let machine = item.runner_id.as_deref().unwrap_or_default();
        let mine = match machine {
            "" => None,
            machine => Some(self.on.get(machine).into_iter().chain(self.on.get(""))),
        };
        // On an unknown machine it may be linked to any.
        let any = mine.is_none().then(|| self.on.values());
        let all = mine.into_iter().flatten().chain(any.into_iter().flatten());
        let created = time(item.created_at.as_deref());
        let is_older = move |other: Option<Timestamp>| match (other, created) {
            (Some(other), Some(created)) => other <= created,
            _ => true,
        };
        let all = all.flatten();
        all.filter(move |(other, id)| is_older(*other) && Some(id) != item.id.as_ref())
            .map(|(_, id)| id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sandbox(id: &str, runner: Option<&str>, second: u32, minutes: Option<u32>) -> Sandbox {
        serde_json::from_value(json!({
            "id": id, "runnerId": runner, "autoDeleteInterval": minutes,
            "createdAt": format!("2026-01-01T00:00:{second:02}Z"),
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_ephemeral_and_beside_an_older_one_may_be_linked() {
        let links = Links::default();
        let all = [
            sandbox("oldest", Some("r1"), 1, Some(0)),
            sandbox("lasting", Some("r1"), 2, Some(60)),
            sandbox("elsewhere", Some("r2"), 3, Some(0)),
            sandbox("beside", Some("r1"), 4, Some(0)),
            sandbox("unsaid", Some("r1"), 5, None),
            sandbox("nowhere", None, 6, Some(0)),
            sandbox("beside-nowhere", Some("r3"), 7, Some(0)),
        ];
        let unknown = all.iter().filter(|one| {
            links.note(one);
            links.known(one).is_none()
        });
        let unknown: Vec<&str> = unknown.filter_map(|one| one.id.as_deref()).collect();
        assert_eq!(unknown, ["beside", "unsaid", "nowhere", "beside-nowhere"]);
        let older = |id: &str| match links.unread(
            all.iter()
                .find(|one| one.id.as_deref() == Some(id))
                .unwrap(),
        ) {
            Link::Unread(older) => older,
            link => panic!("{link:?}"),
        };
        assert_eq!(older("beside"), ["oldest", "lasting"]);
        assert_eq!(older("beside-nowhere"), ["nowhere"]);
        assert_eq!(older("nowhere").len(), 5);
        // A link is read once.
        links.read("beside", Some("oldest".into()));
        assert_eq!(links.known(&all[3]), Some(Link::To("oldest".into())));
        links.read("unsaid", None);
        assert_eq!(links.known(&all[4]), Some(Link::No));
    }
}
