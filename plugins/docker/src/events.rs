//! The daemon's events, as changes to follow.
//!
//! ```text
//!   GET /events ──► reader task ──► buffer of the stream ──► watch(cursor): what came after it
//!                     │ never waits for anybody: the daemon skips listeners that take longer than 100 ms
//!                     └─ ends with the connection; a cursor of a stream that has ended is lost
//! ```
//!
//! A cursor is the number of a stream and a position in it. In another process, after a reconnection and behind the end of
//! the buffer it is lost, and the caller lists again.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tbengine_sdk::{Change, Changes, Error, ErrorKind, Kind, Result, Timestamp, WatchRequest};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::account_ref::AccountRef;
use crate::native;
use crate::transport::Transport;

/// How many changes a stream keeps for those that come to read them.
const MAX_BUFFERED: usize = 50_000;
/// The longest event. A container with many labels has long ones.
const MAX_EVENT: usize = 4 << 20;
/// How many changes one answer brings.
const MAX_ANSWERED: usize = 10_000;

/// The kinds that the daemon reports in full. Images are not: one that is pulled is named by its tag only.
pub(crate) const WATCHED: [Kind; 3] = [Kind::CONTAINER, Kind::NETWORK, Kind::VOLUME];

/// The events of one daemon. There is one stream at most, which is opened when somebody first follows it.
#[derive(Default)]
pub(crate) struct Events {
    stream: tokio::sync::Mutex<Option<Arc<Stream>>>,
}

impl Events {
    /// Waits for changes since a cursor, as [`watch`](tbengine_sdk::Backend::watch) does.
    pub(crate) async fn watch(
        &self,
        transport: &Transport,
        request: &WatchRequest,
    ) -> Result<Answer> {
        let since = request.since.as_deref().map(str::parse::<Cursor>);
        let since = since.transpose()?;
        let stream = self.stream(transport).await?;
        match since {
            Some(since) if since.stream == stream.number => stream.after(since, request).await,
            Some(_) => Ok(Answer::nothing(stream.end(), true)),
            None => Ok(Answer::nothing(stream.end(), false)),
        }
    }

    /// The stream, opened anew if it has ended.
    async fn stream(&self, transport: &Transport) -> Result<Arc<Stream>> {
        let mut current = self.stream.lock().await;
        if let Some(stream) = current.as_ref().filter(|stream| !stream.has_ended()) {
            return Ok(stream.clone());
        }
        let number = current
            .as_ref()
            .map_or_else(first_number, |old| old.number + 1);
        let stream = Arc::new(Stream::open(transport, number).await?);
        *current = Some(stream.clone());
        Ok(stream)
    }
}

/// What happened since a cursor.
pub(crate) struct Answer {
    events: Vec<ParsedEvent>,
    cursor: Cursor,
    lost: bool,
}

impl Answer {
    fn nothing(cursor: Cursor, lost: bool) -> Self {
        Self {
            events: Vec::new(),
            cursor,
            lost,
        }
    }

    /// Whether there are no events, for which the identity of the daemon is not needed.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The same in the words of the contract.
    pub(crate) fn into_changes(self, account: Option<&AccountRef>) -> Changes {
        let events = self.events.into_iter();
        let changes =
            account.map(|account| events.map(|event| event.into_change(account)).collect());
        Changes {
            changes: changes.unwrap_or_default(),
            cursor: self.cursor.to_string(),
            lost: self.lost,
        }
    }
}

/// The number of the first stream of a process: no other process gives the same, so that its cursors are lost here.
fn first_number() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id()) >> 16
}

/// One connection on which the daemon reports events.
struct Stream {
    number: u64,
    received: Arc<Received>,
    reader: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The events so far.
#[derive(Default)]
struct Received {
    buffer: Mutex<Buffer>,
    news: Notify,
}

#[derive(Default)]
struct Buffer {
    events: VecDeque<ParsedEvent>,
    /// How many events were there before the first that is kept.
    dropped: u64,
    has_ended: bool,
}

impl Buffer {
    fn end(&self) -> u64 {
        self.dropped + self.events.len() as u64
    }
}

impl Stream {
    /// Connects. What happens from now on will be reported; what happened in the second before may be as well.
    async fn open(transport: &Transport, number: u64) -> Result<Self> {
        // The daemon answers before it listens, so it is asked for what happened since this second began. One that
        // does not report its time sends all that it remembers.
        let since = transport.second_of_docker().await?.unwrap_or(1);
        let filters = json!({ "type": WATCHED.map(Kind::word) }).to_string();
        let filters: String = form_urlencoded::byte_serialize(filters.as_bytes()).collect();
        let path = format!("/events?since={since}&filters={filters}");
        let body = transport.stream(&path).await?;
        let received = Arc::new(Received::default());
        let reader = tokio::spawn(read(body, received.clone()));
        Ok(Self {
            number,
            received,
            reader,
        })
    }

    fn has_ended(&self) -> bool {
        self.received.buffer().has_ended
    }

    fn end(&self) -> Cursor {
        Cursor {
            stream: self.number,
            position: self.received.buffer().end(),
        }
    }

    /// Waits for what comes after a cursor of this stream.
    async fn after(&self, since: Cursor, request: &WatchRequest) -> Result<Answer> {
        let deadline = tokio::time::Instant::now() + request.wait;
        loop {
            // Registered before it looks, so that nothing comes unseen between the two.
            let news = self.received.news.notified();
            if let Some(changes) = self.now(since, &request.kinds)? {
                return Ok(changes);
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                return Ok(Answer::nothing(since, false));
            }
        }
    }

    /// What came after a cursor by now, if anything did.
    fn now(&self, since: Cursor, kinds: &[Kind]) -> Result<Option<Answer>> {
        let buffer = self.received.buffer();
        if since.position > buffer.end() {
            return Err(invalid());
        }
        let lost = since.position < buffer.dropped || buffer.has_ended;
        let skipped = since.position.saturating_sub(buffer.dropped) as usize;
        let new = buffer.events.iter().skip(skipped).take(MAX_ANSWERED);
        let count = new.len() as u64;
        if count == 0 && !lost {
            return Ok(None);
        }
        let wanted = |event: &&ParsedEvent| event.kind().is_none_or(|kind| kinds.contains(&kind));
        let position = since.position.max(buffer.dropped) + count;
        Ok(Some(Answer {
            events: new.filter(wanted).cloned().collect(),
            cursor: Cursor {
                stream: self.number,
                position,
            },
            lost,
        }))
    }
}

impl Received {
    fn buffer(&self) -> std::sync::MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: ParsedEvent) {
        let mut buffer = self.buffer();
        if buffer.events.len() == MAX_BUFFERED {
            buffer.events.pop_front();
            buffer.dropped += 1;
        }
        buffer.events.push_back(event);
        drop(buffer);
        self.news.notify_waiters();
    }

    fn end(&self) {
        self.buffer().has_ended = true;
        self.news.notify_waiters();
    }
}

/// Reads events until the connection ends or sends something that is not an event.
async fn read(mut body: Incoming, received: Arc<Received>) {
    let mut pending = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        pending.extend_from_slice(&bytes);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line = pending.split_to(end + 1);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Event>(&line) {
                Ok(event) => {
                    if let Some(parsed) = event.parsed() {
                        received.add(parsed);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "docker sent an event that cannot be read");
                    received.add(ParsedEvent::Unreadable);
                }
            }
        }
        if pending.len() > MAX_EVENT {
            break;
        }
    }
    received.end();
}

/// A position in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    stream: u64,
    position: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.stream, self.position)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('.').and_then(|(stream, position)| {
            let stream = u64::from_str_radix(stream, 16).ok()?;
            Some(Self {
                stream,
                position: position.parse().ok()?,
            })
        });
        parsed.ok_or_else(invalid)
    }
}

fn invalid() -> Error {
    Error::new(
        ErrorKind::Invalid,
        "this cursor was not given by this backend",
    )
}

/// An event as the daemon sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    actor: Actor,
    #[serde(default, rename = "timeNano")]
    time_nano: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(default, rename = "ID")]
    id: String,
}

/// What happens to a container that changes nothing about it.
const HARMLESS: [&str; 12] = [
    "attach",
    "archive-path",
    "copy",
    "detach",
    "exec_create",
    "exec_detach",
    "exec_die",
    "exec_start",
    "export",
    "health_status",
    "resize",
    "top",
];

impl Event {
    /// What it means. `None` for what changes nothing.
    fn parsed(self) -> Option<ParsedEvent> {
        let kind = WATCHED
            .into_iter()
            .find(|kind| kind.word() == self.r#type)?;
        let action = self.action.split(':').next().unwrap_or_default();
        if kind == Kind::CONTAINER && HARMLESS.contains(&action) {
            return None;
        }
        if !native::is_full(kind, &self.actor.id) {
            return Some(ParsedEvent::Unreadable);
        }
        let at = (self.time_nano > 0).then(|| Timestamp::from_unix_ms(self.time_nano / 1_000_000));
        let native = self.actor.id;
        Some(match action {
            "destroy" => ParsedEvent::Gone { kind, native, at },
            _ => ParsedEvent::Touched { kind, native, at },
        })
    }
}

/// What an event means.
#[derive(Clone, Debug)]
enum ParsedEvent {
    Touched {
        kind: Kind,
        native: String,
        at: Option<Timestamp>,
    },
    Gone {
        kind: Kind,
        native: String,
        at: Option<Timestamp>,
    },
    /// Something that this version does not understand.
    Unreadable,
}

impl ParsedEvent {
    fn kind(&self) -> Option<Kind> {
        match self {
            ParsedEvent::Touched { kind, .. } | ParsedEvent::Gone { kind, .. } => Some(*kind),
            ParsedEvent::Unreadable => None,
        }
    }

    fn into_change(self, account: &AccountRef) -> Change {
        match self {
            ParsedEvent::Touched { kind, native, at } => Change::Touched { kind, native, at },
            // Events do not say when what is gone was created.
            ParsedEvent::Gone { kind, native, at } => Change::Gone {
                identity: account.identity(kind, native, None),
                at,
            },
            ParsedEvent::Unreadable => Change::Other,
        }
    }
}
