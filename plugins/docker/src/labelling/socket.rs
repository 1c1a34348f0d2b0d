//! The socket: listens, lets in who may connect, and serves until it is dropped.

use std::collections::{BTreeMap, HashSet};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tbengine_sdk::Error;
use tbengine_sdk::creations::ImageObserver;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tracing::debug;

use super::client;
use super::creation::Created;
use crate::config::Config;
use crate::connect::Dialler;
use crate::context::{self, Address};

/// How long to wait when no connection can be accepted, mostly because too many files are open.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A unix socket in front of a daemon. While it exists, what is created through it gets the label
/// [`RUN_ID_LABEL`](tbengine_sdk::owner::RUN_ID_LABEL) with the id of one run. Dropping it ends all
/// connections and removes the file.
///
/// Only processes of the same user, and root's, may connect.
#[derive(Debug)]
pub struct LabellingSocket {
    path: PathBuf,
    shared: Arc<Shared>,
    /// The one task that accepts; it owns those that serve. Dropping the set ends them all.
    _serving: JoinSet<()>,
}

/// Why no socket could be made.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// It is not clear which daemon is meant, or its TLS files cannot be used.
    #[error(transparent)]
    Daemon(#[from] Error),
    /// The daemon's address is this socket.
    #[error("{} is the daemon's own address; DOCKER_HOST must be the real one", .0.display())]
    Itself(PathBuf),
    /// The file could not be made: something is there already, the directory is missing, or the path is too long.
    #[error("cannot listen on {}: {source}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What all connections need to know.
pub(super) struct Shared {
    pub(super) dialler: Dialler,
    /// The daemon's address, for people.
    pub(super) shown: String,
    /// What requests must name as the host; clients of a unix socket name anything.
    pub(super) host: Option<HeaderValue>,
    pub(super) run: String,
    /// Whether anything was asked to be created.
    asked: AtomicBool,
    created: Mutex<Vec<Created>>,
    observer: Box<Observer>,
    /// Whether images get the label.
    pub(super) labels_images: bool,
    image_observer: ImageObserver,
    /// The images that were reported.
    images: Mutex<HashSet<String>>,
}

/// What becomes of images.
pub struct Images {
    /// Whether those that are built get the label.
    pub label: bool,
    /// Is notified of every image that is looked up or that a container is made from.
    pub observer: ImageObserver,
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Images")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Default for Images {
    fn default() -> Self {
        Self {
            label: true,
            observer: Box::new(|_| {}),
        }
    }
}

/// Is notified of everything that is created for the run, right after the daemon's reply and before the
/// client gets it.
pub type Observer = dyn Fn(&Created) + Send + Sync;

impl Shared {
    /// Notes that the run relies on an image.
    pub(super) fn note_image(&self, id: &str) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if images.insert(id.to_owned()) {
            (self.image_observer)(id);
        }
    }

    pub(super) fn note_request(&self) {
        self.asked.store(true, Ordering::Release);
    }

    pub(super) fn note(&self, created: Created) {
        debug!(kind = %created.kind, native = %created.native, "created for the run");
        (self.observer)(&created);
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(created);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("shown", &self.shown)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl LabellingSocket {
    /// Listens on `path` and passes everything on to the daemon that the configuration and the
    /// environment mean; connects to it when a client comes. The directory should be open to this user only.
    ///
    /// # Errors
    /// See [`ListenError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn listen(
        path: &Path,
        config: &Config,
        environment: &BTreeMap<String, String>,
        run: &str,
        observer: Box<Observer>,
    ) -> Result<Self, ListenError> {
        Self::listen_also(path, config, environment, run, observer, Images::default()).await
    }

    /// The same, and what becomes of images.
    ///
    /// # Errors
    /// See [`ListenError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn listen_also(
        path: &Path,
        config: &Config,
        environment: &BTreeMap<String, String>,
        run: &str,
        observer: Box<Observer>,
        images: Images,
    ) -> Result<Self, ListenError> {
        config.check()?;
        let endpoint = context::resolve(config, environment)?;
        if endpoint.address == Address::Unix(path.to_owned()) {
            return Err(ListenError::Itself(path.to_owned()));
        }
        let host = match &endpoint.address {
            Address::Unix(_) => None,
            Address::Tcp { .. } => HeaderValue::try_from(endpoint.authority()).ok(),
        };
        let shared = Arc::new(Shared {
            dialler: Dialler::new(&endpoint)?,
            shown: endpoint.shown,
            host,
            run: run.to_owned(),
            asked: AtomicBool::new(false),
            created: Mutex::default(),
            observer,
            labels_images: images.label,
            image_observer: images.observer,
            images: Mutex::default(),
        });
        let failed = |source| ListenError::Socket {
            path: path.to_owned(),
            source,
        };
        let listener = UnixListener::bind(path).map_err(failed)?;
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, shared.clone()));
        // From here on, dropping it removes the file.
        let socket = Self {
            path: path.to_owned(),
            shared,
            _serving: serving,
        };
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(socket)
    }

    /// What a command needs in its environment to go through this socket: variables to set, and, without a value, to
    /// remove, because they would add TLS to it.
    pub fn environment(&self) -> Vec<(&'static str, Option<String>)> {
        let host = format!("unix://{}", self.path.display());
        vec![
            ("DOCKER_HOST", Some(host)),
            ("DOCKER_CONTEXT", None),
            ("DOCKER_TLS", None),
            ("DOCKER_TLS_VERIFY", None),
            ("DOCKER_CERT_PATH", None),
        ]
    }

    /// Whether nobody asked so far to create anything that gets the label. Then nothing can still be on its way.
    pub fn is_unused(&self) -> bool {
        !self.shared.asked.load(Ordering::Acquire)
    }

    /// The containers, networks and volumes that were created through this socket for its run so far, in the order of the
    /// daemon's replies. One whose reply never came is missing here, and has the label all the same.
    pub fn created(&self) -> Vec<Created> {
        self.shared
            .created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for LabellingSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(%error, path = %self.path.display(), "the socket was not removed");
        }
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if may_connect(&stream) => {
                    clients.spawn(client::serve(stream, shared.clone()));
                }
                Ok(_) => debug!("refused a connection of another user"),
                Err(error) => {
                    debug!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// The file's mode keeps other users out; this holds even if someone widens it.
fn may_connect(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw())
}
