//! A process that runs: requests to it, its answers, and its death.

use std::collections::HashMap;
use std::process::Child;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::value::RawValue;
use tbengine_sdk::wire::{self, CallLine, Failure, HostLine, RawAnswer};
use tbengine_sdk::{Error, ErrorKind, Result};

use super::group::{Group, lock};
use crate::secrets::Secrets;

/// How many requests in a row may go without an answer before the process counts as hung.
const MAX_UNANSWERED: u32 = 3;
/// How many answers that nobody asked for a process may write before it counts as flooding.
const MAX_UNSOLICITED: u64 = 1000;
/// How long the last answers of a dead process are waited for.
const STDOUT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long the last words of a dead process are waited for.
const STDERR_TIMEOUT: Duration = Duration::from_millis(500);

/// Takes the answer to one request.
type Taker = Box<dyn FnOnce(Result<Vec<u8>>) + Send>;

/// A process, as the threads that read and write for it share it.
pub(super) struct Process {
    plugin: String,
    secrets: Secrets,
    group: Group,
    lines: mpsc::Sender<Vec<u8>>,
    /// The requests without an answer; `None` once the process is dead.
    pending: Mutex<Option<HashMap<u64, Taker>>>,
    /// Why it died, or what it wrote last to its standard error.
    last_words: Mutex<LastWords>,
    next: AtomicU64,
    unsolicited: AtomicU64,
    unanswered: AtomicU32,
}

#[derive(Default)]
struct LastWords {
    verdict: Option<String>,
    line: String,
}

/// One line for a request. A request that is not JSON goes in as a text.
fn call_line(id: u64, method: &[u8], request: &[u8], timeout: Duration) -> Vec<u8> {
    let call = CallLine {
        id,
        method: String::from_utf8_lossy(method).into_owned(),
        deadline_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        request: serde_json::from_slice(request)
            .unwrap_or_else(|_| String::from_utf8_lossy(request).into()),
    };
    let mut line = wire::encode(&call);
    line.push(b'\n');
    line
}

impl Process {
    /// A process whose requests go through `lines`.
    pub(super) fn new(
        plugin: String,
        secrets: Secrets,
        group: Group,
        lines: mpsc::Sender<Vec<u8>>,
    ) -> Self {
        Self {
            plugin,
            secrets,
            group,
            lines,
            pending: Mutex::new(Some(HashMap::new())),
            last_words: Mutex::default(),
            next: AtomicU64::new(1),
            unsolicited: AtomicU64::new(0),
            unanswered: AtomicU32::new(0),
        }
    }

    /// The plugin that it belongs to.
    pub(super) fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Sends a request, of which `take` gets the answer, and gives its number.
    pub(super) fn send(
        &self,
        method: &[u8],
        request: &[u8],
        timeout: Duration,
        take: Taker,
    ) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let line = call_line(id, method, request, timeout);
        let mut pending = lock(&self.pending);
        match &mut *pending {
            Some(pending) => drop(pending.insert(id, take)),
            None => {
                drop(pending);
                take(Err(self.exit_error()));
                return id;
            }
        }
        drop(pending);
        // If nobody writes any more, the process is dead, and the reader wakes all who wait.
        self.lines.send(line).ok();
        id
    }

    /// Sends a request and holds this thread up until the answer.
    pub(super) fn ask(
        &self,
        method: &[u8],
        request: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>> {
        let (answer, answered) = mpsc::sync_channel(1);
        let take = move |outcome| {
            answer.send(outcome).ok();
        };
        self.send(method, &request, patience, Box::new(take));
        let answer = answered.recv_timeout(patience).unwrap_or_else(|_| {
            Err(gone(format!(
                "the program did not answer `{}` within {}",
                String::from_utf8_lossy(method),
                humantime::format_duration(patience)
            )))
        });
        answer.map(|body| normalize(&body))
    }

    /// Asks for an early end of a request that has no answer yet.
    pub(super) fn cancel(&self, id: u64) {
        let waits = lock(&self.pending)
            .as_ref()
            .is_some_and(|pending| pending.contains_key(&id));
        if waits {
            let mut line = wire::encode(&HostLine::Cancel { cancel: id });
            line.push(b'\n');
            self.lines.send(line).ok();
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        lock(&self.pending).is_some()
    }

    /// How many answers came that nobody had asked for.
    pub(super) fn unsolicited(&self) -> u64 {
        self.unsolicited.load(Ordering::Relaxed)
    }

    /// How many requests have no answer yet.
    pub(super) fn pending(&self) -> usize {
        lock(&self.pending).as_ref().map_or(0, HashMap::len)
    }

    pub(super) fn kill(&self) {
        self.group.kill();
    }

    /// Notes a request whose time ran out, and kills the process if that happens again and again.
    pub(super) fn left_unanswered(&self) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if unanswered >= MAX_UNANSWERED {
            self.kill_with_reason(format!("it left {unanswered} requests unanswered"));
        }
    }

    /// Keeps a line of the standard error, which may be its last words, and gives it without secrets.
    pub(super) fn wrote(&self, text: &str) -> String {
        let text = self.secrets.hide(text);
        if !text.is_empty() {
            lock(&self.last_words).line = text.chars().take(500).collect();
        }
        text
    }

    /// Kills it because of what it did.
    fn kill_with_reason(&self, verdict: String) {
        lock(&self.last_words).verdict.get_or_insert(verdict);
        self.group.kill();
    }

    /// Waits for the end of the process, reaps it, and wakes all who wait. What it has started may hold its output
    /// for longer than it lives, so the process itself is watched and not only its output.
    pub(super) fn end(
        &self,
        mut child: Child,
        was_read: &mpsc::Receiver<Option<String>>,
        all_read: &mpsc::Receiver<()>,
    ) {
        until_exit(&child);
        // Its last answers may still be in the pipe.
        let read = was_read.recv_timeout(STDOUT_TIMEOUT);
        // Not buried yet, so the number of its group cannot be another's.
        self.group.kill();
        let read = read.or_else(|_| was_read.recv_timeout(STDOUT_TIMEOUT));
        if let Some(verdict) = read.unwrap_or_default() {
            lock(&self.last_words).verdict.get_or_insert(verdict);
        }
        let status = child.wait();
        self.group.is_gone();
        // Its last words may still be on their way; nothing is ever sent, only the end is waited for.
        all_read.recv_timeout(STDERR_TIMEOUT).ok();
        {
            let mut words = lock(&self.last_words);
            let LastWords { verdict, line } = &mut *words;
            verdict.get_or_insert_with(|| {
                let how =
                    status.map_or_else(|error| error.to_string(), |status| status.to_string());
                match line.trim() {
                    "" => format!("its process ended ({how})"),
                    line => format!("its process ended ({how}), after it wrote: {line}"),
                }
            });
        }
        let waiting = lock(&self.pending).take().unwrap_or_default();
        for take in waiting.into_values() {
            take(Err(self.exit_error()));
        }
    }

    /// The error for callers that still wait for it.
    pub(super) fn exit_error(&self) -> Error {
        let words = lock(&self.last_words);
        let verdict = words.verdict.as_deref().unwrap_or("its process ended");
        gone(format!(
            "the program of plugin `{}`: {verdict}",
            self.plugin
        ))
    }

    /// Hands an answer to the caller that waits for it.
    pub(super) fn answered(&self, line: &RawAnswer<'_>) {
        let taker = lock(&self.pending)
            .as_mut()
            .and_then(|pending| pending.remove(&line.id));
        let Some(take) = taker else {
            let count = self.unsolicited.fetch_add(1, Ordering::Relaxed) + 1;
            if count == 1 {
                tracing::warn!(target: "tbengine::plugin", plugin = %self.plugin, call = line.id,
                    "ignored an unsolicited or duplicate answer");
            }
            if count > MAX_UNSOLICITED {
                self.kill_with_reason(format!("it wrote {count} unsolicited answers"));
            }
            return;
        };
        self.unanswered.store(0, Ordering::Relaxed);
        let body = line.body.map_or("null", RawValue::get).as_bytes();
        take(match line.status.as_str() {
            "ok" => Ok(body.to_vec()),
            "cancelled" => Err(Error::new(
                ErrorKind::Transient,
                "the plugin dropped the request; its effect is unknown",
            )),
            word => {
                // A word that is not known is a fault of the plugin, and nothing is tried again for it.
                let kind = serde_json::from_value(word.into()).unwrap_or(ErrorKind::Internal);
                Err(Failure::read(kind, &normalize(body)))
            }
        });
    }
}

/// Holds this thread up until a process has ended, and leaves it to be buried.
#[cfg(unix)]
fn until_exit(child: &Child) {
    use rustix::io::Errno;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
}

#[cfg(not(unix))]
fn until_exit(_: &Child) {}

/// A document as it is understood of a program: of two equal keys the last counts, since that is what the
/// JSON of most scripting languages lets slip.
pub(super) fn normalize(body: &[u8]) -> Vec<u8> {
    let read = serde_json::from_slice::<serde_json::Value>(body);
    read.map_or_else(|_| body.to_vec(), |document| wire::encode(&document))
}

/// The [`Error::code`] of an answer that the host makes itself because the plugin is gone. A plugin whose
/// provider is gone is as unavailable.
pub(crate) const GONE: &str = "plugin:gone";

/// An answer that the host makes itself because the plugin is gone.
pub(super) fn gone(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message).with_code(GONE)
}
