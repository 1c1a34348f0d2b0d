//! Who made what, and what it is for.

use std::collections::BTreeMap;

use tbengine_sdk::Identity;

use crate::act::Benchmark;

/// Who made what, and what it is for: the only truth of a story. It is written by those who act, and never reads a
/// label or a name.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// All things that ever were.
    pub things: Vec<Thing>,
    /// The leases that are live, by their jobs.
    pub live_leases: BTreeMap<u32, u32>,
}

/// A thing on the machine.
#[derive(Clone, Debug)]
pub struct Thing {
    /// What its maker calls it.
    pub key: String,
    /// What the provider calls it.
    pub identity: Identity,
    /// Who made it.
    pub maker: Maker,
    /// What it is.
    pub role: Role,
    /// What lives and dies together: a trial, a project.
    pub group: Option<String>,
    /// Whether its maker keeps it on purpose, used or not.
    pub is_kept: bool,
    /// What it is doing.
    pub life: Life,
    /// When tbengine ended it, if it did and it has not been started since.
    pub stopped: Option<u64>,
    /// When it was made, in milliseconds of true time.
    pub born: u64,
    /// Counts what changed about it since then.
    pub revision: u32,
    /// Whether it can be read only in part.
    pub is_damaged: bool,
    /// What it uses, as indices of things.
    pub uses: Vec<usize>,
    /// Whether its maker is gone for good, and will not miss it.
    pub is_abandoned: bool,
    /// Who removed it, if it is gone.
    pub gone: Option<Remover>,
}

/// Who made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The harness of a benchmark.
    Harness(Benchmark),
    /// A developer.
    Developer,
    /// The owner of a database.
    Database,
    /// A job of CI.
    Ci,
    /// A user whose resources look like those of others.
    Impostor,
    /// A job under the lease of this number.
    Job(u32),
}

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The container in which a trial's agent works.
    Main,
    /// Any other container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// An image with a name.
    Image,
    /// An image that has lost its name.
    Dangling,
}

/// What a thing is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Runs,
    /// It ended, in milliseconds of true time.
    Ended(u64),
    /// It does not run and never will.
    Still,
    /// Its state is unknown.
    Unknown,
}

/// Who removed a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remover {
    /// tbengine.
    Tbengine,
    /// Another user or program.
    Other,
}

impl Ledger {
    /// The index of the thing that is there and is called so.
    pub fn find(&self, key: &str) -> Option<usize> {
        let mut things = self.things.iter();
        things.rposition(|thing| thing.gone.is_none() && thing.key == key)
    }

    /// The index of the thing with an identity, there or gone.
    pub fn of(&self, identity: &Identity) -> Option<usize> {
        let mut things = self.things.iter();
        things.rposition(|thing| thing.identity == *identity)
    }

    /// The indices of what is there of a group.
    pub fn group(&self, group: &str) -> Vec<usize> {
        let things = self.things.iter().enumerate();
        let members = things
            .filter(|(_, thing)| thing.gone.is_none() && thing.group.as_deref() == Some(group));
        members.map(|(index, _)| index).collect()
    }

    /// The main containers that a group has or had.
    pub fn mains(&self, group: &str) -> impl Iterator<Item = &Thing> {
        let things = self.things.iter();
        things
            .filter(move |thing| thing.role == Role::Main && thing.group.as_deref() == Some(group))
    }

    /// Whether a lease is live.
    pub fn is_live(&self, lease: u32) -> bool {
        self.live_leases.values().any(|one| *one == lease)
    }

    /// The things of trials whose harness died, as far as their main container is still there to prove whose they are.
    pub fn provable(&self) -> Vec<usize> {
        let things = self.things.iter().enumerate();
        let left = things.filter(|(_, thing)| {
            let group = thing.group.as_deref().unwrap_or_default();
            let members = self.group(group);
            let mut mains = members.iter().map(|index| &self.things[*index]);
            let known = mains
                .clone()
                .all(|one| one.life != Life::Unknown && !one.is_damaged);
            thing.gone.is_none()
                && thing.is_abandoned
                && matches!(thing.maker, Maker::Harness(_))
                && known
                && mains.any(|one| one.role == Role::Main)
        });
        left.map(|(index, _)| index).collect()
    }

    /// Whether something that is there uses a thing.
    pub fn is_used(&self, index: usize) -> bool {
        let mut things = self.things.iter();
        things.any(|thing| thing.gone.is_none() && thing.uses.contains(&index))
    }
}
