//! The state of the simulated provider, what it does by itself, what somebody else does to it (`acts`), and what
//! callers may ask of it (`requests`).
//!
//! Nothing here waits: what happens later is on an agenda, and every call first brings the state up
//! to the present. So a test with paused time sees the same in every run.

mod acts;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::{Identity, Kind, Relation, Resource, State, Timestamp};
use tokio::time::Instant;

use crate::oracle::{Deleter, Deletion, Record};
pub use acts::Act;
pub(crate) use requests::in_progress;

/// A native id.
pub(crate) type Native = Box<str>;

/// Where identities come from.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) backend: Arc<str>,
    pub(crate) id: Arc<str>,
}

/// What a running resource does when it is asked to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reaction {
    Ends(Duration),
    Ignores,
}

impl Default for Reaction {
    fn default() -> Self {
        Self::Ends(Duration::ZERO)
    }
}

/// A resource, and what only the provider knows about it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) resource: Resource,
    pub(crate) reaction: Reaction,
}

/// What is on the agenda.
#[derive(Debug)]
enum Event {
    Act(Act),
    /// A process that was asked to end does.
    Ends(Identity, i64),
    /// An accepted deletion is complete.
    Gone(Identity, State),
    /// A request to delete that took its time on the way arrives.
    Delete(Identity, bool),
    /// An accepted archiving is complete.
    Archived(Identity),
}

/// How many resources use another one.
#[derive(Clone, Copy, Debug, Default)]
struct Holders {
    any: u32,
    running: u32,
}

/// The state of the simulated provider.
#[derive(Debug)]
pub struct Provider {
    pub(crate) account: Account,
    pub(crate) record: Record,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) can_stop: bool,
    pub(crate) can_archive: bool,
    /// How long a deletion takes after it was accepted; zero means it is complete at once.
    pub(crate) deletion_takes: Duration,
    /// The same for archiving.
    pub(crate) archiving_takes: Duration,
    opened: Timestamp,
    epoch: Instant,
    now: Instant,
    shelves: BTreeMap<Kind, BTreeMap<Native, Box<Entry>>>,
    holders: BTreeMap<Kind, HashMap<Native, Holders>>,
    agenda: BTreeMap<(Instant, u64), Event>,
    planned: u64,
    /// Whether it confirms the present change without making it.
    pub(crate) pretends: bool,
    /// How long a deleted resource can still be read.
    pub(crate) ghosts: Duration,
    /// What was deleted lately, and until when it can be read.
    haunting: HashMap<(Kind, Native), (Instant, Box<Resource>)>,
}

impl Provider {
    pub(crate) fn new(account: Account, opened: Timestamp) -> Self {
        let epoch = Instant::now();
        Self {
            account,
            record: Record::default(),
            kinds: Kind::ALL.to_vec(),
            can_stop: true,
            can_archive: true,
            deletion_takes: Duration::ZERO,
            archiving_takes: Duration::ZERO,
            opened,
            epoch,
            now: epoch,
            shelves: Kind::ALL
                .iter()
                .map(|&kind| (kind, BTreeMap::new()))
                .collect(),
            holders: Kind::ALL
                .iter()
                .map(|&kind| (kind, HashMap::new()))
                .collect(),
            agenda: BTreeMap::new(),
            planned: 0,
            pretends: false,
            ghosts: Duration::ZERO,
            haunting: HashMap::new(),
        }
    }

    /// Lets everything happen that is due.
    pub(crate) fn catch_up(&mut self, present: Instant) {
        while let Some(due) = self.agenda.first_entry() {
            let &(at, _) = due.key();
            if at > present {
                break;
            }
            let event = due.remove();
            self.now = at;
            self.happen(event);
        }
        self.now = present;
    }

    /// The time by the calendar.
    pub(crate) fn calendar(&self) -> Timestamp {
        self.opened.plus(self.since_opened())
    }

    /// How long the provider has been open.
    pub(crate) fn since_opened(&self) -> Duration {
        self.now.duration_since(self.epoch)
    }

    fn plan(&mut self, wait: Duration, event: Event) {
        self.planned += 1;
        self.agenda.insert((self.now + wait, self.planned), event);
    }

    /// Lets somebody else act when the provider has been open this long.
    pub(crate) fn act_at(&mut self, since_opened: Duration, act: Act) {
        self.planned += 1;
        self.agenda
            .insert((self.epoch + since_opened, self.planned), Event::Act(act));
    }

    /// Lets somebody else act after this long.
    pub(crate) fn act_in(&mut self, wait: Duration, act: Act) {
        self.plan(wait, Event::Act(act));
    }

    /// Deletes a resource after this long, whoever still waits for it.
    pub(crate) fn delete_in(&mut self, wait: Duration, target: Identity, force: bool) {
        self.plan(wait, Event::Delete(target, force));
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Resource> {
        self.shelves
            .values()
            .flat_map(|shelf| shelf.values().map(|entry| &entry.resource))
    }

    pub(crate) fn find(&self, kind: Kind, native: &str) -> Option<&Resource> {
        self.shelves[&kind].get(native).map(|entry| &entry.resource)
    }

    /// What a reader sees under an id: what is there, or what was there a moment ago.
    pub(crate) fn read(&self, kind: Kind, native: &str) -> Option<&Resource> {
        self.find(kind, native).or_else(|| {
            let (until, ghost) = self.haunting.get(&(kind, native.into()))?;
            (self.now < *until).then_some(&**ghost)
        })
    }

    fn shelf(&mut self, kind: Kind) -> &mut BTreeMap<Native, Box<Entry>> {
        self.shelves.entry(kind).or_default()
    }

    /// Puts a resource there, in place of one with the same native id.
    pub(crate) fn insert(&mut self, entry: Entry) -> Identity {
        let identity = entry.resource.identity.clone();
        let native: Native = identity.native.as_str().into();
        self.take(identity.kind, &native);
        self.count_uses(&entry.resource, 1);
        self.shelf(identity.kind).insert(native, Box::new(entry));
        identity
    }

    /// Puts many resources there at once. Faster than one by one, and they must be new.
    #[expect(
        clippy::vec_box,
        reason = "the shelves hold boxes, and growing this moves the entries"
    )]
    pub(crate) fn fill(&mut self, entries: Vec<Box<Entry>>) {
        let mut fresh: BTreeMap<Kind, Vec<(Native, Box<Entry>)>> = BTreeMap::new();
        for entry in entries {
            self.count_uses(&entry.resource, 1);
            let identity = &entry.resource.identity;
            let place = (identity.native.as_str().into(), identity.kind);
            fresh.entry(place.1).or_default().push((place.0, entry));
        }
        for (kind, entries) in fresh {
            let mut entries: BTreeMap<_, _> = entries.into_iter().collect();
            self.shelf(kind).append(&mut entries);
        }
    }

    fn take(&mut self, kind: Kind, native: &str) -> Option<Box<Entry>> {
        let entry = self.shelf(kind).remove(native)?;
        self.count_uses(&entry.resource, -1);
        Some(entry)
    }

    fn count_uses(&mut self, user: &Resource, by: i32) {
        let running = if user.state.is_running() { by } else { 0 };
        for used in &user.uses {
            let holders = self.holders.entry(used.kind).or_default();
            let holders = holders.entry(used.native.as_str().into()).or_default();
            holders.any = holders.any.saturating_add_signed(by);
            holders.running = holders.running.saturating_add_signed(running);
        }
    }

    fn holders_of(&self, kind: Kind, native: &str) -> u32 {
        let holders = self.holders[&kind].get(native).copied().unwrap_or_default();
        match kind {
            // As with Docker: what has ended is no longer attached to a network.
            Kind::Network => holders.running,
            _ => holders.any,
        }
    }

    /// Changes a resource in place, and keeps the counts of holders right.
    fn change(&mut self, kind: Kind, native: &str, change: impl FnOnce(&mut Resource)) {
        if let Some(mut entry) = self.take(kind, native) {
            change(&mut entry.resource);
            self.insert(*entry);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(act) => self.act(act),
            Event::Ends(identity, code) => self.end(&identity, code),
            // Whoever sent it has stopped listening.
            Event::Delete(identity, force) => drop(self.delete(&identity, force)),
            Event::Gone(identity, state) => {
                // Somebody may have deleted and re-created it in the meantime.
                let is_same = self
                    .find(identity.kind, &identity.native)
                    .is_some_and(|resource| {
                        resource.identity == identity && resource.state == State::Removing
                    });
                if is_same {
                    self.remove(&identity, state, Deleter::Caller);
                }
            }
            Event::Archived(identity) => self.store(&identity),
        }
    }

    fn end(&mut self, identity: &Identity, code: i64) {
        let now = self.calendar();
        let is_same = self
            .find(identity.kind, &identity.native)
            .is_some_and(|resource| resource.identity == *identity && resource.state.is_running());
        if is_same {
            self.change(identity.kind, &identity.native, |resource| {
                resource.state = match identity.kind {
                    Kind::Sandbox => State::Stopped,
                    _ => State::Exited,
                };
                resource.exit_code = (identity.kind == Kind::Container).then_some(code);
                resource.finished = Some(now);
            });
        }
    }

    /// Puts what has ended into cold storage, unless somebody has started or replaced it meanwhile.
    fn store(&mut self, identity: &Identity) {
        let is_same = self
            .find(identity.kind, &identity.native)
            .is_some_and(|resource| {
                resource.identity == *identity && resource.state == State::Stopped
            });
        if is_same {
            self.change(identity.kind, &identity.native, |resource| {
                resource.state = State::Archived;
            });
        }
    }

    fn remove(&mut self, identity: &Identity, state: State, by: Deleter) {
        let Some(entry) = self.take(identity.kind, &identity.native) else {
            return;
        };
        if self.record.on {
            self.record.deletions.push(Deletion {
                identity: identity.clone(),
                name: entry.resource.name.clone(),
                state,
                by,
                at: self.now,
            });
        }
        if !self.ghosts.is_zero() {
            let key = (identity.kind, identity.native.as_str().into());
            let ghost = (self.now + self.ghosts, Box::new(entry.resource.clone()));
            self.haunting.insert(key, ghost);
        }
        let along = match by {
            Deleter::Caller | Deleter::Cascade => Deleter::Cascade,
            Deleter::SomeoneElse => Deleter::SomeoneElse,
        };
        for Relation { kind, native, .. } in entry.resource.uses.iter().filter(|used| used.cascade)
        {
            // Docker as well keeps an anonymous volume that another container mounts.
            if self.holders_of(*kind, native) == 0
                && let Some(found) = self.find(*kind, native)
            {
                let (identity, state) = (found.identity.clone(), found.state);
                self.remove(&identity, state, along);
            }
        }
    }
}
