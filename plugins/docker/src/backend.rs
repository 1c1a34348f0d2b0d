//! The `Backend` implementation, and the order of requests in each of its methods.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, RemoveImageOptions, RemoveVolumeOptions,
};
use futures_util::future::{Either, join, select};
use sha2::{Digest, Sha256};
use tbengine_sdk::http::{self, Call};
use tbengine_sdk::{
    Account, Backend, Bind, Can, Capabilities, Changes, DeleteOptions, Detail, Disk, Error,
    ErrorKind, Fact, FindRequest, Identity, Kind, KindInfo, ListRequest, Method, OpenRequest, Page,
    Resource, Result, Rule, StopOptions, Taken, Unreadable, WatchRequest, async_trait,
};
use tokio::sync::OnceCell;

use crate::account_ref::AccountRef;
use crate::api_version::ApiVersion;
use crate::config::Config;
use crate::connection::Connection;
use crate::error::{RequestError, gone};
use crate::events::Events;
use crate::transport::{Reply, Transport};
use crate::wire::{Container, Info, Items, Network, time};
use crate::{containers, context, disks, finding, images, native, networks, volumes};

/// How long the account waits for the network `bridge`, which it can do without.
const BRIDGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many of a kind are found by one name.
const MAX_FOUND: usize = 20;

/// One Docker Engine or Podman.
pub struct Docker {
    name: Arc<str>,
    config: Config,
    environment: Arc<BTreeMap<String, String>>,
    connection: OnceCell<Connection>,
    /// The daemon, as the first answer named it.
    account: OnceCell<Account>,
    events: Events,
}

impl Docker {
    /// Makes a backend. Reads no file and opens no connection yet.
    ///
    /// # Errors
    /// `Invalid` if the configuration does not fit.
    pub fn open(request: OpenRequest) -> Result<Self> {
        let config: Config = request.config()?;
        config.check()?;
        Ok(Self {
            name: request.name,
            config,
            environment: request.environment,
            connection: OnceCell::new(),
            account: OnceCell::new(),
            events: Events::default(),
        })
    }

    async fn connection(&self) -> Result<&Connection> {
        self.connection
            .get_or_try_init(|| async {
                let endpoint = context::resolve(&self.config, &self.environment)?;
                Connection::new(endpoint, self.config.api_version)
            })
            .await
    }

    async fn transport(&self) -> Result<&Transport> {
        Ok(&self.connection().await?.transport)
    }

    async fn account_ref(&self) -> Result<AccountRef> {
        let account = self.account.get_or_try_init(|| self.ask()).await?;
        Ok(AccountRef::new(self.name.clone(), account.id.clone()))
    }

    /// Puts the time limit around one call as a whole.
    async fn bounded<T>(&self, changes: bool, call: impl Future<Output = Result<T>>) -> Result<T> {
        http::bounded(self.config.call_timeout(), changes, call).await
    }

    /// The account as it is now. The first answer is shared with the listings that wait for the same one;
    /// every later call asks afresh.
    async fn describe(&self) -> Result<Account> {
        let is_first = !self.account.initialized();
        let known = self.account.get_or_try_init(|| self.ask()).await?;
        if is_first {
            return Ok(known.clone());
        }
        let now = self.ask().await?;
        if now.id == known.id {
            return Ok(now);
        }
        let shown = self.transport().await?.shown();
        Err(Error::new(
            ErrorKind::Invalid,
            format!("a different daemon now answers at {shown}"),
        )
        .with_hint("run again, so that everything is listed again"))
    }

    /// Asks the daemon who it is.
    async fn ask(&self) -> Result<Account> {
        let transport = self.transport().await?;
        let bridge = transport.read_unversioned::<Network>("/networks/bridge");
        let (reply, bridge) = join(
            transport.read_unversioned::<Info>("/info"),
            tokio::time::timeout(BRIDGE_TIMEOUT, bridge),
        )
        .await;
        let reply = reply?;
        let id = account_of(transport, &reply)?;
        let version = transport.adopt(reply.version).await?;
        let product = if reply.is_podman { "Podman" } else { "Docker" };
        let newest: ApiVersion = reply.version.unwrap_or(version);
        let description = format!(
            "{product} {} (API {newest}) at {}",
            reply.value.server_version,
            transport.shown()
        );
        Ok(Account {
            server: bridge
                .ok()
                .and_then(Result::ok)
                .and_then(|bridge| server_of(&reply, &bridge.value)),
            now: time(&reply.value.system_time),
            ..Account::new(id, description)
        })
    }

    /// What a listing alone shows of a kind: enough to prove what is gone.
    async fn identify(&self, kind: Kind) -> Result<Page> {
        let transport = self.transport().await?;
        let mut warned = Vec::new();
        let (resources, mut unreadable) = match kind {
            Kind::CONTAINER => {
                let found = containers::identify(transport);
                self.with_account(found, containers::identified).await?
            }
            Kind::NETWORK => {
                let found = networks::list(transport);
                self.with_account(found, networks::into_resource).await?
            }
            Kind::VOLUME => {
                let (found, warnings) = volumes::identify(transport).await?;
                warned.extend(warnings.into_iter().map(|message| Unreadable {
                    shown: "volumes of a plugin".into(),
                    message,
                }));
                let found = std::future::ready(Ok(found));
                self.with_account(found, volumes::into_resource).await?
            }
            Kind::IMAGE => {
                let found = images::identify(transport);
                self.with_account(found, images::identified).await?
            }
            other => return Err(unsupported(format!("docker has no {other}s"))),
        };
        unreadable.extend(warned);
        let (resources, strange): (Vec<_>, Vec<_>) = resources
            .into_iter()
            .partition(|resource| native::is_full(kind, &resource.identity.native));
        unreadable.extend(strange.into_iter().map(|resource| Unreadable {
            shown: resource.name,
            message: format!("docker shows a {kind} without an id"),
        }));
        Ok(Page {
            resources,
            unreadable,
            next: None,
        })
    }

    async fn list_page(&self, request: &ListRequest) -> Result<Page> {
        if request.detail == Detail::Identity {
            return self.identify(request.kind).await;
        }
        let transport = self.transport().await?;
        let sizes = request.detail == Detail::Sizes;
        let limit = self.config.call_timeout();
        let (resources, unreadable) = match request.kind {
            Kind::CONTAINER => {
                let found = containers::list(transport, sizes, limit, &request.progress);
                self.with_account(found, containers::Found::into_resource)
                    .await?
            }
            Kind::NETWORK => {
                let found = networks::list(transport);
                self.with_account(found, networks::into_resource).await?
            }
            Kind::VOLUME => {
                let found = volumes::list(transport, sizes);
                self.with_account(found, volumes::into_resource).await?
            }
            Kind::IMAGE => {
                let found = images::list(transport, limit, &request.progress);
                self.with_account(found, images::into_resource).await?
            }
            other => return Err(unsupported(format!("docker has no {other}s"))),
        };
        Ok(Page {
            resources,
            unreadable,
            next: None,
        })
    }

    /// Makes resources of what a listing found. The account is asked for meanwhile: `/info` is the
    /// slowest request of all, and what has nothing to identify does not wait for it.
    async fn with_account<T>(
        &self,
        found: impl Future<Output = Result<Items<T>>>,
        into_resource: impl Fn(T, &AccountRef) -> Resource,
    ) -> Result<(Vec<Resource>, Vec<Unreadable>)> {
        let account = self.bounded(false, self.account_ref());
        let (mut account, mut found) = (pin!(account), pin!(found));
        let (account, found) = match select(account.as_mut(), found.as_mut()).await {
            Either::Left((account, _)) => (account?, found.await?),
            Either::Right((found, _)) => match found? {
                found if found.read.is_empty() => return Ok((Vec::new(), found.odd)),
                found => (account.await?, found),
            },
        };
        let read = found.read.into_iter();
        let resources = read.map(|each| into_resource(each, &account)).collect();
        Ok((resources, found.odd))
    }

    async fn read(&self, target: &Identity) -> Result<Option<Resource>> {
        native::check(target.kind, &target.native)?;
        let connection = self.connection().await?;
        let transport = &connection.transport;
        let account = self.account_ref().await?;
        let id = target.native.as_str();
        Ok(match target.kind {
            Kind::CONTAINER => containers::get(transport, id)
                .await?
                .map(|found| found.into_resource(&account)),
            Kind::NETWORK => networks::get(connection, id)
                .await?
                .map(|found| networks::into_resource(found, &account)),
            Kind::VOLUME => volumes::get(connection, id)
                .await?
                .map(|found| volumes::into_resource(found, &account)),
            Kind::IMAGE => images::get(transport, id)
                .await?
                .map(|found| images::into_resource(found, &account)),
            _ => None,
        })
    }

    /// The disk that the daemon's data lies on, if this process sees the same one.
    async fn see_disk(&self) -> Result<Vec<Disk>> {
        let connection = self.connection().await?;
        let reply: Reply<Info> = connection.transport.read_unversioned("/info").await?;
        let disk = disks::disk(&connection.endpoint, &reply.value);
        Ok(disk.into_iter().collect())
    }

    /// What people mean by a name, as it is now.
    async fn look_for(&self, request: &FindRequest) -> Result<Vec<Resource>> {
        let mut found = Vec::new();
        let kinds = kinds().into_iter().map(|info| info.kind);
        for kind in kinds.filter(|kind| request.kinds.is_empty() || request.kinds.contains(kind)) {
            let shown = self.identify(kind).await?.resources;
            let meant = shown
                .iter()
                .filter(|shown| finding::is_meant(shown, &request.name));
            for shown in meant.take(MAX_FOUND) {
                found.extend(self.read(&shown.identity).await?);
            }
        }
        Ok(found)
    }

    /// Sends the signal that ends a container. A signal marks the container as stopped by hand, so that
    /// no restart policy brings it back, and the daemon thaws a paused one for its own stop signal.
    async fn signal(&self, target: &Identity, options: StopOptions) -> Result<()> {
        native::check(target.kind, &target.native)?;
        let Connection {
            transport, bollard, ..
        } = self.connection().await?;
        let container = containers::inspect(transport, &target.native)
            .await?
            .ok_or_else(gone)?;
        if has_ended(&container) {
            return Ok(());
        }
        let signal = match container.config.stop_signal.as_str() {
            _ if options.force => "SIGKILL",
            "" => "SIGTERM",
            own => own,
        };
        let options = KillContainerOptions {
            signal: signal.to_owned(),
        };
        let Err(failure) = bollard.kill_container(&target.native, Some(options)).await else {
            return Ok(());
        };
        let failure = transport.error(Call::Stop, RequestError::from_bollard(failure));
        if failure.kind == ErrorKind::Conflict {
            // It may have ended between the two requests; the state says so more reliably than a text.
            let container = containers::inspect(transport, &target.native)
                .await?
                .ok_or_else(gone)?;
            if has_ended(&container) {
                return Ok(());
            }
        }
        Err(failure)
    }

    /// Whether the resource that exists now is the target.
    async fn compare(&self, target: &Identity) -> Result<()> {
        let now = self.read(target).await?.ok_or_else(gone)?;
        if now.identity.created == target.created {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "another {} has been created under the id {} since",
                target.kind, target.native
            ),
        ))
    }

    /// Deletes after a read of the resource, the caller's or one of its own: the daemon would also take
    /// the id for the name of another resource.
    async fn remove(&self, target: &Identity, options: DeleteOptions) -> Result<()> {
        let connection = self.connection().await?;
        let Connection {
            transport, bollard, ..
        } = connection;
        native::check(target.kind, &target.native)?;
        if !options.just_read {
            self.compare(target).await?;
        }
        let id = target.native.as_str();
        let sent = match target.kind {
            Kind::CONTAINER => {
                let options = RemoveContainerOptions {
                    v: !options.alone,
                    force: options.force,
                    link: false,
                };
                bollard.remove_container(id, Some(options)).await
            }
            Kind::NETWORK => {
                networks::check_unused(connection, id).await?;
                bollard.remove_network(id).await
            }
            // With force, a volume that does not exist would be a success, and a driver's failure too.
            Kind::VOLUME => {
                bollard
                    .remove_volume(id, Some(RemoveVolumeOptions { force: false }))
                    .await
            }
            Kind::IMAGE => {
                // Who has not read it names none, and means it with all of its names.
                let planned = options.just_read.then_some(options.names.as_slice());
                images::free(transport, bollard, id, planned).await?;
                let options = RemoveImageOptions {
                    force: false,
                    noprune: false,
                    platforms: None,
                };
                bollard
                    .remove_image(id, Some(options), None)
                    .await
                    .map(drop)
            }
            other => return Err(unsupported(format!("docker has no {other}s"))),
        };
        sent.map_err(|failure| {
            transport.error(
                Call::Delete(target.kind),
                RequestError::from_bollard(failure),
            )
        })
    }
}

/// What the daemon has.
fn kinds() -> Vec<KindInfo> {
    let used_by_containers = [Kind::CONTAINER];
    let watched = Can {
        watch: true,
        ..Can::default()
    };
    vec![
        KindInfo {
            // Its anonymous volumes.
            takes_along: vec![Kind::VOLUME],
            absence_proves: true,
            can: Can {
                watch: true,
                delete_alone: true,
                ..KindInfo::container().can
            },
            ..KindInfo::container()
        },
        KindInfo {
            absence_proves: true,
            can: watched,
            ..KindInfo::network(&used_by_containers)
        },
        KindInfo {
            // Before Engine 23 the time of a volume moves when its users write, and is not part of its identity.
            binds: vec![Bind {
                fact: Fact::Attr(volumes::WRITTEN.into()),
                rule: Rule::SameIfUnused,
            }],
            absence_proves: true,
            can: watched,
            ..KindInfo::volume(&used_by_containers)
        },
        KindInfo {
            // Its untagged parents.
            takes_along: vec![Kind::IMAGE],
            // A tag that came after the plan is somebody's.
            binds: vec![Bind {
                fact: Fact::Names,
                rule: Rule::NothingNew,
            }],
            absence_proves: true,
            arrives: true,
            ..KindInfo::image(&[Kind::CONTAINER, Kind::IMAGE])
        },
    ]
}

#[async_trait]
impl Backend for Docker {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            kinds: kinds(),
            methods: vec![Method::Disks, Method::Find, Method::Watch],
            // `docker rm` sends 50 at once. From about 30 on dockerd gains nothing more, and writes to its disk are
            // what it waits for: with 8 at once it deletes ended containers a fifth slower.
            concurrency: 32,
        }
    }

    async fn check(&self) -> Result<Account> {
        self.bounded(false, self.describe()).await
    }

    async fn list(&self, request: ListRequest) -> Result<Page> {
        if request.cursor.is_some() {
            return Err(Error::new(ErrorKind::Invalid, "docker has no cursors"));
        }
        match request.kind {
            // It takes a request for each, and each has a limit of its own.
            Kind::CONTAINER | Kind::IMAGE => self.list_page(&request).await,
            _ => self.bounded(false, self.list_page(&request)).await,
        }
    }

    async fn get(&self, target: &Identity) -> Result<Option<Resource>> {
        self.bounded(false, self.read(target)).await
    }

    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken> {
        if target.kind != Kind::CONTAINER {
            return Err(unsupported(format!("a {} cannot be stopped", target.kind)));
        }
        self.bounded(true, self.signal(target, options)).await?;
        Ok(Taken::Accepted)
    }

    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken> {
        self.bounded(true, self.remove(target, options)).await?;
        Ok(Taken::Done)
    }

    async fn disks(&self) -> Result<Vec<Disk>> {
        self.bounded(false, self.see_disk()).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<Changes> {
        let transport = self.transport().await?;
        let answer = self.events.watch(transport, &request).await?;
        let account = match answer.is_empty() {
            true => None,
            false => Some(self.account_ref().await?),
        };
        Ok(answer.into_changes(account.as_ref()))
    }

    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>> {
        self.bounded(false, self.look_for(&request)).await
    }
}

/// What tells this daemon from others. Podman makes up a new id for every answer, so its host and its
/// directory stand in.
fn account_of(transport: &Transport, reply: &Reply<Info>) -> Result<Arc<str>> {
    let info = &reply.value;
    if reply.is_podman {
        return Ok(format!("podman:{}:{}", info.name, info.docker_root_dir).into());
    }
    if info.id.is_empty() {
        return Err(transport.not_docker());
    }
    Ok(info.id.as_str().into())
}

/// What tells this daemon from one on a cloned machine, which shows the same id: its host and directory, and the id
/// of the network `bridge`, which a daemon makes anew at each start. `None` for a daemon without that network, and for
/// Podman, whose account says as much.
fn server_of(reply: &Reply<Info>, bridge: &Network) -> Option<Arc<str>> {
    if reply.is_podman || bridge.name != "bridge" || bridge.id.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [&reply.value.name, &reply.value.docker_root_dir, &bridge.id] {
        hash.update(part.as_bytes());
        // No part of a host name, path or id.
        hash.update([0]);
    }
    Some(hex::encode(hash.finalize()).into())
}

/// What a signal cannot reach any more. Restarting counts as running: a signal ends its cycle.
fn has_ended(container: &Container) -> bool {
    matches!(
        container.state.status.as_str(),
        "created" | "exited" | "dead" | "removing"
    )
}

fn unsupported(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
