//! Snapshots: paged by offset, without labels, some of them everybody's.

use serde::Serialize;
use tbengine_sdk::Timestamp;

use crate::clock::iso;
use crate::cloud::Cloud;
use crate::cloud::agenda::Job;
use crate::error::ApiError;
use crate::ids::uuid;
use crate::list::offset::{OffsetPage, page_of};
use crate::list::params::{Params, one_of};
use crate::oracle::{By, Destruction};

/// A snapshot.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub struct Snapshot {
    pub id: String,
    /// The number of its organization; `None` is a general one, which belongs to the provider.
    pub organization: Option<usize>,
    pub name: String,
    pub state: SnapshotState,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub source: Option<String>,
    deleted_by: Option<(By, Timestamp)>,
}

/// The states of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the provider's and say it")]
pub enum SnapshotState {
    Building,
    Pending,
    Pulling,
    Snapshotting,
    Active,
    Inactive,
    Error,
    BuildFailed,
    Removing,
}

impl Cloud {
    /// Puts a snapshot there; without an organization it is a general one. Returns its id.
    pub fn put_snapshot(
        &mut self,
        organization: Option<usize>,
        name: impl Into<String>,
        state: SnapshotState,
        created_at: Timestamp,
    ) -> String {
        let id = uuid(&mut self.random);
        self.snapshots.push(Snapshot {
            id: id.clone(),
            organization,
            name: name.into(),
            state,
            created_at,
            last_used_at: None,
            source: None,
            deleted_by: None,
        });
        id
    }

    /// One page, as `GET /snapshots` answers it.
    pub(crate) fn list_snapshots(
        &self,
        organization: usize,
        params: &Params,
    ) -> Result<OffsetPage<SnapshotView>, ApiError> {
        let mut problems = Vec::new();
        let (page, limit) = (params.page(&mut problems), params.limit(&mut problems));
        let sorts = ["name", "state", "lastUsedAt", "createdAt"];
        let sort = one_of(params, "sort", &sorts, &mut problems).unwrap_or("lastUsedAt");
        let order = one_of(params, "order", &["asc", "desc"], &mut problems).unwrap_or("desc");
        Params::check(problems)?;
        let part = params.first("name").unwrap_or_default();
        let source = params.first("sourceSandboxId");
        let mut found: Vec<&Snapshot> = self
            .snapshots
            .iter()
            .filter(|one| one.organization.is_none_or(|number| number == organization))
            .filter(|one| one.name.contains(part))
            .filter(|one| source.is_none() || one.source.as_deref() == source)
            .collect();
        found.sort_by(|a, b| {
            let by = match sort {
                "name" => a.name.cmp(&b.name),
                "state" => a.state.cmp(&b.state),
                "createdAt" => a.created_at.cmp(&b.created_at),
                _ => a.last_used_at.cmp(&b.last_used_at),
            };
            let by = by.then_with(|| a.id.cmp(&b.id));
            if order == "desc" { by.reverse() } else { by }
        });
        Ok(page_of(&found, page, limit, |one| self.view_snapshot(one)))
    }

    /// One by id or name.
    pub(crate) fn get_snapshot(
        &self,
        organization: usize,
        id_or_name: &str,
    ) -> Result<&Snapshot, ApiError> {
        self.snapshots
            .iter()
            .filter(|one| one.organization.is_none_or(|number| number == organization))
            .find(|one| one.id == id_or_name || one.name == id_or_name)
            .ok_or_else(|| ApiError::not_found(format!("Snapshot {id_or_name} not found")))
    }

    /// Starts to remove a snapshot. While one is still being made, 200 changes nothing.
    pub(crate) fn delete_snapshot(
        &mut self,
        organization: usize,
        id: &str,
        by: By,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let found = self.get_snapshot(organization, id)?;
        if found.organization.is_none() {
            return Err(ApiError::forbidden("You cannot delete a general snapshot"));
        }
        if matches!(
            found.state,
            SnapshotState::Pending | SnapshotState::Building | SnapshotState::Removing
        ) {
            return Ok(());
        }
        let id = found.id.clone();
        if let Some(found) = self.snapshots.iter_mut().find(|one| one.id == id) {
            found.state = SnapshotState::Removing;
            found.deleted_by = Some((by, now));
        }
        let done = now.plus(self.settings.runner.destroy);
        self.agenda.add(done, Job::RemoveSnapshot(id));
        Ok(())
    }

    pub(crate) fn snapshot_gone(&mut self, id: &str, now: Timestamp) {
        let Some(position) = self.snapshots.iter().position(|one| one.id == id) else {
            return;
        };
        let gone = self.snapshots.remove(position);
        let (by, accepted_at) = gone.deleted_by.unwrap_or((By::Service("purge"), now));
        self.record.destroyed.push(Destruction {
            kind: "snapshot",
            id: gone.id,
            name: gone.name,
            organization: gone
                .organization
                .map_or_else(String::new, |number| self.accounts.id_of(number).to_owned()),
            created_at: gone.created_at,
            accepted_at,
            at: now,
            by,
        });
    }

    pub(crate) fn view_snapshot(&self, snapshot: &Snapshot) -> SnapshotView {
        SnapshotView {
            id: snapshot.id.clone(),
            organization_id: snapshot
                .organization
                .map(|number| self.accounts.id_of(number).to_owned()),
            general: snapshot.organization.is_none(),
            name: snapshot.name.clone(),
            image_name: snapshot.name.clone(),
            state: snapshot.state,
            size: Some(1.5),
            entrypoint: None,
            cpu: 1,
            gpu: 0,
            mem: 4,
            disk: 10,
            error_reason: None,
            created_at: iso(snapshot.created_at),
            updated_at: iso(snapshot.created_at),
            last_used_at: snapshot.last_used_at.map(iso),
            source_sandbox_id: snapshot.source.clone(),
        }
    }
}

/// A snapshot on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    general: bool,
    name: String,
    image_name: String,
    state: SnapshotState,
    size: Option<f64>,
    entrypoint: Option<Vec<String>>,
    cpu: u32,
    gpu: u32,
    mem: u32,
    disk: u32,
    error_reason: Option<String>,
    created_at: String,
    updated_at: String,
    last_used_at: Option<String>,
    source_sandbox_id: Option<String>,
}
