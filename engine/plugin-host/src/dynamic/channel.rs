//! Requests to an open backend of a library.

#![expect(unsafe_code, reason = "this is the host's side of the C interface")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tbengine_sdk::abi::{self, Bytes};
use tbengine_sdk::wire::Failure;
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, oneshot};

use super::host_table::{HostTask, Pending};
use super::instance::Handle;
use crate::remote::Channel;

/// How many threads one backend may hold up with calls that have not returned yet.
const MAX_THREADS: usize = 64;
/// One open backend of a library.
pub(crate) struct LibraryChannel {
    handle: Arc<Handle>,
    threads: Arc<Semaphore>,
    timeout: Duration,
    /// Whether a call without an answer was reported already.
    reported_missing: AtomicBool,
}

impl LibraryChannel {
    pub(super) fn new(handle: Handle, timeout: Duration) -> Self {
        Self {
            handle: Arc::new(handle),
            threads: Arc::new(Semaphore::new(MAX_THREADS)),
            timeout,
            reported_missing: AtomicBool::new(false),
        }
    }
}

/// Gives a request up if it is dropped before its answer came.
struct Waiting {
    handle: Arc<Handle>,
    call: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let host_table = self.handle.library.host_table;
        let cancel = match host_table.lock().get_mut(&self.call) {
            None => false,
            Some(pending) => {
                pending.given_up = true;
                pending.begun
            }
        };
        if cancel {
            host_table.chore(HostTask::Cancel(self.handle.clone(), self.call));
        }
    }
}

/// A request on its way to a thread that may block. If it never gets there, because the host's runtime ends
/// before, nothing is pending for it.
struct Turn {
    handle: Arc<Handle>,
    call: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pending = self.handle.library.host_table.lock();
        if pending.get(&self.call).is_some_and(|entry| !entry.begun) {
            pending.remove(&self.call);
        }
    }
}

/// Hands a request to the plugin, unless it was given up meanwhile.
fn begin(turn: &Turn, method: &[u8], request: &[u8], deadline: Duration) {
    let &Turn { ref handle, call } = turn;
    let (host_table, table) = (handle.library.host_table, handle.library.table);
    match host_table.lock().get_mut(&call) {
        Some(entry) if !entry.given_up => entry.begun = true,
        _ => return,
    }
    if let Some(begin) = table.call {
        let deadline = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        // SAFETY: the handle keeps the instance open, and both texts outlive the call.
        unsafe {
            begin(
                handle.raw,
                call,
                Bytes::of(method),
                Bytes::of(request),
                deadline,
            );
        };
    }
    // A cancellation that came while the plugin took the request may have come too early for it.
    let given_up = host_table
        .lock()
        .get(&call)
        .is_some_and(|entry| entry.given_up);
    if given_up {
        host_table.chore(HostTask::Cancel(handle.clone(), call));
    }
}

#[async_trait]
impl Channel for LibraryChannel {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let host_table = self.handle.library.host_table;
        let answered = async {
            let thread = self.threads.clone().acquire_owned().await;
            let call = host_table.next.fetch_add(1, Ordering::Relaxed);
            let (answer, answered) = oneshot::channel();
            let pending = Pending {
                answer,
                instance: self.handle.clone(),
                begun: false,
                given_up: false,
            };
            host_table.lock().insert(call, pending);
            let _waiting = Waiting {
                handle: self.handle.clone(),
                call,
            };
            let turn = Turn {
                handle: self.handle.clone(),
                call,
            };
            let (method, timeout) = (method.to_vec(), self.timeout);
            tokio::task::spawn_blocking(move || {
                begin(&turn, &method, &request, timeout);
                drop((turn, thread));
            });
            answered.await
        };
        let method = || String::from_utf8_lossy(method).into_owned();
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(Ok((abi::OK, body))) => Ok(body),
            Ok(Ok((abi::CANCELLED, _))) => Err(Error::new(
                ErrorKind::Transient,
                format!("the plugin dropped `{}`; its effect is unknown", method()),
            )),
            Ok(Ok((status, body))) => Err(Failure::read(abi::kind_of(status), &body)),
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::Internal,
                format!("the request `{}` was lost", method()),
            )),
            Err(_) => {
                if !self.reported_missing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: "tbengine::plugin", plugin = %host_table.plugin, method = method(),
                        "no answer in time; the backend stays open until the process ends");
                }
                Err(Error::new(
                    ErrorKind::Transient,
                    format!(
                        "the plugin did not answer `{}` within {}; its effect is unknown",
                        method(),
                        humantime::format_duration(self.timeout)
                    ),
                ))
            }
        }
    }

    fn unsolicited(&self) -> u64 {
        self.handle
            .library
            .host_table
            .unsolicited
            .load(Ordering::Relaxed)
    }

    fn pending(&self) -> usize {
        let pending = self.handle.library.host_table.lock();
        let ours = |entry: &&Pending| Arc::ptr_eq(&entry.instance, &self.handle);
        pending.values().filter(ours).count()
    }
}
