//! The state of the simulated provider, what it does by itself, what callers may ask of it, and what someone
//! else does to it.
//!
//! Nothing here waits: what happens later is on an agenda, and every call first brings the state up
//! to the present. So a test with paused time sees the same in every run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::time::Duration;

use tbengine_sdk::{
    Bond, Can, Change, Disk, Error, ErrorKind, FindRequest, Identity, Kind, KindInfo, Labels,
    ListRequest, Page, Relation, Resource, Result, Sample, State, Timestamp, Unreadable,
};
use tokio::time::Instant;

use crate::attachments::Attachments;
use crate::change_log::ChangeLog;
use crate::entry::{Account, Entry, Native, Reaction};
use crate::external_change::ExternalChange;
use crate::kinds::{self, kinds};
use crate::record::{Deleter, Deletion, Met, Record};

/// What is on the agenda.
#[derive(Debug)]
enum Event {
    External(ExternalChange),
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
struct DependentCounts {
    any: u32,
    running: u32,
}

/// The state of the simulated provider.
#[derive(Debug)]
pub struct Provider {
    pub(crate) account: Account,
    pub(crate) record: Record,
    pub(crate) kinds: Vec<KindInfo>,
    /// How long a deletion takes after it was accepted; zero means it is complete at once.
    pub(crate) deletion_takes: Duration,
    /// When each place is free again, where only so many deletions go on at once.
    pub(crate) removal_places: Vec<Option<Instant>>,
    /// The same for archiving.
    pub(crate) archiving_takes: Duration,
    opened: Timestamp,
    epoch: Instant,
    now: Instant,
    shelves: BTreeMap<Kind, BTreeMap<Native, Box<Entry>>>,
    dependents: BTreeMap<Kind, HashMap<Native, DependentCounts>>,
    agenda: BTreeMap<(Instant, u64), Event>,
    planned: u64,
    /// Whether it confirms the present change without making it.
    pub(crate) pretends: bool,
    /// How long a deleted resource can still be read.
    pub(crate) ghosts: Duration,
    /// What happened lately.
    pub(crate) changes: ChangeLog,
    /// Commands whose creations are reported.
    pub(crate) attachments: Attachments,
    /// What the credentials do not allow.
    pub(crate) forbidden: BTreeSet<(tbengine_sdk::Operation, Kind)>,
    /// How far the provider's clock is ahead of its calendar, in milliseconds.
    pub(crate) skew_ms: i64,
    /// What listings show besides, and cannot be read.
    pub(crate) unreadable: BTreeMap<Kind, Vec<Unreadable>>,
    /// What it hides once its deletion was asked for, and keeps.
    pub(crate) surrendering: HashSet<Identity>,
    /// The account that `check` answers instead.
    pub(crate) pretended_account: Option<String>,
    /// What was deleted lately, and until when it can be read.
    haunting: HashMap<(Kind, Native), (Instant, Box<Resource>)>,
}

/// Nothing of each kind.
fn empty<T: Default>(kinds: &[KindInfo]) -> BTreeMap<Kind, T> {
    kinds.iter().map(|info| (info.kind, T::default())).collect()
}

impl Provider {
    pub(crate) fn new(account: Account, opened: Timestamp) -> Self {
        let epoch = Instant::now();
        let kinds = kinds();
        let changes = ChangeLog::new(format!("{}.{}", account.id, opened.as_unix_ms()));
        Self {
            account,
            changes,
            attachments: Attachments::default(),
            forbidden: BTreeSet::new(),
            skew_ms: 0,
            unreadable: BTreeMap::new(),
            surrendering: HashSet::new(),
            pretended_account: None,
            record: Record::default(),
            shelves: empty(&kinds),
            dependents: empty(&kinds),
            kinds,
            deletion_takes: Duration::ZERO,
            removal_places: Vec::new(),
            archiving_takes: Duration::ZERO,
            opened,
            epoch,
            now: epoch,
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

    /// When the next thing happens by itself.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// How long the provider has been open.
    pub(crate) fn since_opened(&self) -> Duration {
        self.now.duration_since(self.epoch)
    }

    fn plan(&mut self, wait: Duration, event: Event) {
        self.planned += 1;
        self.agenda.insert((self.now + wait, self.planned), event);
    }

    /// Makes an external change when the provider has been open this long.
    pub(crate) fn change_at(&mut self, since_opened: Duration, change: ExternalChange) {
        self.planned += 1;
        self.agenda.insert(
            (self.epoch + since_opened, self.planned),
            Event::External(change),
        );
    }

    /// Makes an external change after this long.
    pub(crate) fn change_in(&mut self, wait: Duration, change: ExternalChange) {
        self.plan(wait, Event::External(change));
    }

    /// Deletes a resource after this long, even if a client still waits for it.
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
        let at = Some(self.calendar());
        let replaced = self.take(
            entry.resource.identity.kind,
            &entry.resource.identity.native,
        );
        match replaced {
            Some(replaced) if replaced.resource.identity != entry.resource.identity => {
                let identity = replaced.resource.identity;
                self.changes.add(Change::Gone { identity, at });
            }
            _ => {}
        }
        for used in entry
            .resource
            .held()
            .filter(|used| used.kind == Kind::IMAGE)
        {
            self.changes.add(Change::Used {
                kind: used.kind,
                native: used.native.clone(),
                at: self.calendar(),
            });
        }
        let resource = Box::new(entry.resource.clone());
        self.changes.add(Change::Seen { resource });
        self.place(Box::new(entry))
    }

    fn place(&mut self, entry: Box<Entry>) -> Identity {
        let identity = entry.resource.identity.clone();
        self.count_uses(&entry.resource, 1);
        self.shelf(identity.kind)
            .insert(identity.native.as_str().into(), entry);
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
        for used in user.held() {
            let dependents = self.dependents.entry(used.kind).or_default();
            let dependents = dependents.entry(used.native.as_str().into()).or_default();
            dependents.any = dependents.any.saturating_add_signed(by);
            dependents.running = dependents.running.saturating_add_signed(running);
        }
    }

    fn dependents_of(&self, kind: Kind, native: &str) -> u32 {
        let dependents = self.dependents[&kind]
            .get(native)
            .copied()
            .unwrap_or_default();
        match kind {
            // As with Docker: what has ended is no longer attached to a network.
            Kind::NETWORK => dependents.running,
            _ => dependents.any,
        }
    }

    /// Changes a resource in place, and keeps the counts of dependents right.
    fn change(&mut self, kind: Kind, native: &str, change: impl FnOnce(&mut Resource)) {
        if let Some(mut entry) = self.take(kind, native) {
            change(&mut entry.resource);
            self.place(entry);
            self.changes.add(Change::Touched {
                kind,
                native: native.to_owned(),
                at: Some(self.calendar()),
            });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::External(change) => self.change_externally(change),
            Event::Ends(identity, code) => self.end(&identity, code),
            // The client that sent it has stopped listening.
            Event::Delete(identity, force) => drop(self.delete(&identity, force, false)),
            Event::Gone(identity, state) => {
                // Someone may have deleted and re-created it in the meantime.
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
                    Kind::SANDBOX => State::Stopped,
                    _ => State::Exited,
                };
                resource.exit_code = (identity.kind == Kind::CONTAINER).then_some(code);
                resource.finished = Some(now);
            });
        }
    }

    /// Puts what has ended into cold storage, unless someone has started or replaced it meanwhile.
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
        self.changes.add(Change::Gone {
            identity: identity.clone(),
            at: Some(self.calendar()),
        });
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
        for Relation { kind, native, .. } in entry.resource.taken_along() {
            // Docker as well keeps an anonymous volume that another container mounts.
            if self.dependents_of(*kind, native) == 0
                && let Some(found) = self.find(*kind, native)
            {
                let (identity, state) = (found.identity.clone(), found.state);
                self.remove(&identity, state, along);
            }
        }
    }

    fn can(&self, kind: Kind) -> Can {
        let info = self.kinds.iter().find(|info| info.kind == kind);
        info.map(|info| info.can).unwrap_or_default()
    }

    /// One page of a listing, in order of native id.
    pub(crate) fn list(&self, request: &ListRequest) -> Result<Page> {
        let kind = request.kind;
        if !self.kinds.iter().any(|info| info.kind == kind) {
            let what = format!("no {}", kind.plural());
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        let start = match &request.cursor {
            None => Bound::Unbounded,
            Some(cursor) => Bound::Excluded(after(kind, cursor)?),
        };
        let mut rest = self.shelves[&kind].range::<str, _>((start, Bound::Unbounded));
        let resources: Vec<_> = rest
            .by_ref()
            .take(request.page_size.max(1))
            .map(|(_, entry)| entry.resource.clone())
            .collect();
        let next = match (rest.next(), resources.last()) {
            (Some(_), Some(last)) => Some(cursor(kind, &last.identity.native)),
            _ => None,
        };
        Ok(Page {
            resources,
            unreadable: self.unreadable.get(&kind).cloned().unwrap_or_default(),
            next,
        })
    }

    /// Asks a resource to end.
    pub(crate) fn stop(&mut self, target: &Identity, force: bool) -> Result<()> {
        if !self.can(target.kind).stop {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be stopped", target.kind),
            ));
        }
        let entry = self.shelves[&target.kind]
            .get(&*target.native)
            .ok_or_else(|| missing(target))?;
        if self.pretends {
            return Ok(());
        }
        let (reaction, identity) = (entry.reaction, entry.resource.identity.clone());
        match (entry.resource.state, reaction) {
            (State::Pending | State::Unknown, _) => {
                return Err(refusal(
                    ErrorKind::Conflict,
                    "its state does not allow that",
                ));
            }
            (State::Removing, _) => return Err(in_progress()),
            (state, _) if !state.is_running() => {}
            // Between two runs there is nothing that could delay the end.
            (State::Restarting, _) => self.end(&identity, 137),
            _ if force => self.end(&identity, 137),
            (_, Reaction::Ends(Duration::ZERO)) => self.end(&identity, 0),
            (_, Reaction::Ends(reaction)) => self.plan(reaction, Event::Ends(identity, 0)),
            (_, Reaction::Ignores) => {}
        }
        Ok(())
    }

    /// Moves a resource that has ended to cold storage.
    pub(crate) fn archive(&mut self, target: &Identity) -> Result<()> {
        if !self.can(target.kind).archive {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be archived", target.kind),
            ));
        }
        let resource = self
            .find(target.kind, &target.native)
            .ok_or_else(|| missing(target))?;
        let identity = resource.identity.clone();
        match resource.state {
            State::Archived => {}
            State::Removing => return Err(in_progress()),
            State::Stopped if self.pretends => {}
            State::Stopped if self.archiving_takes.is_zero() => self.store(&identity),
            State::Stopped => self.plan(self.archiving_takes, Event::Archived(identity)),
            state => {
                let kind = match state.is_running() {
                    true => ErrorKind::Conflict,
                    false => ErrorKind::Unsupported,
                };
                return Err(refusal(kind, &format!("the {} is {state}", target.kind)));
            }
        }
        Ok(())
    }

    /// Deletes a resource.
    pub(crate) fn delete(&mut self, target: &Identity, force: bool, alone: bool) -> Result<()> {
        let resource = self
            .find(target.kind, &target.native)
            .ok_or_else(|| missing(target))?;
        let (identity, state) = (resource.identity.clone(), resource.state);
        if state == State::Removing {
            return Err(in_progress());
        }
        if state.is_running() && !force {
            return Err(refusal(
                ErrorKind::Conflict,
                &format!("the {} is {state}", target.kind),
            ));
        }
        let dependents = self.dependents_of(target.kind, &target.native);
        if dependents > 0 {
            let message = format!("the {} is in use by {dependents} other(s)", target.kind);
            return Err(refusal(ErrorKind::Dependency, &message));
        }
        if self.pretends {
            return Ok(());
        }
        if alone {
            self.change(target.kind, &target.native, |resource| {
                let along = resource.relations.iter_mut();
                for relation in along.filter(|one| one.bond.takes_along()) {
                    relation.bond = Bond::Uses;
                }
            });
        }
        if self.deletion_takes.is_zero() {
            self.remove(&identity, state, Deleter::Caller);
        } else {
            self.change(target.kind, &target.native, |resource| {
                resource.state = State::Removing;
            });
            let takes = self.removal_time();
            self.plan(takes, Event::Gone(identity, state));
        }
        Ok(())
    }

    /// How long the next deletion takes, the wait for a place included.
    fn removal_time(&mut self) -> Duration {
        let (now, takes) = (self.now, self.deletion_takes);
        let Some(place) = self.removal_places.iter_mut().min() else {
            return takes;
        };
        let ends = place.map_or(now, |free| free.max(now)) + takes;
        *place = Some(ends);
        ends - now
    }

    /// Takes the deletion of a resource that it will only hide, if it is one.
    pub(crate) fn surrender(&mut self, target: &Identity) -> bool {
        let is_there = self
            .find(target.kind, &target.native)
            .is_some_and(|found| self.surrendering.contains(&found.identity));
        if is_there {
            self.change(target.kind, &target.native, |resource| {
                resource.surrendered = true;
            });
        }
        is_there
    }

    /// The disk that everything lies on.
    pub(crate) fn disk(&self) -> Disk {
        const SIZE: u64 = 512 << 30;
        let used: u64 = self
            .all()
            .filter_map(|resource| resource.usage.disk_bytes)
            .fold(0, u64::saturating_add);
        Disk {
            name: "memory".into(),
            total_bytes: SIZE,
            free_bytes: SIZE.saturating_sub(used),
            total_files: None,
            free_files: None,
            kinds: Vec::new(),
        }
    }

    /// Counters of what runs, which is as busy all the time.
    pub(crate) fn sample(&self, target: &Identity) -> Option<Sample> {
        let shelf = self.shelves.get(&target.kind)?;
        let resource = &shelf.get(&*target.native)?.resource;
        if resource.identity != *target || resource.state != State::Running {
            return None;
        }
        let at = self.calendar();
        let since = resource.started.or(resource.identity.created)?;
        let ran_ms = u64::try_from(since.age(at)?.as_millis()).ok()?;
        Some(Sample {
            target: target.clone(),
            at,
            // A tenth of a processor, and a kilobyte a second.
            cpu_ns: Some(ran_ms.saturating_mul(100_000)),
            network_bytes: Some(ran_ms),
            disk_bytes: None,
            memory_bytes: resource.usage.memory_bytes,
            last_used: None,
        })
    }

    /// What people mean by a name.
    pub(crate) fn find_named(&self, request: &FindRequest) -> Vec<Resource> {
        let name = request.name.as_str();
        if name.is_empty() {
            return Vec::new();
        }
        let declared = |kind| self.kinds.iter().any(|info| info.kind == kind);
        let wanted = |kind| request.kinds.is_empty() || request.kinds.contains(&kind);
        self.all()
            .filter(|resource| {
                let kind = resource.identity.kind;
                let is_meant = resource.name == name
                    || resource.names.iter().any(|other| other == name)
                    || resource.identity.native.starts_with(name);
                declared(kind) && wanted(kind) && is_meant
            })
            .cloned()
            .collect()
    }

    /// Sets and removes labels.
    pub(crate) fn relabel(
        &mut self,
        target: &Identity,
        labels: &BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        if !self.can(target.kind).relabel {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("a {} cannot be relabelled", target.kind),
            ));
        }
        self.find(target.kind, &target.native)
            .ok_or_else(|| missing(target))?;
        if self.pretends {
            return Ok(());
        }
        self.change(target.kind, &target.native, |resource| {
            let old = resource.labels.iter();
            let kept = old.filter(|(key, _)| !labels.contains_key(*key));
            let kept = kept.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let set = labels.iter();
            let set = set.filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
            resource.labels = kept.chain(set).collect::<Labels>();
        });
        Ok(())
    }

    /// Refuses what the credentials do not allow.
    pub(crate) fn permit(&self, operation: tbengine_sdk::Operation, kind: Kind) -> Result<()> {
        match self.forbidden.contains(&(operation, kind)) {
            true => Err(Error::new(
                ErrorKind::Forbidden,
                format!("the key may not {operation} a {kind}"),
            )
            .with_code("memory:403")),
            false => Ok(()),
        }
    }

    /// Makes an external change now.
    pub(crate) fn change_externally(&mut self, change: ExternalChange) {
        let now = self.calendar();
        let does_something = match &change {
            ExternalChange::Create(_) => true,
            ExternalChange::Restart(target)
            | ExternalChange::Delete(target)
            | ExternalChange::Recreate(target)
            | ExternalChange::SetState(target, _)
            | ExternalChange::End(target, _)
            | ExternalChange::Name(target, _)
            | ExternalChange::Label(target, ..) => self.find(target.kind, &target.native).is_some(),
        };
        if does_something {
            self.record.meet(Met::Change, change.word());
        }
        match change {
            // What is being removed cannot become anything else any more.
            ExternalChange::Restart(target)
            | ExternalChange::SetState(target, _)
            | ExternalChange::End(target, _)
                if self
                    .find(target.kind, &target.native)
                    .is_some_and(|resource| resource.state == State::Removing) => {}
            ExternalChange::Restart(target) => {
                self.change(target.kind, &target.native, |resource| {
                    resource.state = State::Running;
                    resource.started = Some(now);
                    resource.finished = None;
                    resource.exit_code = None;
                });
            }
            ExternalChange::SetState(target, state) => {
                self.change(target.kind, &target.native, |resource| {
                    resource.state = state;
                });
            }
            ExternalChange::End(target, code) => {
                self.change(target.kind, &target.native, |resource| {
                    resource.state = State::Exited;
                    resource.finished = Some(now);
                    resource.exit_code = Some(code);
                });
            }
            ExternalChange::Delete(target) => {
                if let Some(found) = self.find(target.kind, &target.native) {
                    let (identity, state) = (found.identity.clone(), found.state);
                    self.remove(&identity, state, Deleter::SomeoneElse);
                }
            }
            ExternalChange::Recreate(target) => {
                if let Some(found) = self.find(target.kind, &target.native) {
                    let mut again = found.clone();
                    let (identity, state) = (again.identity.clone(), again.state);
                    self.remove(&identity, state, Deleter::SomeoneElse);
                    again.identity.created = Some(now);
                    if again.state == State::Removing {
                        again.state = match identity.kind {
                            Kind::CONTAINER => State::Exited,
                            Kind::SANDBOX => State::Stopped,
                            _ => State::Present,
                        };
                    }
                    again.started = again.started.map(|_| now);
                    again.finished = again.finished.map(|_| now);
                    self.insert(Entry {
                        resource: again,
                        reaction: Reaction::default(),
                    });
                }
            }
            ExternalChange::Name(target, name) => {
                self.change(target.kind, &target.native, |resource| {
                    if resource.attrs.get("dangling").is_some() {
                        resource.attrs = [("tags", name.as_str())].into_iter().collect();
                        resource.name.clone_from(&name);
                    }
                    resource.names.push(name);
                });
            }
            ExternalChange::Label(target, key, value) => {
                self.change(target.kind, &target.native, |resource| {
                    let labels = resource.labels.iter();
                    let others = labels.filter(|(other, _)| *other != key);
                    let others = others.map(|(key, value)| (key.to_owned(), value.to_owned()));
                    let one = (key.clone(), value.clone());
                    resource.labels = others.chain([one]).collect::<Labels>();
                });
            }
            ExternalChange::Create(make) => {
                let entry = make.build(&self.account, now);
                self.insert(entry);
            }
        }
    }
}

fn missing(target: &Identity) -> Error {
    let message = format!("no such {}", target.kind);
    Error::new(ErrorKind::NotFound, message).with_code("memory:404")
}

pub(crate) fn in_progress() -> Error {
    refusal(ErrorKind::InProgress, "removal is already in progress")
}

fn refusal(kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, message).with_code("memory:409")
}

/// A cursor is the last native id of a page under a check sum, so that nobody makes one up.
fn cursor(kind: Kind, native: &str) -> String {
    format!("{:016x}.{native}", check_sum(kind, native))
}

fn after(kind: Kind, cursor: &str) -> Result<&str> {
    cursor
        .split_once('.')
        .filter(|(sum, native)| **sum == format!("{:016x}", check_sum(kind, native)))
        .map(|(_, native)| native)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "unknown cursor"))
}

fn check_sum(kind: Kind, native: &str) -> u64 {
    native.bytes().fold(kinds::number(kind) + 1, |sum, byte| {
        (sum ^ u64::from(byte))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(29)
    })
}
