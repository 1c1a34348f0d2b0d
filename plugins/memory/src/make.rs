//! Resources that a test puts there: `container("web").running().created(HOUR).label("a", "b")`.

use std::borrow::Cow;
use std::time::Duration;

use tbengine_sdk::{
    Bond, Identity, Kind, Owner, Relation, Resource, State, Timestamp, Unit, Usage,
};

use crate::entry::{Account, Entry, Reaction};
use crate::kinds;

/// A resource in the making. What a test does not say is what a resource of the kind usually has:
/// created an hour ago, ended and in use by nobody.
#[derive(Clone, Debug)]
pub struct Make(Box<Parts>);

/// In a box, so that each step of the making moves a pointer.
#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    name: String,
    native: Option<String>,
    state: State,
    created: Option<Duration>,
    finished: Option<Duration>,
    exit_code: Option<i64>,
    labels: Vec<Pair>,
    attrs: Vec<Pair>,
    unit: Option<Unit>,
    owner: Owner,
    usage: Usage,
    relations: Vec<Relation>,
    reaction: Reaction,
}

type Pair = (Cow<'static, str>, Cow<'static, str>);

/// A resource of any kind of the backend.
pub fn resource(kind: Kind, name: &str) -> Make {
    Make::new(kind, name)
}

/// A container that has exited with 0.
pub fn container(name: &str) -> Make {
    Make::new(Kind::CONTAINER, name)
        .state(State::Exited)
        .exit_code(0)
}

/// A sandbox that was stopped.
pub fn sandbox(name: &str) -> Make {
    Make::new(Kind::SANDBOX, name).state(State::Stopped)
}

/// A network.
pub fn network(name: &str) -> Make {
    Make::new(Kind::NETWORK, name)
}

/// A volume. Its name is its native id, as with Docker.
pub fn volume(name: &str) -> Make {
    Make::new(Kind::VOLUME, name).native(name)
}

/// An image.
pub fn image(name: &str) -> Make {
    Make::new(Kind::IMAGE, name)
}

/// A snapshot.
pub fn snapshot(name: &str) -> Make {
    Make::new(Kind::SNAPSHOT, name)
}

impl Make {
    fn new(kind: Kind, name: &str) -> Self {
        Self(Box::new(Parts {
            kind,
            name: name.to_owned(),
            native: None,
            state: State::Present,
            created: Some(Duration::from_secs(3600)),
            finished: None,
            exit_code: None,
            labels: Vec::new(),
            attrs: Vec::new(),
            unit: None,
            owner: Owner::Unknown,
            usage: Usage::default(),
            relations: Vec::new(),
            reaction: Reaction::default(),
        }))
    }

    /// With this native id instead of one made up from the name.
    #[must_use]
    pub fn native(mut self, native: impl Into<String>) -> Self {
        self.0.native = Some(native.into());
        self
    }

    /// In this state.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.0.state = state;
        if state.is_running() || state == State::Created {
            self.0.exit_code = None;
        }
        self
    }

    /// Running.
    #[must_use]
    pub fn running(self) -> Self {
        self.state(State::Running)
    }

    /// Ended with this code.
    #[must_use]
    pub fn exit_code(mut self, code: i64) -> Self {
        self.0.exit_code = Some(code);
        self
    }

    /// Created this long ago.
    #[must_use]
    pub fn created(mut self, age: Duration) -> Self {
        self.0.created = Some(age);
        self
    }

    /// Of unknown creation time.
    #[must_use]
    pub fn created_unknown(mut self) -> Self {
        self.0.created = None;
        self
    }

    /// Ended this long ago.
    #[must_use]
    pub fn finished(mut self, age: Duration) -> Self {
        self.0.finished = Some(age);
        self
    }

    /// With this label.
    #[must_use]
    pub fn label(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.labels.push((key.into(), value.into()));
        self
    }

    /// With this fact that only the kind of backend knows.
    #[must_use]
    pub fn attr(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.attrs.push((key.into(), value.into()));
        self
    }

    /// As part of this unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.0.unit = Some(Unit(unit.into()));
        self
    }

    /// Of this owner.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.0.owner = owner;
        self
    }

    /// Taking up this much disk.
    #[must_use]
    pub fn disk(mut self, bytes: u64) -> Self {
        self.0.usage.disk_bytes = Some(bytes);
        self
    }

    /// Using this resource.
    #[must_use]
    pub fn uses(self, used: &Identity) -> Self {
        self.relation(used, Bond::Uses)
    }

    /// Using this resource, and taking it along when it is deleted.
    #[must_use]
    pub fn takes_along(self, used: &Identity) -> Self {
        self.relation(used, Bond::Owns)
    }

    fn relation(mut self, used: &Identity, bond: Bond) -> Self {
        self.0.relations.push(Relation {
            kind: used.kind,
            native: used.native.clone(),
            bond,
        });
        self
    }

    /// Ends this long after it was asked to. Unless set, at once.
    #[must_use]
    pub fn ends_after(mut self, reaction: Duration) -> Self {
        self.0.reaction = Reaction::Ends(reaction);
        self
    }

    /// Never ends when asked to; only force ends it.
    #[must_use]
    pub fn ignores_stop(mut self) -> Self {
        self.0.reaction = Reaction::Ignores;
        self
    }

    /// With a native id drawn at random, unless it has one.
    pub(crate) fn native_at_random(mut self, random: &mut fastrand::Rng) -> Self {
        let kind = self.0.kind;
        self.0.native.get_or_insert_with(|| random_id(kind, random));
        self
    }

    /// How many labels it has so far.
    pub(crate) fn label_count(&self) -> usize {
        self.0.labels.len()
    }

    pub(crate) fn build(self, account: &Account, now: Timestamp) -> Entry {
        let made = *self.0;
        let native = made
            .native
            .unwrap_or_else(|| native_id(made.kind, &made.name));
        let identity = Identity {
            backend: account.backend.clone(),
            account: account.id.clone(),
            kind: made.kind,
            native,
            created: made.created.map(|age| now.minus(age)),
        };
        let mut resource = Resource::new(identity, made.name, made.state);
        if !matches!(made.state, State::Created | State::Present | State::Pending) {
            resource.started = resource.identity.created;
        }
        if matches!(made.state, State::Exited | State::Stopped | State::Dead) {
            resource.exit_code = made.exit_code;
            resource.finished = match made.finished {
                Some(age) => Some(now.minus(age)),
                None => resource.identity.created,
            };
        }
        resource.labels = made.labels.into_iter().collect();
        resource.attrs = made.attrs.into_iter().collect();
        resource.unit = made.unit;
        resource.owner = made.owner;
        resource.usage = made.usage;
        resource.relations = made.relations;
        Entry {
            resource,
            reaction: made.reaction,
        }
    }
}

/// An id of the form that providers give, made from a text, so that it is the same in every run.
pub(crate) fn native_id(kind: Kind, text: &str) -> String {
    // FNV-1a: stable across versions of Rust, unlike the hashes of the standard library.
    let seed = text.bytes().fold(
        0xcbf2_9ce4_8422_2325_u64 ^ kinds::number(kind),
        |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3),
    );
    random_id(kind, &mut fastrand::Rng::with_seed(seed))
}

/// An id of the form that providers give: 64 hex digits with Docker, a UUID in the cloud.
pub(crate) fn random_id(kind: Kind, random: &mut fastrand::Rng) -> String {
    let (a, b) = (random.u128(..), random.u128(..));
    match kind {
        Kind::IMAGE => format!("sha256:{a:032x}{b:032x}"),
        Kind::SANDBOX | Kind::SNAPSHOT => {
            let hex = format!("{a:032x}");
            format!(
                "{}-{}-4{}-a{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[13..16],
                &hex[17..20],
                &hex[20..]
            )
        }
        _ => format!("{a:032x}{b:032x}"),
    }
}
