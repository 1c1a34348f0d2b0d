//! The organization behind the credential, and what the key may do.

use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::http::Call;
use tbengine_sdk::{Act, Error, ErrorKind, Kind, Operation, Result, Right, Timestamp};

use crate::client::Client;
use crate::error::{NAME, has_status, invalid};
use crate::wire::{ApiKey, SandboxPage, SnapshotPage, time};

/// A key that ends within this is worth a word.
const KEY_EXPIRY_WARNING: Duration = Duration::from_secs(24 * 3600);

/// What each missing permission means.
const PERMISSIONS: [(&str, &str); 5] = [
    ("delete:sandboxes", "deleting sandboxes will be refused"),
    ("write:sandboxes", "stopping sandboxes will be refused"),
    ("delete:snapshots", "deleting snapshots will be refused"),
    ("read:volumes", "volumes are not listed"),
    ("delete:volumes", "deleting volumes will be refused"),
];

/// The organization, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    /// What resources' identities say.
    pub(crate) id: Arc<str>,
    /// Whether it is an organization's id, and not what we made up for lack of one.
    is_named: bool,
}

impl Organization {
    /// Refuses a resource that says it belongs to another organization.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn admit(&self, stated: Option<&str>) -> Result<()> {
        match stated {
            Some(stated) if self.is_named && stated != &*self.id => Err(invalid(format!(
                "the service returned a resource of organization {stated}, not of {}",
                self.id
            ))),
            _ => Ok(()),
        }
    }
}

/// What the service says about the credential: about a key itself, about a token only that it is taken.
pub(crate) async fn key(client: &Client) -> Result<Option<ApiKey>> {
    let call = Call::Read(None);
    if !client.provider().credential.is_key() {
        client
            .read::<SandboxPage>(call, &["sandbox"], &[("limit", "1")])
            .await?;
        return Ok(None);
    }
    match client.read(call, &["api-keys", "current"], &[]).await {
        Ok(key) => Ok(Some(key)),
        // Older services have no such path, and then a read shows whether they are a service at all.
        Err(error) if has_status(&error, 404) => {
            client
                .read::<SandboxPage>(call, &["sandbox"], &[("limit", "1")])
                .await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Finds out which organization the credential belongs to. What knows: the token's own setting, newer
/// services about the key, else any resource. An organization without resources is identified by the
/// key's fingerprint.
pub(crate) async fn organization(
    client: &Client,
    key: Option<&ApiKey>,
    configured: Option<&str>,
) -> Result<Organization> {
    let named = |id: &str| Organization {
        id: id.into(),
        is_named: true,
    };
    if let (false, Some(configured)) = (client.provider().credential.is_key(), configured) {
        return Ok(named(configured));
    }
    let stated = match key.and_then(|key| key.organization_id.clone()) {
        Some(stated) => Some(stated),
        None => of_any_resource(client).await?,
    };
    match (stated, configured) {
        (Some(stated), Some(configured)) if stated != configured => Err(invalid(format!(
            "the key belongs to organization {stated}; configured is {configured}"
        ))
        .with_hint("use the key of that organization, or change `organization`")),
        (Some(id), _) => Ok(named(&id)),
        (None, Some(configured)) => Ok(named(configured)),
        (None, None) => Ok(Organization {
            id: client.provider().credential.secret.fingerprint(NAME).into(),
            is_named: false,
        }),
    }
}

async fn of_any_resource(client: &Client) -> Result<Option<String>> {
    let query = [("limit", "1"), ("includeErroredDeleted", "true")];
    let sandboxes: SandboxPage = client
        .read(Call::Read(Some(Kind::SANDBOX)), &["sandbox"], &query)
        .await?;
    let (sandboxes, _) = sandboxes.into_parts();
    if let Some(id) = sandboxes
        .read
        .into_iter()
        .find_map(|sandbox| sandbox.organization_id)
    {
        return Ok(Some(id));
    }
    let query = [("page", "1"), ("limit", "200")];
    let snapshots: SnapshotPage = client
        .read(Call::Read(Some(Kind::SNAPSHOT)), &["snapshots"], &query)
        .await?;
    Ok(snapshots
        .items
        .read
        .into_iter()
        .filter(|snapshot| snapshot.general == Some(false))
        .find_map(|snapshot| snapshot.organization_id))
}

/// What answered, for people.
pub(crate) fn description(client: &Client, key: Option<&ApiKey>, target: Option<&str>) -> String {
    let credential = &client.provider().credential;
    let mut text = format!("Daytona at {}", client.shown());
    // Only what does not give the key away, in case the service does not hide it.
    let shown = |text: &Option<String>| {
        text.clone()
            .filter(|text| !text.is_empty() && text.len() <= 80 && !credential.secret.is_in(text))
    };
    match key {
        Some(key) => {
            if let Some(name) = shown(&key.name) {
                text.push_str(&format!(" with key `{name}`"));
            }
            if let Some(masked) = shown(&key.value) {
                text.push_str(&format!(" ({masked})"));
            }
        }
        None if credential.is_key() => text.push_str(" with a key"),
        None => text.push_str(" with a token"),
    }
    if let Some(target) = target {
        text.push_str(&format!(", only region {target}"));
    }
    text
}

/// What will not work and why.
pub(crate) fn warnings(client: &Client, key: Option<&ApiKey>, now: Timestamp) -> Vec<String> {
    let Some(key) = key else {
        return match client.provider().credential.is_key() {
            true => vec!["this service does not report the key's permissions".to_owned()],
            false => Vec::new(),
        };
    };
    let mut warnings = Vec::new();
    match &key.permissions {
        Some(permissions) => warnings.extend(
            PERMISSIONS
                .iter()
                .filter(|(permission, _)| !permissions.iter().any(|held| held == permission))
                .map(|(permission, meaning)| format!("the key lacks {permission}: {meaning}")),
        ),
        None => warnings.push("this service does not report the key's permissions".to_owned()),
    }
    if let Some(expires) = time(key.expires_at.as_deref()) {
        if expires <= now {
            warnings.push(format!("the key expired at {expires}"));
        } else if expires <= now.plus(KEY_EXPIRY_WARNING) {
            warnings.push(format!("the key expires at {expires}"));
        }
    }
    warnings
}

/// Whether the key allows something, where the service says what it may do.
pub(crate) fn right(key: &ApiKey, act: Act) -> Option<Right> {
    use Operation::{Archive, Delete, Get, List, Relabel, Stop};

    let held = key.permissions.as_ref()?;
    let needed = match (act.operation, act.kind) {
        (List | Get, Kind::SANDBOX | Kind::SNAPSHOT) => None,
        (Stop | Archive | Relabel, Kind::SANDBOX) => Some("write:sandboxes"),
        (Delete, Kind::SANDBOX) => Some("delete:sandboxes"),
        (Delete, Kind::SNAPSHOT) => Some("delete:snapshots"),
        (List | Get, Kind::VOLUME) => Some("read:volumes"),
        (Delete, Kind::VOLUME) => Some("delete:volumes"),
        _ => return None,
    };
    let lacks = needed.filter(|needed| !held.iter().any(|held| held == needed));
    Some(Right {
        act,
        allowed: lacks.is_none(),
        reason: lacks.map_or_else(String::new, |lacks| format!("the key lacks {lacks}")),
        hint: lacks.map_or_else(String::new, |lacks| {
            format!("use a key with the permission {lacks}")
        }),
    })
}

/// Whether the service said that the key may not read volumes.
pub(crate) fn lacks_volumes(key: Option<&ApiKey>) -> bool {
    key.and_then(|key| key.permissions.as_ref())
        .is_some_and(|permissions| !permissions.iter().any(|held| held == "read:volumes"))
}

/// The error for what no kind of resource here can be.
pub(crate) fn no_such_kind(kind: Kind) -> Error {
    let what = format!("daytona has no {}", kind.plural());
    Error::new(ErrorKind::Unsupported, what)
}
