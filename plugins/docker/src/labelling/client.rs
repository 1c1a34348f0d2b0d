//! One client's connection: what becomes of each of its requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, request};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tbengine_sdk::Kind;
use tokio::net::UnixStream;
use tracing::debug;

use super::creation::{self, Creation};
use super::failure::Failure;
use super::label::{self, Labelling};
use super::link::{Link, Outgoing};
use super::socket::Shared;
use super::volumes;

/// The largest body of a creation that is taken. Those of clients are some kilobytes large.
const MAX_CREATION: usize = 16 << 20;
/// The reply to the creation of a volume repeats its labels.
const MAX_REPLY: usize = 2 * MAX_CREATION;
/// What is read at once from an upgraded connection.
const COPIED_AT_ONCE: usize = 64 << 10;
/// What Go's servers, so the daemon itself, wait in the same place.
const LINGER: Duration = Duration::from_millis(500);

struct Client {
    shared: Arc<Shared>,
    link: tokio::sync::Mutex<Link>,
    /// Both ends of a connection that client and daemon agreed to upgrade.
    upgraded: Mutex<Option<(OnUpgrade, OnUpgrade)>>,
}

/// Serves a client until it or the daemon ends the connection.
pub(super) async fn serve(stream: UnixStream, shared: Arc<Shared>) {
    let client = Arc::new(Client {
        link: tokio::sync::Mutex::new(Link::new(shared.dialler.clone())),
        shared,
        upgraded: Mutex::new(None),
    });
    let answering = client.clone();
    let mut serving = http1::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let client = answering.clone();
                async move { Ok::<_, Infallible>(client.answer(request).await) }
            }),
        )
        .with_upgrades();
    if let Err(error) = (&mut serving).await {
        // Among others, a client that stopped to listen: then the request to the daemon ends here as well.
        debug!(%error, "a client's connection ended");
        return;
    }
    if let Some(closed) = serving.into_parts() {
        linger(closed.io.into_inner()).await;
        return;
    }
    let upgraded = client
        .upgraded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some((client, daemon)) = upgraded
        && let Err(error) = join(client, daemon).await
    {
        debug!(%error, "an upgraded connection ended");
    }
}

/// Keeps a socket that was shut for writing until the client closes it too, for a moment. A client that is still sending
/// when its answer arrives would otherwise see a broken pipe before it sees the answer.
async fn linger(mut client: UnixStream) {
    let mut rest = tokio::io::sink();
    // How it ended does not matter.
    drop(tokio::time::timeout(LINGER, tokio::io::copy(&mut client, &mut rest)).await);
}

/// Copies both ways until both sides have ended. An end on one side is passed on alone: `docker
/// attach` closes its input and still waits for the output.
async fn join(client: OnUpgrade, daemon: OnUpgrade) -> std::io::Result<()> {
    let (client, daemon) = tokio::try_join!(client, daemon).map_err(std::io::Error::other)?;
    tokio::io::copy_bidirectional_with_sizes(
        &mut TokioIo::new(client),
        &mut TokioIo::new(daemon),
        COPIED_AT_ONCE,
        COPIED_AT_ONCE,
    )
    .await?;
    Ok(())
}

impl Client {
    async fn answer(&self, request: Request<Incoming>) -> Response<Outgoing> {
        match self.pass_on(request).await {
            Ok(reply) => reply,
            Err(failure) => {
                debug!(error = %failure, "no answer of the daemon");
                failure.into_reply(&self.shared.shown).map(Either::Right)
            }
        }
    }

    async fn pass_on(&self, mut request: Request<Incoming>) -> Result<Response<Outgoing>, Failure> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (mut head, body) = request.into_parts();
        self.address(&mut head);
        let creation = Creation::of(&head.method, head.uri.path());
        if creation.is_some() {
            self.shared.note_request();
        }
        match creation {
            Some(Creation::Body(kind)) => return self.create(kind, head, body).await,
            Some(Creation::Build) if self.shared.labels_images => {
                self.label_image(&mut head, label::in_build);
            }
            Some(Creation::Commit) if self.shared.labels_images => {
                self.label_image(&mut head, label::in_commit);
            }
            Some(Creation::Build | Creation::Commit) | None => {}
        }
        let looks_up = creation::looks_up_image(&head.method, head.uri.path());
        let request = Request::from_parts(head, Either::Left(body));
        let mut reply = self.link.lock().await.send(request).await?;
        if reply.status() == StatusCode::SWITCHING_PROTOCOLS {
            let ends = (upgrade, hyper::upgrade::on(&mut reply));
            *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(ends);
        }
        if looks_up && reply.status() == StatusCode::OK {
            return self.note_image(reply).await;
        }
        Ok(reply.map(Either::Left))
    }

    /// Notes that the run relies on an image that it has found.
    async fn note_image(&self, reply: Response<Incoming>) -> Result<Response<Outgoing>, Failure> {
        let (head, body) = reply.into_parts();
        let body = gather(body, MAX_REPLY)
            .await?
            .ok_or(Failure::ReplyTooLarge(MAX_REPLY))?;
        if let Some(image) = creation::image_of(&body) {
            self.shared.note_image(&image);
        }
        Ok(Response::from_parts(head, Either::Right(Full::new(body))))
    }

    /// Makes of a request to this socket one to the daemon.
    fn address(&self, head: &mut request::Parts) {
        head.version = http::Version::HTTP_11;
        // Answered already, when the body began to be read.
        head.headers.remove(EXPECT);
        if let Some(path) = head.uri.path_and_query() {
            head.uri = Uri::from(path.clone());
        }
        match &self.shared.host {
            Some(host) => {
                head.headers.insert(HOST, host.clone());
            }
            None => {
                head.headers
                    .entry(HOST)
                    .or_insert(HeaderValue::from_static("docker"));
            }
        }
    }

    async fn create(
        &self,
        kind: Kind,
        mut head: request::Parts,
        body: Incoming,
    ) -> Result<Response<Outgoing>, Failure> {
        let run = &*self.shared.run;
        let body = gather(body, MAX_CREATION)
            .await
            .map_err(Failure::Cut)?
            .ok_or(Failure::RequestTooLarge(MAX_CREATION))?;
        let (body, is_ours) = match label::in_body(&body, run) {
            Labelling::Added(labelled) => (Bytes::from(labelled), true),
            Labelling::Ours => (body, true),
            Labelling::Left => (body, false),
        };
        debug!(%kind, is_ours, "a creation");
        set_length(&mut head.headers, body.len());
        let mut link = self.link.lock().await;
        let named = match is_ours && kind == Kind::CONTAINER {
            true => volumes::named_in(&body, run),
            false => Vec::new(),
        };
        for volume in &named {
            self.create_volume(&mut link, &head, volume).await?;
        }
        let makes_anonymous = !volumes::takes_over(&body);
        let request = Request::from_parts(head.clone(), Either::Right(Full::new(body)));
        let reply = link.send(request).await?;
        if !is_ours || reply.status() != StatusCode::CREATED {
            return Ok(reply.map(Either::Left));
        }
        let (reply, answer) = reply.into_parts();
        let answer = self.note(kind, answer).await?;
        if kind == Kind::CONTAINER {
            let inspected = self.inspect(&mut link, &head, &answer).await;
            let image = creation::image_of_container(&inspected);
            image
                .into_iter()
                .for_each(|image| self.shared.note_image(&image));
            if makes_anonymous {
                self.note_anonymous(&inspected, &named);
            }
        }
        Ok(Response::from_parts(
            reply,
            Either::Right(Full::new(answer)),
        ))
    }

    /// What the daemon says of a container that it has made; nothing if that cannot be looked up, which is no reason
    /// to keep the answer from the client.
    async fn inspect(&self, link: &mut Link, creation: &request::Parts, answer: &[u8]) -> Bytes {
        let looking = async {
            let path = volumes::inspection(creation.uri.path(), answer)?;
            let mut request = Request::new(Either::Right(Full::default()));
            *request.uri_mut() = Uri::from(PathAndQuery::try_from(path).ok()?);
            let host = creation.headers.get(HOST)?.clone();
            request.headers_mut().insert(HOST, host);
            let reply = link.send(request).await.ok()?;
            gather(reply.into_body(), MAX_REPLY).await.ok()?
        };
        looking.await.unwrap_or_default()
    }

    /// Notes the anonymous volumes that the daemon has made along with a container. A client that removes that
    /// without them leaves them behind, and nothing about them says whose they are.
    fn note_anonymous(&self, inspected: &[u8], named: &[Value]) {
        for created in volumes::anonymous_in(inspected, named) {
            self.shared.note(created);
        }
    }

    /// Creates a volume that a container names, if it does not exist. Whatever the daemon has against it, it will have
    /// against the container too, and say so there.
    async fn create_volume(
        &self,
        link: &mut Link,
        container: &request::Parts,
        volume: &Value,
    ) -> Result<(), Failure> {
        let path = container.uri.path().replace("/containers/", "/volumes/");
        let Ok(path) = PathAndQuery::try_from(path) else {
            return Ok(());
        };
        let body = Bytes::from(volume.to_string());
        let mut request = Request::new(Either::Right(Full::new(body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = container.headers.clone();
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        set_length(request.headers_mut(), body.len());
        let reply = link.send(request).await?;
        let is_created = reply.status() == StatusCode::CREATED;
        if is_created {
            self.note(Kind::VOLUME, reply.into_body()).await?;
        } else {
            debug!(status = %reply.status(), "a volume was not created");
            gather(reply.into_body(), MAX_REPLY).await?;
        }
        Ok(())
    }

    /// Reads the reply to a creation, and notes what was created.
    async fn note(&self, kind: Kind, reply: Incoming) -> Result<Bytes, Failure> {
        let reply = gather(reply, MAX_REPLY)
            .await?
            .ok_or(Failure::ReplyTooLarge(MAX_REPLY))?;
        if let Some(created) = creation::of_reply(kind, &reply, &self.shared.run) {
            self.shared.note(created);
        }
        Ok(reply)
    }

    fn label_image(
        &self,
        head: &mut request::Parts,
        label: fn(query: &str, run: &str) -> Labelling<String>,
    ) {
        let query = head.uri.query().unwrap_or_default();
        if let Labelling::Added(query) = label(query, &self.shared.run)
            && let Ok(labelled) = PathAndQuery::try_from(format!("{}?{query}", head.uri.path()))
        {
            head.uri = Uri::from(labelled);
        }
    }
}

/// Reads a body whole, or gives `None` if it is larger than `limit`. Then it is still read to its end, because a
/// client that is still writing would not see the answer.
async fn gather(mut body: Incoming, limit: usize) -> Result<Option<Bytes>, hyper::Error> {
    let mut gathered = BytesMut::new();
    let mut fits = body.size_hint().lower() <= limit as u64;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        fits = fits && data.len() <= limit - gathered.len();
        if fits {
            gathered.extend_from_slice(&data);
        } else {
            gathered = BytesMut::new();
        }
    }
    Ok(fits.then(|| gathered.freeze()))
}

fn set_length(headers: &mut HeaderMap, length: usize) {
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}
