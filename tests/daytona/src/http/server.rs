//! Connections, latency and faults, and the record of requests.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tbengine_sdk::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tower_service::Service;

use crate::clock::{Clock, iso};
use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::faults::damage::{ConnectionLost, instead, spoil};
use crate::faults::plan::{Fault, FaultPlan};
use crate::http::{Shared, routes};
use crate::make::Make;
use crate::oracle::{Record, Request as Recorded};
use crate::seed;
use crate::settings::Settings;

/// The version that every answer names.
const VERSION: &str = "v0.190.0";

/// A running service; it ends when this is dropped.
#[derive(Debug)]
pub struct FakeDaytona {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

/// The address of the caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// The name of the caller's key, for the record.
#[derive(Clone, Debug)]
pub(super) struct KeyName(pub(super) String);

impl FakeDaytona {
    /// Starts a service on a loopback port.
    ///
    /// # Errors
    ///
    /// The port cannot be had.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let clock = Clock::showing(settings.opened_at);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let mut cloud = Cloud::new(settings);
        // The same for every service that opens at the same time, however long this takes.
        seed::fill(&mut cloud, clock.start());
        let shared = Arc::new(Shared::new(cloud, clock));
        let listening = tokio::spawn(listen(listener, shared.clone()));
        Ok(Self {
            shared,
            address,
            listening,
        })
    }

    /// What to set as `DAYTONA_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin interface is.
    pub fn admin_url(&self) -> String {
        format!("http://{}/_fake", self.address)
    }

    /// The key of the first organization, which may do everything.
    pub fn key(&self) -> String {
        self.with(|cloud, _| cloud.accounts.key_of(0).to_owned())
    }

    /// Puts a sandbox there; returns its id.
    pub fn put(&self, make: Make) -> String {
        self.with(|cloud, now| cloud.put(make, now).to_string())
    }

    /// Works on the state itself, with the service's time.
    pub fn with<T>(&self, work: impl FnOnce(&mut Cloud, Timestamp) -> T) -> T {
        self.shared.cloud(work)
    }

    /// What happened so far.
    pub fn record(&self) -> Record {
        self.with(|cloud, _| cloud.record.clone())
    }

    /// The ids of the sandboxes that are there and not hidden.
    pub fn live(&self) -> Vec<String> {
        let live = self.with(|cloud, _| cloud.live());
        live.into_iter().map(|one| one.id).collect()
    }

    /// Replaces the plan of what goes wrong, and starts it anew.
    pub fn set_faults(&self, plan: FaultPlan) {
        self.shared.set_faults(plan);
    }
}

impl Drop for FakeDaytona {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let router = routes::router(shared.clone());
    // Dropped with this future, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A caller that was gone before it was accepted does not end the server.
                let Ok((stream, peer)) = accepted else { continue };
                connections.spawn(serve(stream, peer.ip(), shared.clone(), router.clone()));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, shared: Arc<Shared>, router: Router) {
    // Without it a reply on a kept connection can wait for 40 ms; if it cannot be set, it is slower.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, peer, shared.clone(), router.clone()));
    // A connection that broke is a fault of ours, or the caller's choice.
    let _broken = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    peer: IpAddr,
    shared: Arc<Shared>,
    mut router: Router,
) -> Result<Response, ConnectionLost> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str()).to_owned();
    if path.starts_with("/_fake") {
        return Ok(complete(call(&mut router, request).await, &path, &shared));
    }
    let started = Instant::now();
    let elapsed = shared.clock.elapsed();
    let method = request.method().as_str().to_owned();
    let draw = shared.faults(|faults| faults.draw(&method, &path, elapsed));
    let number = shared.cloud(|cloud, _| {
        cloud.record.requests.push(Recorded {
            since_opened: elapsed,
            method,
            path: path.clone(),
            status: None,
            key: None,
            fault: draw.fault.map(Fault::name),
        });
        cloud.record.requests.len() - 1
    });
    // Half of the way there; the rest after the work, so that both together take the latency.
    if !draw.latency.is_zero() {
        tokio::time::sleep_until(started + draw.latency / 2).await;
    }
    let response = match draw.fault {
        None => call(&mut router, request).await,
        Some(fault) if fault.has_effect() => {
            let response = call(&mut router, request).await;
            spoil(fault, complete(response, &path, &shared)).await?
        }
        Some(fault) => instead(fault).await?,
    };
    if !draw.latency.is_zero() {
        tokio::time::sleep_until(started + draw.latency).await;
    }
    let response = complete(response, &path, &shared);
    shared.cloud(|cloud, _| {
        if let Some(recorded) = cloud.record.requests.get_mut(number) {
            recorded.status = Some(response.status().as_u16());
            let key = response.extensions().get::<KeyName>();
            recorded.key = key.map(|key| key.0.clone());
        }
    });
    Ok(response)
}

async fn call(router: &mut Router, request: Request<Body>) -> Response {
    let answered: Result<Response, Infallible> = router.call(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Adds the body of an error, which names the path, and the header of every answer.
fn complete(mut response: Response, path: &str, shared: &Shared) -> Response {
    let headers = response.headers_mut();
    headers.insert("X-Daytona-Api-Version", HeaderValue::from_static(VERSION));
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let body = error.body(path, &iso(shared.clock.now()));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    response
}
