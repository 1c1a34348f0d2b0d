//! A sandbox on the wire: the item of a listing, and the full form with what only readings show.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::clock::iso;
use crate::cloud::Cloud;
use crate::sandbox::{Fields, Sandbox};

/// Where the toolboxes of all sandboxes would be, if there were any.
pub(crate) const TOOLBOX_PROXY_URL: &str = "http://127.0.0.1:1/toolbox";

/// A field that may be null or missing.
#[derive(Debug)]
enum Field<T> {
    Missing,
    Null,
    Is(T),
}

impl<T> Field<T> {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Self::Is)
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing | Self::Null => serializer.serialize_none(),
            Self::Is(value) => value.serialize(serializer),
        }
    }
}

/// A sandbox as callers see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SandboxView<'a> {
    id: &'a str,
    organization_id: &'a str,
    name: &'a str,
    target: &'a str,
    user: &'a str,
    public: bool,
    network_block_all: bool,
    cpu: u32,
    gpu: u32,
    memory: u32,
    disk: u32,
    labels: &'a BTreeMap<String, String>,
    toolbox_proxy_url: &'a str,
    #[serde(skip_serializing_if = "Field::is_missing")]
    runner_id: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    sandbox_class: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    state: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    desired_state: Field<crate::state::Desired>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    snapshot: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    error_reason: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    recoverable: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    backup_state: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    auto_stop_interval: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    auto_archive_interval: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    auto_delete_interval: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    auto_destroy_at: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    created_at: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    updated_at: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    last_activity_at: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    env: Field<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    volumes: Field<Vec<VolumeOf<'a>>>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    linked_sandbox_id: Field<&'a str>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    kvm: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    hyperdrive: Field<BTreeMap<&'static str, u8>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VolumeOf<'a> {
    volume_id: &'a str,
    mount_path: &'static str,
}

impl Cloud {
    /// The item of a listing.
    pub(crate) fn view_item<'a>(&'a self, sandbox: &'a Sandbox) -> SandboxView<'a> {
        self.view(sandbox, false)
    }

    /// The full form.
    pub(crate) fn view_full<'a>(&'a self, sandbox: &'a Sandbox) -> SandboxView<'a> {
        self.view(sandbox, true)
    }

    fn view<'a>(&'a self, sandbox: &'a Sandbox, full: bool) -> SandboxView<'a> {
        let state = match &sandbox.fields {
            Fields::State(name) => name,
            _ => sandbox.shown().name(),
        };
        let volumes = || {
            let volumes = sandbox.volumes.iter();
            let volumes = volumes.map(|id| VolumeOf {
                volume_id: id,
                mount_path: "/data",
            });
            volumes.collect()
        };
        let mut view = SandboxView {
            id: &sandbox.id,
            organization_id: self.accounts.id_of(sandbox.organization),
            name: &sandbox.name,
            target: &sandbox.target,
            user: "daytona",
            public: sandbox.public,
            network_block_all: false,
            cpu: sandbox.cpu,
            gpu: sandbox.gpu,
            memory: sandbox.memory,
            disk: sandbox.disk,
            labels: &sandbox.labels,
            toolbox_proxy_url: TOOLBOX_PROXY_URL,
            runner_id: Field::Is(&sandbox.runner_id),
            sandbox_class: Field::Is("container"),
            state: Field::Is(state),
            desired_state: Field::Is(sandbox.desired),
            snapshot: sandbox.snapshot.as_deref().into(),
            error_reason: sandbox.error_reason.as_deref().into(),
            recoverable: Field::Is(sandbox.recoverable),
            backup_state: Field::Is("None"),
            auto_stop_interval: Field::Is(sandbox.auto_stop),
            auto_archive_interval: Field::Is(sandbox.auto_archive),
            auto_delete_interval: Field::Is(sandbox.auto_delete),
            auto_destroy_at: sandbox.auto_destroy_at.map(iso).into(),
            created_at: Field::Is(iso(sandbox.created_at)),
            updated_at: Field::Is(iso(sandbox.updated_at)),
            last_activity_at: sandbox.last_activity_at.map(iso).into(),
            env: full.then_some(&sandbox.env).into(),
            volumes: full.then(volumes).into(),
            linked_sandbox_id: sandbox.linked.as_deref().filter(|_| full).into(),
            kvm: (full && self.settings.kvm).then_some(false).into(),
            hyperdrive: Field::Missing,
        };
        match sandbox.fields {
            Fields::Documented | Fields::State(_) => {}
            Fields::Null => view.without_optional(|| Field::Null, || Field::Null, || Field::Null),
            Fields::Missing => {
                view.without_optional(|| Field::Missing, || Field::Missing, || Field::Missing);
            }
            Fields::Extra => view.hyperdrive = Field::Is(BTreeMap::from([("level", 3)])),
        }
        view
    }
}

impl<'a> SandboxView<'a> {
    /// One closure for each type of a field.
    fn without_optional(
        &mut self,
        time: impl Fn() -> Field<String>,
        text: impl Fn() -> Field<&'a str>,
        number: impl Fn() -> Field<i64>,
    ) {
        self.state = text();
        self.snapshot = text();
        self.runner_id = text();
        self.sandbox_class = text();
        self.backup_state = text();
        self.error_reason = text();
        self.created_at = time();
        self.updated_at = time();
        self.last_activity_at = time();
        self.auto_destroy_at = time();
        self.auto_stop_interval = number();
        self.auto_archive_interval = number();
        self.auto_delete_interval = number();
    }
}
