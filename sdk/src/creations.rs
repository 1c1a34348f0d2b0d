//! What a guarded command creates, and how it gets the label of its run by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Result;
use crate::kind::Kind;
use crate::time::Timestamp;

/// What a kind of backend does while a guard's command runs. Dropping it ends that.
pub trait Creations: Send + Sync {
    /// What to change in the environment of the command; `None` takes a variable away.
    fn environment(&self) -> Vec<(String, Option<String>)>;

    /// Whether nobody asked for anything to be created so far.
    fn is_unused(&self) -> bool;
}

/// How a kind of backend sees to it that what a command creates gets the label of its run.
#[derive(Clone, Copy)]
pub struct Guarding {
    /// What the command creates things in, as people call it.
    pub product: &'static str,
    /// Starts it.
    pub start: StartGuarding,
}

/// Starts what sees to the labels. It is called inside of a tokio runtime.
pub type StartGuarding = fn(GuardOptions) -> Starting;

/// What is being started.
pub type Starting = Pin<Box<dyn Future<Output = Result<Box<dyn Creations>>> + Send>>;

/// The callback for everything that is created for the run: its kind, its id or the name of a volume, and when it was
/// created if others can make something else of that id. It has returned before the command gets its answer.
pub type Observer = Box<dyn Fn(Kind, &str, Option<Timestamp>) + Send + Sync>;

/// The callback for every image that the command looks up or runs a container of, by its native id: the command
/// relies on it, regardless of who made it.
pub type ImageObserver = Box<dyn Fn(&str) + Send + Sync>;

/// What labelling starts with.
pub struct GuardOptions {
    /// The id of the run, which is the value of [`RUN_ID_LABEL`](crate::owner::RUN_ID_LABEL).
    pub run: String,
    /// The environment that the command would have.
    pub environment: Arc<BTreeMap<String, String>>,
    /// Where a socket may lie. Who needs a shorter path takes another, and removes it.
    pub socket: PathBuf,
    /// The callback for creations.
    pub observer: Observer,
    /// The callback for images that are relied on.
    pub image_observer: ImageObserver,
    /// Whether images get the label. Those that are to be kept do not.
    pub label_images: bool,
}

impl fmt::Debug for GuardOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardOptions")
            .field("run", &self.run)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
