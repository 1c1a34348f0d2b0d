//! The trait that a provider implements, and what its methods take and give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::damage::Unreadable;
use crate::error::{Error, ErrorKind, Result};
use crate::identity::Identity;
use crate::kind::Kind;
use crate::kind_info::{Can, KindInfo};
use crate::labels::Labels;
use crate::powers::{
    Act, AttachRequest, Attached, Changes, Disk, FindRequest, Method, ObserveRequest, Observed,
    Right, Sample, WatchRequest,
};
use crate::progress::Progress;
use crate::resource::Resource;
use crate::taken::Taken;
use crate::time::Timestamp;

/// One provider of sandboxes, reached with one configuration.
///
/// The engine calls every method from many tasks at once, drops a call's future to cancel it, and
/// puts its own deadline around each call. A backend never retries by itself: it answers with an
/// [`ErrorKind`], and the engine decides.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What this backend can do. The same answer at every call; no I/O.
    fn capabilities(&self) -> Capabilities;

    /// Reaches the provider once and names the account.
    ///
    /// # Behavior
    /// - Changes nothing, and is cheap enough to serve as a probe during an outage.
    /// - Answers the same account id at every call.
    /// - Fails with `Denied` if the credentials are refused, `Unavailable` if nothing answers.
    async fn check(&self) -> Result<Account>;

    /// Lists one page of one kind.
    ///
    /// # Behavior
    /// - A listing is not a consistent view: while others work, pages may repeat or miss a resource.
    /// - At rest, the pages together hold each resource once, whatever the page size.
    /// - The last page has no cursor. A cursor that was never given is `Invalid`.
    /// - What the provider itself keeps (Docker's predefined networks) is not listed.
    /// - A kind that is not in [`Capabilities::kinds`] is `Unsupported`.
    async fn list(&self, request: ListRequest) -> Result<Page>;

    /// Reads one resource by its native id, afresh.
    ///
    /// # Behavior
    /// - Finds by the full native id only, never by name or prefix.
    /// - Answers `None` if there is no such resource; only this proves that a resource is gone.
    /// - Answers what is there under the id now: the caller compares the identity. Only what is on its
    ///   way out may be shown as `Removing` for a few seconds longer than it is.
    async fn get(&self, target: &Identity) -> Result<Option<Resource>>;

    /// Asks a running resource to end, and returns when the request is accepted, not when it ended.
    ///
    /// # Behavior
    /// - Stopping what has already ended succeeds.
    /// - Stopping what does not exist is `NotFound`.
    /// - A resource that restarts by itself does not come back after a stop.
    /// - A kind without [`Can::stop`] is always `Unsupported`.
    async fn stop(&self, target: &Identity, options: StopOptions) -> Result<Taken>;

    /// Deletes a resource, and returns when the provider has accepted that.
    ///
    /// # Behavior
    /// - Deleting what does not exist is `NotFound`.
    /// - Without `force`, a running resource is left alone and the answer is `Conflict`.
    /// - A resource that another one uses is left alone and the answer is `Dependency`.
    /// - Never deletes any other resource than the target and what its
    ///   [relations](crate::Bond::takes_along) announced.
    async fn delete(&self, target: &Identity, options: DeleteOptions) -> Result<Taken>;

    /// Moves what has ended to cold storage, and returns when the request is accepted, not when it is
    /// there. Until then the resource shows a state that is neither running nor `Archived`.
    ///
    /// # Behavior
    /// - Archiving what is archived, or on its way there, succeeds.
    /// - Archiving what does not exist is `NotFound`.
    /// - A running resource is left alone and the answer is `Conflict`: the caller ends it first.
    /// - What can never be archived is `Unsupported`, also while it runs, so that nobody ends it for that.
    /// - A kind without [`Can::archive`] is always `Unsupported`.
    async fn archive(&self, target: &Identity) -> Result<Taken> {
        Err(cannot("archived", target.kind))
    }

    /// Says which of these acts the credentials allow, and which they do not.
    ///
    /// # Behavior
    /// - Answers only about what was asked, and about each at most once. What is not answered is not known, and is
    ///   tried.
    /// - Changes nothing.
    async fn rights(&self, acts: Vec<Act>) -> Result<Vec<Right>> {
        drop(acts);
        Ok(Vec::new())
    }

    /// The disks that resources lie on, as far as they can be read from here.
    ///
    /// # Behavior
    /// - A disk of which this machine sees another one, or none, is left out.
    async fn disks(&self) -> Result<Vec<Disk>> {
        Ok(Vec::new())
    }

    /// Waits for changes since a cursor. Answers after [`wait`](WatchRequest::wait) at the latest, and earlier if
    /// something changed.
    ///
    /// # Behavior
    /// - Without a cursor it answers at once, with a cursor for now and no changes. A caller that lists takes the cursor
    ///   first, so that nothing happens between the two unseen.
    /// - Changes may come late and twice, never out of order for one resource. None between two cursors is left
    ///   out, unless [`lost`](Changes::lost) says so; where that cannot be known, it is lost.
    /// - A cursor works in another process too, as long as the provider remembers. One that it does not remember is
    ///   `lost`, and one that was never given is `lost` or `Invalid`.
    /// - Only resources of the kinds asked for are reported.
    async fn watch(&self, request: WatchRequest) -> Result<Changes> {
        drop(request);
        Err(unsupported("changes cannot be watched here"))
    }

    /// Reads counters of what runs.
    ///
    /// # Behavior
    /// - Answers only about what was asked, and about each at most once. What is gone, has ended or cannot be read
    ///   is left out.
    /// - A counter never goes down while a resource runs.
    async fn sample(&self, targets: Vec<Identity>) -> Result<Vec<Sample>> {
        drop(targets);
        Ok(Vec::new())
    }

    /// Finds what people mean by a name. For operators, who are shown what was found; never to act on.
    ///
    /// # Behavior
    /// - Each of what is found has this name or id, or an id that begins with it.
    /// - What does not exist is not found, and an empty name finds nothing.
    async fn find(&self, request: FindRequest) -> Result<Vec<Resource>> {
        drop(request);
        Err(unsupported("nothing can be found by its name here"))
    }

    /// Sets labels on what exists, and removes those whose value is `None`. Other labels stay as they are.
    ///
    /// # Behavior
    /// - The next [`get`](Self::get) shows them.
    /// - Relabelling what does not exist is `NotFound`.
    /// - A kind without [`Can::relabel`] is always `Unsupported`.
    async fn relabel(
        &self,
        target: &Identity,
        labels: BTreeMap<String, Option<String>>,
    ) -> Result<()> {
        drop(labels);
        Err(cannot("relabelled", target.kind))
    }

    /// Begins to see to it that what a command makes under a lease carries the id of the lease: says what to change
    /// in the command's environment.
    async fn attach(&self, request: AttachRequest) -> Result<Attached> {
        drop(request);
        Err(unsupported("nothing can be attached here"))
    }

    /// Waits for what is made through an attachment. Answers after [`wait`](ObserveRequest::wait) at the latest, and
    /// earlier if something was made.
    ///
    /// # Behavior
    /// - Each creation is reported once between two cursors.
    /// - An attachment that has ended or was never made is `NotFound`.
    async fn observed(&self, request: ObserveRequest) -> Result<Observed> {
        drop(request);
        Err(unsupported("nothing can be attached here"))
    }

    /// Ends an attachment; what was made through it stays.
    ///
    /// # Behavior
    /// - Ending one that has ended succeeds.
    async fn detach(&self, attachment: &str) -> Result<()> {
        let _ = attachment;
        Ok(())
    }
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// The error for what cannot be done to a kind.
fn cannot(what: &str, kind: Kind) -> Error {
    unsupported(format!("a {kind} cannot be {what} here"))
}

/// What a backend can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Capabilities {
    /// The kinds it lists, in any order; no word twice, and at most [`MAX_KINDS_OF_A_BACKEND`].
    pub kinds: Vec<KindInfo>,
    /// The optional methods that it answers. The others are never called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// How many calls at once serve it best; the engine's limit unless the user pins one.
    pub concurrency: usize,
}

/// How many kinds one backend may declare.
pub const MAX_KINDS_OF_A_BACKEND: usize = 64;

impl Capabilities {
    /// What is declared of a kind; `None` if it is not one of this backend's.
    pub fn kind(&self, kind: Kind) -> Option<&KindInfo> {
        self.kinds.iter().find(|info| info.kind == kind)
    }

    /// What can be done to a kind.
    pub fn can(&self, kind: Kind) -> Can {
        self.kind(kind).map(|info| info.can).unwrap_or_default()
    }

    /// Whether it answers an optional method.
    pub fn has(&self, method: Method) -> bool {
        method != Method::Other && self.methods.contains(&method)
    }

    /// The words of the kinds.
    pub fn words(&self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().map(|info| info.kind)
    }
}

/// The account that a backend is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// What tells two accounts of one provider apart: Docker's daemon id, Daytona's organization.
    pub id: Arc<str>,
    /// What tells the server itself from another one that shows the same id, as cloned machines do. Two backends
    /// with equal ids are one account if this is equal too, or one of them does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Arc<str>>,
    /// What answered, for people, e.g. `Docker 20.10.24 at unix:///var/run/docker.sock`. May be empty.
    #[serde(default)]
    pub description: String,
    /// What will not work and why, e.g. a key that may not delete. Shown before anything is tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The provider's clock when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
    /// The currency of prices, in ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Facts for policies, like `version` or `region`.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub attrs: Labels,
}

impl Account {
    /// An account of which nothing but its id, and what answered, is known.
    pub fn new(id: impl Into<Arc<str>>, description: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            server: None,
            description: description.into(),
            warnings: Vec::new(),
            now: None,
            currency: None,
            attrs: Labels::default(),
        }
    }
}

/// Which page of which kind to list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ListRequest {
    /// The kind to list.
    pub kind: Kind,
    /// Where the last page ended; `None` for the first page.
    #[serde(default)]
    pub cursor: Option<String>,
    /// How many resources to answer at the most. A provider without pages may answer more.
    pub page_size: usize,
    /// How much to find out.
    #[serde(default)]
    pub detail: Detail,
    /// Where to note each answer of the provider, if the page takes several.
    #[serde(skip)]
    pub progress: Progress,
}

/// How much a listing is to find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Identity, name, state and relations, as far as the listing itself has them: to prove what is gone. Nothing
    /// is left out that [`get`](Backend::get) would find, and a creation time is that of the identity or absent.
    Identity,
    /// Every fact that decisions need.
    #[default]
    Facts,
    /// Sizes too, where those are slow to find out.
    Sizes,
}

impl ListRequest {
    /// The first page of a kind.
    pub fn first(kind: Kind) -> Self {
        Self {
            kind,
            cursor: None,
            page_size: 1000,
            detail: Detail::Facts,
            progress: Progress::default(),
        }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Page {
    /// What was found.
    pub resources: Vec<Resource>,
    /// What the listing showed and what has not even an id. Each is reported; the kind is then not completely
    /// known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins, or `None` if this was the last.
    #[serde(default)]
    pub next: Option<String>,
}

/// How to stop a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct StopOptions {
    /// Whether to end it at once (kill) instead of asking it to end by itself.
    pub force: bool,
    /// How long the caller will wait before it forces, for providers that count by themselves.
    #[serde(
        default,
        rename = "grace-ms",
        with = "crate::milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub grace: Option<Duration>,
}

impl StopOptions {
    /// To ask it to end by itself.
    pub const ASK: Self = Self {
        force: false,
        grace: None,
    };
    /// To end it at once.
    pub const FORCE: Self = Self {
        force: true,
        grace: None,
    };
}

/// How to delete a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct DeleteOptions {
    /// Whether to delete it even if it runs. Set only where the plan approved killing.
    pub force: bool,
    /// How long what runs may take to end by itself, for kinds that [end by their deletion](Can::end_by_delete).
    #[serde(
        default,
        rename = "grace-ms",
        with = "crate::milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub grace: Option<Duration>,
    /// Whether the caller has just read it, with no other request in between, and compared it; or knows from
    /// [`watch`](Backend::watch) that nothing about it has changed since it was listed. A backend that
    /// would look once more before it acts need not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub just_read: bool,
    /// The [revision](Resource::revision) of that reading. Where the provider takes preconditions it goes along
    /// with the identity; one that no longer holds is `Conflict`, and the caller reads and compares again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
    /// The names that this deletion is about, if the kind [binds](crate::Bind) names: of an image that is known
    /// under others as well, only these are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether what its [relations](crate::Bond::takes_along) announce stays, for kinds that
    /// [can be deleted alone](Can::delete_alone).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl DeleteOptions {
    /// To delete what has ended, whatever the caller knows.
    pub const GENTLE: Self = Self {
        force: false,
        grace: None,
        just_read: false,
        revision: None,
        names: Vec::new(),
        alone: false,
    };
    /// To delete it even if it runs, whatever the caller knows.
    pub const FORCE: Self = Self {
        force: true,
        grace: None,
        just_read: false,
        revision: None,
        names: Vec::new(),
        alone: false,
    };
}

/// How long the engine waits for one call unless the backend is configured otherwise.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
