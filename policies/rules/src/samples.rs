//! Resources and parameters for the tests.

use tbengine_policy::params::Params;
use tbengine_policy::types::{
    BackendFacts, Class, Context, Description, Failure, FailureKind, Force, KindFacts, LeaseState,
    Operation, Owner, ParamType, Resource, State, Usage, Zone,
};

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const HOUR: u64 = 3_600_000;

/// The kinds of the context.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Container,
    Sandbox,
    Network,
    Volume,
    Image,
    Snapshot,
    BuildCache,
    Profile,
    Other,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Container,
        Kind::Sandbox,
        Kind::Network,
        Kind::Volume,
        Kind::Image,
        Kind::Snapshot,
        Kind::BuildCache,
        Kind::Profile,
        Kind::Other,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Container => "container",
            Kind::Sandbox => "sandbox",
            Kind::Network => "network",
            Kind::Volume => "volume",
            Kind::Image => "image",
            Kind::Snapshot => "snapshot",
            Kind::BuildCache => "build-cache",
            Kind::Profile => "profile",
            Kind::Other => "quota",
        }
    }

    fn class(self) -> Class {
        match self {
            Kind::Container | Kind::Sandbox => Class::Compute,
            Kind::Network => Class::Network,
            Kind::Volume => Class::Storage,
            Kind::Image | Kind::Snapshot => Class::Image,
            Kind::BuildCache => Class::Cache,
            Kind::Profile => Class::Config,
            Kind::Other => Class::Other,
        }
    }

    /// Makes a resource one of this kind.
    pub(crate) fn put(self, one: &mut Resource) {
        (one.kind, one.class) = (self as u32, self.class());
    }
}

/// The backends of the context.
pub(crate) const BACKENDS: [&str; 3] = ["docker", "daytona", "other"];

pub(crate) fn context() -> Context {
    let kinds = Kind::ALL.map(|kind| KindFacts {
        word: kind.word().to_owned(),
        class: kind.class(),
        runs: kind.class() == Class::Compute,
        shared: kind.class() == Class::Image,
    });
    let backends = BACKENDS.map(|name| BackendFacts {
        name: name.to_owned(),
        provider: name.to_owned(),
        account: "a".to_owned(),
        currency: None,
        complete: true,
        disks: Vec::new(),
        attrs: Vec::new(),
    });
    Context {
        now: NOW,
        zone: Zone {
            name: "UTC".to_owned(),
            offset_minutes: 0,
            next_change: None,
        },
        run_id: "r".to_owned(),
        schedule: None,
        dry_run: false,
        backends: backends.into(),
        kinds: kinds.into(),
        attrs: Vec::new(),
    }
}

/// The attribute in which a resource of a test names one of its users, until [`linked`] finds its place.
const USER: &str = "used-by";

/// Notes the ids of what uses a resource.
pub(crate) fn used_by(one: &mut Resource, users: &[String]) {
    let users = users.iter().map(|user| (USER.to_owned(), user.clone()));
    one.attrs.extend(users);
}

/// The resources, with the places of their users in place of their ids.
pub(crate) fn linked(resources: &[Resource]) -> Vec<Resource> {
    let place = |id: &str| resources.iter().position(|one| one.id == id);
    let mut linked = resources.to_vec();
    for one in &mut linked {
        let attrs = std::mem::take(&mut one.attrs);
        let (users, attrs): (Vec<_>, Vec<_>) = attrs.into_iter().partition(|(key, _)| key == USER);
        one.attrs = attrs;
        let places = users.iter().filter_map(|(_, id)| place(id));
        one.used_by = places.map(|place| u32::try_from(place).unwrap()).collect();
        one.used_by_others = u32::try_from(users.len() - one.used_by.len()).unwrap();
    }
    linked
}

/// A container that exited two hours ago and was created three hours ago.
pub(crate) fn container(name: &str) -> Resource {
    Resource {
        id: format!("docker/container/{name}"),
        backend: 0,
        kind: 0,
        class: Class::Compute,
        name: name.to_owned(),
        state: State::Exited,
        damaged: None,
        exit_code: Some(0),
        created: Some(NOW - 3 * HOUR),
        arrived: None,
        started: None,
        finished: Some(NOW - 2 * HOUR),
        last_used: None,
        idle_since: None,
        history: None,
        unit: None,
        unit_runs: false,
        owner: Owner::Unknown,
        lease: LeaseState::None,
        claimed: false,
        usage: Usage {
            cpu_millis: None,
            memory_bytes: None,
            disk_bytes: None,
            reclaimable_bytes: None,
            micros_per_hour: None,
        },
        used_by: Vec::new(),
        used_by_others: 0,
        users_known: true,
        takes_along: Vec::new(),
        labels: Vec::new(),
        attrs: Vec::new(),
    }
}

/// A failed deletion of it.
pub(crate) fn failure(attempt: u32) -> Failure {
    Failure {
        resource: container("c"),
        operation: Operation::Delete,
        force: Force::OnRetry,
        reason: "it has ended".to_owned(),
        failure: FailureKind::Transient,
        code: None,
        message: "500".to_owned(),
        attempt,
        round: 1,
        elapsed_ms: 0,
        retry_after_ms: None,
        attrs: Vec::new(),
    }
}

/// The values of a policy's parameters: those given are written as the host does.
pub(crate) fn params(description: Description, given: &[(&str, &str)]) -> Params {
    let ms = |text: &str| {
        let at = text.find(|c: char| !c.is_ascii_digit()).unwrap();
        let unit = match &text[at..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => HOUR,
            "d" => 24 * HOUR,
            other => panic!("{other}"),
        };
        (text[..at].parse::<u64>().unwrap() * unit).to_string()
    };
    let defaults = description.params.into_iter().filter_map(|param| {
        let text = param.default?;
        let value = match param.type_ {
            ParamType::Duration => ms(&text),
            _ => text,
        };
        Some((param.name, value))
    });
    let given = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Params::new(given.chain(defaults).collect())
}
