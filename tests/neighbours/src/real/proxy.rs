//! What stands between tbengine and the daemon.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tbengine_sdk::Kind;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

use super::faults::{Fate, Faults};

/// What stands between tbengine and the daemon: it forwards requests, notes them, and lets some fail.
pub struct Proxy {
    /// Where tbengine finds it.
    pub socket: PathBuf,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Its path, without the version.
    pub path: String,
    /// What became of it.
    pub fate: Fate,
    /// What the daemon answered.
    pub status: Option<u16>,
}

struct Shared {
    daemon: PathBuf,
    faults: Mutex<Faults>,
    seen: Mutex<Vec<Seen>>,
    /// How many requests the daemon has not answered.
    in_flight: Mutex<usize>,
}

type Body = BoxBody<Bytes, io::Error>;

impl Seen {
    /// What it is about: a kind, and the id or name that it gives, with what is done to that.
    pub fn target(&self) -> Option<(Kind, String, String)> {
        let path = self.path.split('?').next().unwrap_or_default();
        let (kind, rest) = path.strip_prefix('/')?.split_once('/')?;
        let kind = match kind {
            "containers" => Kind::CONTAINER,
            "networks" => Kind::NETWORK,
            "volumes" => Kind::VOLUME,
            "images" => Kind::IMAGE,
            _ => return None,
        };
        let (id, what) = match kind {
            // Names of images have slashes.
            Kind::IMAGE => rest
                .strip_suffix("/json")
                .map_or((rest, ""), |id| (id, "json")),
            _ => rest.split_once('/').unwrap_or((rest, "")),
        };
        Some((kind, decoded(id), what.to_owned()))
    }

    /// The container that it reads.
    fn reads(&self) -> Option<String> {
        let (kind, id, what) = self.target()?;
        let is_read = self.method == "GET" && kind == Kind::CONTAINER && what == "json";
        is_read.then_some(id)
    }

    /// What it lists.
    fn lists(&self) -> Option<Kind> {
        if self.method != "GET" {
            return None;
        }
        match self.path.split('?').next().unwrap_or_default() {
            "/containers/json" => Some(Kind::CONTAINER),
            "/networks" => Some(Kind::NETWORK),
            "/volumes" => Some(Kind::VOLUME),
            "/images/json" => Some(Kind::IMAGE),
            _ => None,
        }
    }
}

impl Proxy {
    /// Starts one before the daemon at a socket.
    ///
    /// # Errors
    /// If no socket can be made.
    pub fn start(daemon: &Path, socket: &Path) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            daemon: daemon.to_owned(),
            faults: Mutex::default(),
            seen: Mutex::default(),
            in_flight: Mutex::default(),
        });
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(socket)?
        };
        let serving = shared.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| serve(shared.clone(), request));
                    let served = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    // One whose reply is lost ends with an error.
                    served.await.ok();
                });
            }
        });
        Ok(Self {
            socket: socket.to_owned(),
            shared,
            _runtime: runtime,
        })
    }

    /// What goes wrong.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.shared.faults)
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }

    /// Waits until the daemon has answered all that was forwarded, whether or not a client still waits for it.
    pub fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while *locked(&self.shared.in_flight) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let path = request.uri().path_and_query();
    let path = path.map_or_else(String::new, ToString::to_string);
    let mut seen = Seen {
        at: Instant::now(),
        method: request.method().to_string(),
        path: without_version(&path).to_owned(),
        fate: Fate::Forwarded,
        status: None,
    };
    let latency = {
        let mut faults = locked(&shared.faults);
        seen.fate = match seen.reads().is_some_and(|id| faults.hangs.contains(&id)) {
            true => Fate::Hangs,
            false => faults.fate(seen.lists()),
        };
        faults.latency
    };
    let fate = seen.fate;
    tokio::time::sleep(latency).await;
    let index = {
        let mut all = locked(&shared.seen);
        seen.at = Instant::now();
        all.push(seen);
        all.len() - 1
    };
    match fate {
        Fate::Refused(status) => {
            let text = format!("{{\"message\":\"the story lets this fail with {status}\"}}");
            let body = Full::from(text).map_err(never).boxed();
            let response = Response::builder().status(status);
            let response = response
                .header("Content-Type", "application/json")
                .body(body);
            response.map_err(io::Error::other)
        }
        Fate::LostBefore => Err(io::ErrorKind::ConnectionReset.into()),
        // Until the client closes the connection.
        Fate::Hangs => std::future::pending().await,
        Fate::Forwarded | Fate::LostAfter => {
            *locked(&shared.in_flight) += 1;
            // It is forwarded even if its client has gone.
            let forwarding = tokio::spawn(async move {
                let answered = forward(&shared.daemon, request).await;
                *locked(&shared.in_flight) -= 1;
                let answered = answered?;
                locked(&shared.seen)[index].status = Some(answered.status().as_u16());
                Ok(answered)
            });
            let answered = forwarding.await.map_err(io::Error::other)?;
            match fate {
                Fate::LostAfter => Err(io::ErrorKind::ConnectionReset.into()),
                _ => answered,
            }
        }
    }
}

async fn forward(daemon: &Path, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let stream = UnixStream::connect(daemon).await?;
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(io::Error::other)?;
    tokio::spawn(async move {
        connection.await.ok();
    });
    let answered = sender.send_request(request).await;
    let answered = answered.map_err(io::Error::other)?;
    Ok(answered.map(|body| body.map_err(io::Error::other).boxed()))
}

fn never(never: Infallible) -> io::Error {
    match never {}
}

fn without_version(path: &str) -> &str {
    let version = path.strip_prefix("/v").and_then(|rest| rest.find('/'));
    match version {
        Some(length) if path[2..2 + length].starts_with(|first: char| first.is_ascii_digit()) => {
            &path[2 + length..]
        }
        _ => path,
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
