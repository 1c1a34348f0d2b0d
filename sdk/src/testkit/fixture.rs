//! What an author of a backend writes to run the suite.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::powers::Attached;
use crate::resource::{Resource, State};

/// Makes real resources for the suite, because a [`Backend`] cannot.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// The backend under test: the same at every call, connected with working credentials.
    fn backend(&self) -> Arc<dyn Backend>;

    /// Makes a resource, and returns when it is in the wanted state.
    ///
    /// # Errors
    /// A text if it should have worked. [`Made::NotApplicable`] is for what the provider does not have.
    async fn make(&self, wanted: &Wanted) -> Result<Made, String>;

    /// Makes a resource as a command does that runs with the environment of an attachment. Needed only of backends
    /// that offer [`Method::Attach`](crate::Method::Attach).
    ///
    /// # Errors
    /// A text if it should have worked.
    async fn make_through(&self, _attached: &Attached, _wanted: &Wanted) -> Result<Made, String> {
        Ok(Made::CannotMake)
    }

    /// Removes whatever [`make`](Fixture::make) made and what is still there. Called after each trial.
    ///
    /// # Errors
    /// A text if something stays behind.
    async fn clean_up(&self) -> Result<(), String>;

    /// Whether a listed resource is the suite's business. Say no to what others make and remove
    /// meanwhile on a provider that the suite does not have for itself.
    fn is_ours(&self, _resource: &Resource) -> bool {
        true
    }

    /// What the provider keeps for itself, and a listing must not show: kind and name.
    fn kept_by_provider(&self) -> Vec<(Kind, String)> {
        Vec::new()
    }

    /// A backend for the same provider whose credentials are refused.
    async fn with_refused_credentials(&self) -> Option<Arc<dyn Backend>> {
        None
    }

    /// A backend whose provider does not answer.
    async fn with_nothing_answering(&self) -> Option<Arc<dyn Backend>> {
        None
    }

    /// Texts that the fixture's backends know and must never show.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// How long the provider may take until a state shows. Nothing waits that long if all is well.
    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }
}

/// What came of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is there; the identity as the provider gave it, not as the backend under test lists it,
    /// where the fixture can tell. Its account and creation time are not compared.
    Yes(Identity),
    /// This provider does not have such resources, and why: no trial is missing.
    NotApplicable(String),
    /// There may be such resources, but this fixture cannot make them: a trial is left out.
    CannotMake,
}

/// A resource that a trial needs. What is not set is up to the fixture.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wanted {
    /// The kind of resource.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// Its name, where the provider lets users choose one.
    pub name: Option<String>,
    /// Labels, to be kept byte for byte.
    pub labels: Vec<(String, String)>,
    /// What it uses, e.g. the volumes it mounts.
    pub uses: Vec<Identity>,
    /// Whether it brings along something that is deleted with it, like an anonymous volume. The
    /// fixture makes that as well.
    pub takes_along: bool,
    /// The exit code its process ended with.
    pub exit_code: Option<i64>,
    /// What it does when it is asked to end: `true` to end within a second, `false` to go on forever.
    pub ends_when_asked: bool,
    /// Whether it restarts by itself after its process ended.
    pub restarts: bool,
}

impl Wanted {
    /// A resource of a kind, in the state that is the simplest to delete.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: match kind {
                Kind::CONTAINER => State::Exited,
                Kind::SANDBOX => State::Stopped,
                _ => State::Present,
            },
            name: None,
            labels: Vec::new(),
            uses: Vec::new(),
            takes_along: false,
            exit_code: None,
            ends_when_asked: true,
            restarts: false,
        }
    }

    pub(super) fn running(kind: Kind) -> Self {
        Self {
            state: State::Running,
            ..Self::new(kind)
        }
    }
}
