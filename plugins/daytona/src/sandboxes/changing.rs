//! Stopping, archiving and deleting, and what their refusals mean.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tbengine_sdk::http::{Call, Method, shortened};
use tbengine_sdk::{Error, ErrorKind, Result, State, StopOptions, Taken};

use super::reading::{confirming_read, get};
use super::{KIND, READ};
use crate::account_scope::AccountScope;
use crate::busy::Busy;
use crate::client::Client;
use crate::error::{gone, has_status, in_progress};
use crate::native;
use crate::recent::Seen;
use crate::state;
use crate::wire::Sandbox;

/// Asks a sandbox to end that was just seen.
pub(crate) async fn stop(
    client: &Client,
    scope: &AccountScope,
    id: &str,
    options: StopOptions,
) -> Result<()> {
    let query: &[(&str, &str)] = match options.force {
        true => &[("force", "true")],
        false => &[],
    };
    let sent = client
        .send(Call::Stop, Method::POST, &["sandbox", id, "stop"], query)
        .await;
    let error = match sent {
        Ok(_) => return Ok(()),
        // In no state that can be stopped, or busy: its state shows whether that is as good.
        Err(error) if has_status(&error, 400) || has_status(&error, 409) => error,
        Err(error) => return Err(error),
    };
    let found = get(client, scope, id).await?.ok_or_else(|| gone(KIND))?;
    let raw = found.attrs.get("state").unwrap_or_default();
    let is_ending = raw == "stopping" || found.attrs.get("desired-state") == Some("stopped");
    match found.state {
        state if state.is_dead() || state == State::Removing || is_ending => Ok(()),
        _ => Err(Error {
            message: format!("{} (it is {raw})", error.message),
            ..error
        }),
    }
}

/// Moves a sandbox to cold storage that was just seen and has ended.
pub(crate) async fn archive(client: &Client, scope: &AccountScope, id: &str) -> Result<()> {
    let path = ["sandbox", id, "archive"];
    let error = match client.send(Call::Archive, Method::POST, &path, &[]).await {
        Ok(_) => return Ok(()),
        // Not stopped, or busy: its state shows whether that is as good.
        Err(error) if error.kind == ErrorKind::Conflict || has_status(&error, 409) => error,
        Err(error) => return Err(error),
    };
    let found = get(client, scope, id).await?.ok_or_else(|| gone(KIND))?;
    let seen = Seen::new(&found);
    match seen.state {
        State::Removing => Err(in_progress()),
        _ if seen.is_in_storage => Ok(()),
        _ => Err(Error {
            message: format!("{} (it is {})", error.message, seen.raw),
            ..error
        }),
    }
}

/// The labels of a sandbox, all of them: the service takes none but a whole new set.
#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    labels: BTreeMap<String, Value>,
}

/// Sets and removes labels. Between the reading and the change somebody else's change of labels is lost.
pub(crate) async fn relabel(
    client: &Client,
    id: &str,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<()> {
    let read: Result<Labels> = client.read(READ, &["sandbox", id], &[]).await;
    let Labels { mut labels } = read?;
    for (key, value) in changes {
        match value {
            Some(value) => labels.insert(key.clone(), value.as_str().into()),
            None => labels.remove(key),
        };
    }
    let document = json!({ "labels": labels });
    let path = ["sandbox", id, "labels"];
    client
        .send_json(Call::Relabel, Method::PUT, &path, &document)
        .await
        .map(drop)
}

/// Deletes a sandbox that was just seen, whether it runs or not. Answers whether it is known to be on
/// its way out; some are gone at once.
pub(crate) async fn delete(
    client: &Client,
    scope: &AccountScope,
    id: &str,
    seen: &Seen,
    busy: &Busy,
) -> Result<bool> {
    let sent = client
        .send(Call::Delete(KIND), Method::DELETE, &["sandbox", id], &[])
        .await;
    match sent {
        Ok(answer) => {
            // The answer shows the state in which the deletion met it.
            let met: Sandbox = serde_json::from_slice(&answer.body).unwrap_or_default();
            match met.state.as_deref() {
                Some(raw) if state::is_errored(raw) => Err(hides(raw, met.error_reason.as_deref())),
                state => Ok(state == Some("destroying")),
            }
        }
        Err(error) if error.kind == ErrorKind::NotFound => {
            match confirming_read(client, scope, id).await?.hidden() {
                Some(found) => Err(hides(&Seen::new(&found).raw, found.reason())),
                None => Err(error),
            }
        }
        Err(error) if has_status(&error, 409) && busy.was(id, &seen.raw) => {
            Err(is(error, &seen.raw))
        }
        Err(error) if has_status(&error, 409) => {
            Err(refused_as_busy(client, scope, id, error, busy).await)
        }
        Err(error) if error.kind == ErrorKind::Dependency => {
            Err(name_forks(client, id, error).await)
        }
        Err(error) => Err(error),
    }
}

/// What a 409 means: someone's deletion is under way, or something else is.
async fn refused_as_busy(
    client: &Client,
    scope: &AccountScope,
    id: &str,
    error: Error,
    busy: &Busy,
) -> Error {
    let seen = match get(client, scope, id).await {
        Ok(None) => return gone(KIND),
        Ok(Some(found)) => Seen::new(&found),
        Err(failed) => return failed,
    };
    match seen.state {
        _ if seen.is_hidden => hides(&seen.raw, seen.reason()),
        State::Removing => in_progress(),
        _ => {
            busy.note(id, &seen.raw);
            is(error, &seen.raw)
        }
    }
}

/// Adds the state in which something was refused.
fn is(error: Error, raw: &str) -> Error {
    Error {
        message: format!("{} (it is {raw})", error.message),
        ..error
    }
}

/// Says which forks are in the way, as far as the service says.
async fn name_forks(client: &Client, id: &str, error: Error) -> Error {
    let forks = client
        .read::<Vec<Sandbox>>(READ, &["sandbox", id, "forks"], &[])
        .await
        .unwrap_or_default();
    let ids: Vec<String> = forks
        .into_iter()
        .filter_map(|fork| fork.id)
        .filter(|fork| native::is_id(fork))
        .take(5)
        .collect();
    if ids.is_empty() {
        return error;
    }
    Error {
        message: format!("{} (forks: {})", error.message, ids.join(", ")),
        ..error
    }
}

/// The code of the error for what a deletion only hides.
const ONLY_HIDES: &str = "daytona:only-hides";

/// What a deletion has come to that failed: none, if the service has taken it and only hides the sandbox.
pub(crate) fn surrendered(error: Error) -> Result<Taken> {
    if error.code.as_deref() != Some(ONLY_HIDES) {
        return Err(error);
    }
    let hint = error.hint.unwrap_or_default();
    Ok(Taken::Surrendered {
        message: format!("{}; {hint}", error.message),
    })
}

/// The error for what a deletion only hides.
pub(crate) fn hides(raw: &str, reason: Option<&str>) -> Error {
    let after = match raw {
        "build_failed" => "24 hours",
        _ => "7 days",
    };
    let why = reason.map_or_else(String::new, |reason| format!(" ({})", shortened(reason)));
    Error::new(
        ErrorKind::Stuck,
        format!("daytona does not destroy a sandbox in the state {raw}{why}: its deletion only hides it"),
    )
    .with_code(ONLY_HIDES)
    .with_hint(format!(
        "daytona removes it automatically, usually after {after}; until then it may count towards quotas"
    ))
}
