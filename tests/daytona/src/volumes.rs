//! Volumes: a bare array, without labels and pages.

use serde::Serialize;
use tbengine_sdk::Timestamp;

use crate::clock::iso;
use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::error::ApiError;
use crate::ids::uuid;
use crate::oracle::{By, Destruction};

/// A volume.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub struct Volume {
    pub id: String,
    pub organization: usize,
    pub name: String,
    pub state: VolumeState,
    pub created_at: Timestamp,
    /// Why it cannot be deleted, if so: it ends in `error` then.
    pub fails: Option<String>,
    deleted_by: Option<(By, Timestamp)>,
}

/// The states of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub enum VolumeState {
    Creating,
    Ready,
    PendingCreate,
    PendingDelete,
    Deleting,
    Deleted,
    Error,
}

impl Cloud {
    /// Puts a volume there; returns its id.
    pub fn put_volume(
        &mut self,
        organization: usize,
        name: impl Into<String>,
        state: VolumeState,
        created_at: Timestamp,
    ) -> String {
        let id = uuid(&mut self.random);
        self.volumes.push(Volume {
            id: id.clone(),
            organization,
            name: name.into(),
            state,
            created_at,
            fails: None,
            deleted_by: None,
        });
        id
    }

    /// Lets every deletion of a volume fail for a reason.
    pub fn fail_volume(&mut self, id: &str, reason: impl Into<String>) {
        if let Some(found) = self.volumes.iter_mut().find(|one| one.id == id) {
            found.fails = Some(reason.into());
        }
    }

    /// All of them, as `GET /volumes` answers it.
    pub(crate) fn list_volumes(&self, organization: usize, deleted: bool) -> Vec<VolumeView> {
        self.volumes
            .iter()
            .filter(|one| one.organization == organization)
            .filter(|one| deleted || one.state != VolumeState::Deleted)
            .map(|one| self.view_volume(one))
            .collect()
    }

    pub(crate) fn get_volume(&self, organization: usize, id: &str) -> Result<&Volume, ApiError> {
        self.volumes
            .iter()
            .find(|one| one.organization == organization && one.id == id)
            .filter(|one| one.state != VolumeState::Deleted)
            .ok_or_else(|| ApiError::not_found(format!("Volume with ID {id} not found")))
    }

    /// Starts to delete a volume that nothing uses.
    pub(crate) fn delete_volume(
        &mut self,
        organization: usize,
        id: &str,
        by: By,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let found = self.get_volume(organization, id)?;
        if !matches!(found.state, VolumeState::Ready | VolumeState::Error) {
            return Err(ApiError::bad_request(
                "Volume must be in 'ready' or 'error' state in order to be deleted",
            ));
        }
        if let Some(user) = self.store.user_of_volume(id) {
            return Err(ApiError::conflict(format!(
                "Volume cannot be deleted because it is in use by one or more sandboxes (e.g. {user})"
            )));
        }
        if let Some(found) = self.volumes.iter_mut().find(|one| one.id == id) {
            found.state = VolumeState::PendingDelete;
            found.deleted_by = Some((by, now));
        }
        let started = now.plus(self.settings.runner.pick_up);
        self.agenda.add(started, Job::DeleteVolume(id.to_owned()));
        Ok(())
    }

    /// The next state on the way out.
    pub(crate) fn volume_moves_on(&mut self, id: &str, now: Timestamp) -> Option<VolumeState> {
        let volume = self.volumes.iter_mut().find(|one| one.id == id)?;
        volume.state = match volume.state {
            VolumeState::PendingDelete => VolumeState::Deleting,
            _ if volume.fails.is_some() => VolumeState::Error,
            _ => VolumeState::Deleted,
        };
        let volume = volume.clone();
        if volume.state == VolumeState::Deleted {
            let (by, accepted_at) = volume.deleted_by.unwrap_or((By::Service("purge"), now));
            self.record.destroyed.push(Destruction {
                kind: "volume",
                id: volume.id,
                name: volume.name,
                organization: self.accounts.id_of(volume.organization).to_owned(),
                created_at: volume.created_at,
                accepted_at,
                at: now,
                by,
            });
        }
        Some(volume.state)
    }

    pub(crate) fn view_volume(&self, volume: &Volume) -> VolumeView {
        VolumeView {
            id: volume.id.clone(),
            name: volume.name.clone(),
            organization_id: self.accounts.id_of(volume.organization).to_owned(),
            state: volume.state,
            created_at: iso(volume.created_at),
            updated_at: iso(volume.created_at),
            last_used_at: None,
            error_reason: (volume.state == VolumeState::Error)
                .then(|| volume.fails.clone())
                .flatten(),
        }
    }
}

/// A volume on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeView {
    id: String,
    name: String,
    organization_id: String,
    state: VolumeState,
    created_at: String,
    updated_at: String,
    last_used_at: Option<String>,
    error_reason: Option<String>,
}
