//! What the safeguards know besides the inventory: what is parked, which leases are live, and what of this
//! could not be read. Plain data, so that the plan knows neither a database nor a directory.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::Serialize;
use tbengine_sdk::{Identity, Kind, Owner, Resource, ResourceId};

use crate::policy::LeaseState;
use crate::terms::Terms;

/// The facts of one moment. Taking any of them away never adds a step to a plan: what could not be read is
/// named in [`unreadable`](Self::unreadable), and refuses the plan as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What failed in too many runs.
    pub quarantine: Quarantine,
    /// The leases that are live. What was made under one of them stays.
    pub live: Vec<LiveLease>,
    /// The ids of expired leases. They prove who owned what carries such an id.
    pub over: BTreeSet<String>,
    /// In the sweep of a lease: all that may be touched, since it was made under that lease.
    pub only: Option<HashSet<ResourceId>>,
    /// What could not be read, and why, in words.
    pub unreadable: Vec<String>,
}

/// A lease that is live: what was made under it is not to be touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveLease {
    /// Its id.
    pub id: String,
    /// What counts as made under it.
    pub terms: Terms,
    /// Native ids of images that its holder relies on: it has looked them up, or runs containers of them.
    pub images: HashSet<String>,
}

impl Facts {
    /// The live lease that a resource was made under.
    pub(crate) fn live_over(&self, resource: &Resource) -> Option<&LiveLease> {
        self.live
            .iter()
            .find(|lease| lease.terms.name(&lease.id, resource))
    }

    /// The live lease whose holder relies on an image.
    pub(crate) fn relied_on(&self, resource: &Resource) -> Option<&LiveLease> {
        let Identity { kind, native, .. } = &resource.identity;
        let mut live = self.live.iter();
        live.find(|lease| *kind == Kind::IMAGE && lease.images.contains(native))
    }

    /// Whether the lease of a run is known here: whether it goes on is known then.
    pub(crate) fn knows_lease(&self, run: &str) -> bool {
        self.over.contains(run) || self.live.iter().any(|lease| lease.id == run)
    }

    /// Whether the run whose id a resource carries is still going on.
    pub(crate) fn lease_of(&self, resource: &Resource) -> LeaseState {
        if self.live_over(resource).is_some() {
            return LeaseState::Live;
        }
        match &resource.owner {
            Owner::Run(run) if self.over.contains(run) => LeaseState::Over,
            Owner::Run(_) => LeaseState::Foreign,
            _ => LeaseState::None,
        }
    }

    /// Whether this is a sweep, and a resource is none of its business.
    pub(crate) fn is_foreign(&self, resource: &Resource) -> bool {
        self.only
            .as_ref()
            .is_some_and(|only| !only.contains(&resource.identity.id()))
    }

    /// Whether leases prove who owns a resource: the run behind it has ended, or this is its sweep.
    pub(crate) fn prove(&self, resource: &Resource) -> bool {
        let is_finished = matches!(&resource.owner, Owner::Run(run) if self.over.contains(run));
        is_finished || self.only.is_some() && !self.is_foreign(resource)
    }
}

/// In how many runs a resource has to fail before it is parked, unless the operator says otherwise.
pub const QUARANTINE_AFTER: u32 = 3;

/// The shortest beginning of an id that lets a resource out of the quarantine.
pub const MIN_ID_LENGTH: usize = 8;

/// The resources that failed in run after run and are parked until someone looks at them, with their
/// reasons. What counts is the identity, creation time included: something new under an old name starts
/// anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    parked: HashMap<IdentityKey, QuarantineEntry>,
    released: Vec<String>,
}

/// What names an identity, creation time included, whatever its backend is called here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityKey(String);

impl IdentityKey {
    /// The key of an identity.
    pub fn of(identity: &Identity) -> Self {
        let Identity {
            account,
            kind,
            native,
            created,
            ..
        } = identity;
        // A list, so that no id can be written to look like another.
        Self(serde_json::json!([account, kind, native, created]).to_string())
    }

    /// A key as it was written down.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The key up to the creation time, and whether that is known.
    fn without_time(&self) -> Option<(&str, bool)> {
        // The time is the last of the list, and a text without commas or null.
        let (of_id, time) = self.0.rsplit_once(',')?;
        Some((of_id, time != "null]"))
    }

    /// The key as it is written down.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a resource is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct QuarantineEntry {
    /// In how many runs it failed or came back.
    pub runs: u32,
    /// The last of them.
    pub last_run: String,
    /// What went wrong there.
    pub reason: String,
}

impl fmt::Display for QuarantineEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            last_run,
            reason,
        } = self;
        write!(
            f,
            "failed or reappeared in {runs} runs, last in {last_run}: {reason}"
        )
    }
}

impl Quarantine {
    /// A quarantine of these.
    pub fn new(parked: HashMap<IdentityKey, QuarantineEntry>) -> Self {
        Self {
            parked,
            released: Vec::new(),
        }
    }

    /// Releases resources: those with this id, as `backend/kind/id` or as the provider's own, which may
    /// be shortened to its first [`MIN_ID_LENGTH`] characters or more.
    #[must_use]
    pub fn releasing(mut self, ids: &[String]) -> Self {
        self.released = ids.to_vec();
        self
    }

    /// Why a resource is quarantined, if it is.
    pub fn entry(&self, identity: &Identity) -> Option<&QuarantineEntry> {
        self.parked(identity)
            .filter(|_| !self.is_released(identity))
    }

    /// Whether a resource would be quarantined, and was released.
    pub fn releases(&self, identity: &Identity) -> bool {
        self.parked(identity).is_some() && self.is_released(identity)
    }

    fn parked(&self, identity: &Identity) -> Option<&QuarantineEntry> {
        // Inventories are large, and hardly ever is anything parked.
        if self.parked.is_empty() {
            return None;
        }
        let key = IdentityKey::of(identity);
        self.parked
            .get(&key)
            .or_else(|| self.parked_at_some_time(&key))
    }

    /// Why a resource of this account, kind and id is parked where it is not known, then or now, when it was created:
    /// it may be the same.
    fn parked_at_some_time(&self, key: &IdentityKey) -> Option<&QuarantineEntry> {
        let (of_id, is_known) = key.without_time()?;
        let parked = self.parked.iter().filter(|(parked, _)| {
            let then = parked.without_time();
            then.is_some_and(|(other, was_known)| other == of_id && !(is_known && was_known))
        });
        let first = parked.min_by_key(|(parked, _)| parked.as_str());
        first.map(|(_, entry)| entry)
    }

    fn is_released(&self, identity: &Identity) -> bool {
        self.released.iter().any(|wanted| {
            let native = identity.native.as_str();
            let digest = native.strip_prefix("sha256:").unwrap_or(native);
            let short = wanted.len() >= MIN_ID_LENGTH;
            *wanted == native
                || *wanted == identity.id().to_string()
                || (short && (native.starts_with(wanted) || digest.starts_with(wanted)))
        })
    }
}

/// What names a resource whatever its backend is called here.
pub fn resource_key(identity: &Identity) -> String {
    let Identity {
        account,
        kind,
        native,
        ..
    } = identity;
    // A list, so that no id can be written to look like another.
    serde_json::json!([account, kind, native]).to_string()
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Timestamp;

    use super::*;

    fn container(native: &str, created: Option<i64>) -> Identity {
        Identity {
            backend: "docker".into(),
            account: "a".into(),
            kind: Kind::CONTAINER,
            native: native.to_owned(),
            created: created.map(Timestamp::from_unix_seconds),
        }
    }

    /// What is parked is another one under the same id only where both times are known.
    #[test]
    fn what_may_be_the_parked_one_is_parked() {
        for (then, now, is_parked) in [
            (Some(1), Some(1), true),
            (Some(1), Some(2), false),
            (Some(1), None, true),
            (None, Some(1), true),
            (None, None, true),
        ] {
            let entry = QuarantineEntry {
                runs: 3,
                last_run: "r".into(),
                reason: "it failed".into(),
            };
            let key = IdentityKey::of(&container("1", then));
            let quarantine = Quarantine::new(HashMap::from([(key, entry)]));
            let is = |native, created| quarantine.entry(&container(native, created)).is_some();
            assert_eq!(is("1", now), is_parked, "{then:?} {now:?}");
            assert!(!is("2", now) && !is("", now), "{then:?} {now:?}");
        }
    }
}
