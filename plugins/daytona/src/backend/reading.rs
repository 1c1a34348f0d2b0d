//! Reading one resource. Sandboxes on their way out are read by the poller, many at once.

use tbengine_sdk::{ErrorKind, Identity, Kind, Resource, Result, State};

use super::{Daytona, check_target};
use crate::client::Client;
use crate::place::Place;
use crate::poller::Look;
use crate::sandboxes::SecondLook;
use crate::{sandboxes, snapshots, volumes};

impl Daytona {
    pub(super) async fn read(&self, target: &Identity) -> Result<Option<Resource>> {
        check_target(target)?;
        let (client, place) = self.reach().await?;
        let id = target.native.as_str();
        let found = match target.kind {
            Kind::Snapshot => snapshots::get(client, &place, id).await?,
            Kind::Volume => volumes::get(client, &place, id).await?,
            _ => self.read_sandbox(client, &place, id).await?,
        };
        self.recent.note(target, found.as_ref());
        Ok(found)
    }

    /// Reads a sandbox, unless the poller knows that it is still on its way out.
    async fn read_sandbox(
        &self,
        client: &Client,
        place: &Place,
        id: &str,
    ) -> Result<Option<Resource>> {
        match self.find_sandbox(client, place, id).await {
            Err(error) if error.kind == ErrorKind::Transient => {
                self.poller.unread(id).map(Some).ok_or(error)
            }
            answer => answer,
        }
    }

    async fn find_sandbox(
        &self,
        client: &Client,
        place: &Place,
        id: &str,
    ) -> Result<Option<Resource>> {
        let mut look = self.look(client, place, id).await;
        if matches!(look, Look::Read | Look::Round(_)) {
            if let Some(found) = sandboxes::read(client, place, id).await? {
                match found.state {
                    State::Removing => self.poller.watch(&found, true),
                    _ => self.poller.forget(id),
                }
                return Ok(Some(found));
            }
            look = match self.poller.missed(id) {
                true => self.look(client, place, id).await,
                false => Look::Alone,
            };
        }
        let found = match look {
            Look::Removing(resource) => return Ok(Some(*resource)),
            Look::Hidden(resource) => return Ok(Some(*resource)),
            Look::Gone => return Ok(None),
            Look::Read | Look::Round(_) | Look::Alone => {
                let found = sandboxes::second_look(client, place, id).await?;
                if matches!(found, SecondLook::Outdated)
                    && let Some(resource) = self.poller.outdated(id)
                {
                    return Ok(Some(resource));
                }
                found.hidden()
            }
        };
        self.poller.forget(id);
        Ok(found)
    }

    /// Asks the poller, and makes a round for it if it is time. If that fails, the read that follows
    /// says why.
    async fn look(&self, client: &Client, place: &Place, id: &str) -> Look<'_> {
        match self.poller.look(id) {
            Look::Round(round) => {
                match sandboxes::leaving(client, place, round.pages).await {
                    Ok(sighting) => round.finish(sighting),
                    Err(error) => tracing::debug!(%error, "a round of the poller failed"),
                }
                self.poller.look(id)
            }
            look => look,
        }
    }
}
