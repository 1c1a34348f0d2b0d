//! Organizations, their keys, and what a key may do.

use std::collections::{BTreeSet, HashMap};

use tbengine_sdk::Timestamp;

use crate::error::ApiError;
use crate::ids::{api_key, uuid};
use crate::settings::Throttles;
use crate::throttle::Throttler;

/// What keys can be allowed to do, as far as this service asks.
pub mod permission {
    /// Create, stop, start, archive and label sandboxes.
    pub const WRITE_SANDBOXES: &str = "write:sandboxes";
    /// Delete sandboxes.
    pub const DELETE_SANDBOXES: &str = "delete:sandboxes";
    /// Make snapshots.
    pub const WRITE_SNAPSHOTS: &str = "write:snapshots";
    /// Delete snapshots.
    pub const DELETE_SNAPSHOTS: &str = "delete:snapshots";
    /// List volumes.
    pub const READ_VOLUMES: &str = "read:volumes";
    /// Make volumes.
    pub const WRITE_VOLUMES: &str = "write:volumes";
    /// Delete volumes.
    pub const DELETE_VOLUMES: &str = "delete:volumes";
    /// All of them.
    pub const ALL: [&str; 7] = [
        WRITE_SANDBOXES,
        DELETE_SANDBOXES,
        WRITE_SNAPSHOTS,
        DELETE_SNAPSHOTS,
        READ_VOLUMES,
        WRITE_VOLUMES,
        DELETE_VOLUMES,
    ];
}

/// Every organization and every credential.
#[derive(Debug)]
pub struct Accounts {
    organizations: Vec<Organization>,
    credentials: HashMap<String, Credential>,
}

#[derive(Debug)]
struct Organization {
    id: String,
    key: String,
    throttlers: HashMap<Scope, Throttler>,
}

/// What a throttler counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Lifecycle,
    Create,
    Authenticated,
}

impl Scope {
    /// The name in the headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "sandbox-lifecycle",
            Self::Create => "sandbox-create",
            Self::Authenticated => "authenticated",
        }
    }
}

/// A key, or a token of a user.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name, by which the oracle knows it.
    pub name: String,
    /// The organization of a key; a token names one with each request.
    pub organization: Option<usize>,
    /// What it may do.
    pub permissions: BTreeSet<String>,
    /// When it ceases to work.
    pub expires_at: Option<Timestamp>,
    /// The user it belongs to.
    pub user: String,
}

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The number of the organization that is asked for.
    pub organization: usize,
    /// The credential that was shown.
    pub credential: Credential,
}

impl Caller {
    /// Refuses unless the credential may do this.
    pub fn may(&self, permission: &str) -> Result<(), ApiError> {
        if self.credential.permissions.contains(permission) {
            Ok(())
        } else {
            Err(ApiError::denied())
        }
    }
}

impl Accounts {
    pub(crate) fn new(random: &mut fastrand::Rng, throttles: Throttles) -> Self {
        let mut accounts = Self {
            organizations: Vec::new(),
            credentials: HashMap::new(),
        };
        accounts.add_organization(random, throttles);
        accounts
    }

    pub(crate) fn add_organization(
        &mut self,
        random: &mut fastrand::Rng,
        throttles: Throttles,
    ) -> usize {
        let number = self.organizations.len();
        let key = api_key(random);
        self.organizations.push(Organization {
            id: uuid(random),
            key: key.clone(),
            throttlers: HashMap::new(),
        });
        self.set_throttles(number, throttles);
        self.add_key(key, format!("key-{number}"), number, &permission::ALL);
        number
    }

    /// Adds a key of this value and name, for this organization, which may do this.
    pub fn add_key(
        &mut self,
        value: impl Into<String>,
        name: impl Into<String>,
        organization: usize,
        permissions: &[&str],
    ) {
        let credential = Credential {
            name: name.into(),
            organization: Some(organization),
            permissions: permissions.iter().map(|&one| one.to_owned()).collect(),
            expires_at: None,
            user: "user-1".to_owned(),
        };
        self.credentials.insert(value.into(), credential);
    }

    /// Adds a token of a user who may do everything in every organization, if the request names one.
    pub fn add_token(&mut self, value: impl Into<String>, name: impl Into<String>) {
        let value = value.into();
        self.add_key(value.clone(), name, 0, &permission::ALL);
        if let Some(token) = self.credentials.get_mut(&value) {
            token.organization = None;
        }
    }

    /// Takes a key or token back.
    pub fn revoke(&mut self, value: &str) {
        self.credentials.remove(value);
    }

    /// The key or token of this value, to change it.
    pub fn credential_mut(&mut self, value: &str) -> Option<&mut Credential> {
        self.credentials.get_mut(value)
    }

    /// The id of an organization; empty if there is none of this number.
    pub fn id_of(&self, organization: usize) -> &str {
        let organization = self.organizations.get(organization);
        organization.map_or("", |organization| &organization.id)
    }

    /// The key that came with an organization; empty if there is none of this number.
    pub fn key_of(&self, organization: usize) -> &str {
        let organization = self.organizations.get(organization);
        organization.map_or("", |organization| &organization.key)
    }

    /// Sets the limits of one organization, and starts to count anew.
    pub fn set_throttles(&mut self, organization: usize, throttles: Throttles) {
        let Some(organization) = self.organizations.get_mut(organization) else {
            return;
        };
        organization.throttlers = [
            (Scope::Lifecycle, throttles.sandbox_lifecycle),
            (Scope::Create, throttles.sandbox_create),
            (Scope::Authenticated, throttles.authenticated),
        ]
        .into_iter()
        .filter_map(|(scope, throttle)| Some((scope, Throttler::new(throttle?))))
        .collect();
    }

    pub(crate) fn throttler(
        &mut self,
        organization: usize,
        scope: Scope,
    ) -> Option<&mut Throttler> {
        self.organizations
            .get_mut(organization)?
            .throttlers
            .get_mut(&scope)
    }

    /// Who shows this credential. A key decides the organization, whatever the request names; a
    /// token needs one to be named.
    pub(crate) fn authenticate(
        &self,
        value: &str,
        named: Option<&str>,
        now: Timestamp,
    ) -> Result<Caller, ApiError> {
        let credential = self.credentials.get(value);
        let credential = credential.ok_or_else(ApiError::unauthorized)?;
        if credential.expires_at.is_some_and(|at| at <= now) {
            return Err(ApiError::unauthorized());
        }
        let of_id = |id: &str| self.organizations.iter().position(|one| one.id == id);
        let organization = credential.organization.or_else(|| of_id(named?));
        Ok(Caller {
            organization: organization.ok_or_else(ApiError::denied)?,
            credential: credential.clone(),
        })
    }
}
