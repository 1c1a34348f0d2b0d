//! The table that a plugin is lent: what it calls, and the requests that it owes an answer.

#![expect(unsafe_code, reason = "this is the host's side of the C interface")]

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc};

use tbengine_sdk::ErrorKind;
use tbengine_sdk::abi::{self, Bytes, HostV2, Instance, PluginV2, Status};
use tbengine_sdk::wire::{self, Failure, MAX_BODY};
use tokio::sync::oneshot;

use super::instance::Handle;
use crate::error::PluginError;
use crate::log::log_message;

/// How many unsolicited answers are logged one by one.
const MAX_LOGGED_UNSOLICITED: u64 = 10;

/// The host's table with what is behind it.
#[derive(Debug)]
pub(super) struct HostTable {
    /// What the plugin sees.
    pub(super) table: HostV2,
    /// The name for the log.
    pub(super) plugin: String,
    pub(super) pending: Mutex<HashMap<u64, Pending>>,
    /// The number of the next request; process-wide numbers are not needed, since each plugin has a table.
    pub(super) next: AtomicU64,
    pub(super) unsolicited: AtomicU64,
    keeper: Mutex<mpsc::Sender<HostTask>>,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) answer: oneshot::Sender<(Status, Vec<u8>)>,
    /// Keeps the instance open until the answer comes, whether or not anybody still waits for it.
    pub(super) instance: Arc<Handle>,
    /// Whether the plugin was given it.
    pub(super) begun: bool,
    /// Whether nobody waits any more.
    pub(super) given_up: bool,
}

/// What the keeper does, apart from every thread of the plugin and of the engine.
pub(super) enum HostTask {
    Cancel(Arc<Handle>, u64),
    Close(Closing),
}

pub(super) struct Closing {
    pub(super) table: &'static PluginV2,
    pub(super) raw: *mut Instance,
}

// SAFETY: the header lets the functions of a table be called from any thread.
unsafe impl Send for Closing {}

/// Every table that was lent in this process.
static HOST_TABLES: RwLock<Vec<&'static HostTable>> = RwLock::new(Vec::new());

impl HostTable {
    /// The table that a plugin gave back. The pointer is compared and never followed: a plugin can give
    /// anything back, and a reference in Rust to the table reaches no further than the table.
    fn of(host: *const HostV2) -> Option<&'static HostTable> {
        let all = HOST_TABLES.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |host_table: &&HostTable| std::ptr::eq(&raw const host_table.table, host);
        all.iter().copied().find(is_it)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn chore(&self, chore: HostTask) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // It fails only if the keeper's thread could not be started; then nothing is cancelled or closed.
        keeper.send(chore).ok();
    }

    fn unsolicited(&self, call: u64) {
        let count = self.unsolicited.fetch_add(1, Ordering::Relaxed);
        if count < MAX_LOGGED_UNSOLICITED {
            tracing::warn!(target: "tbengine::plugin", plugin = %self.plugin, call,
                "ignored an unsolicited or duplicate answer");
        }
    }
}

/// Runs a function of the host that the plugin calls: a panic of ours must not unwind into it.
pub(super) fn guarded(work: impl FnOnce()) {
    catch_unwind(AssertUnwindSafe(work)).ok();
}

unsafe extern "C" fn complete(host: *const HostV2, call: u64, status: Status, body: Bytes) {
    guarded(|| {
        let Some(host_table) = HostTable::of(host) else {
            return;
        };
        let Some(pending) = host_table.lock().remove(&call) else {
            return host_table.unsolicited(call);
        };
        // SAFETY: the plugin lends the body until this returns.
        let answer = unsafe { copied(status, body) };
        // Nobody may wait any more. Dropping the instance here only gives it to the keeper.
        pending.answer.send(answer).ok();
    });
}

/// The host's copy of an answer, or of what is wrong with it.
///
/// # Safety
/// The body can be read until this returns.
pub(super) unsafe fn copied(status: Status, body: Bytes) -> (Status, Vec<u8>) {
    if body.len > MAX_BODY {
        let failure = Failure {
            message: format!(
                "the plugin answered with {} MiB; the maximum is {} MiB",
                body.len >> 20,
                MAX_BODY >> 20
            ),
            ..Failure::default()
        };
        return (abi::status_of(ErrorKind::Internal), wire::encode(&failure));
    }
    // SAFETY: the caller vouches for it.
    (status, unsafe { body.read() }.to_vec())
}

unsafe extern "C" fn log(
    host: *const HostV2,
    level: u32,
    target: Bytes,
    message: Bytes,
    fields: Bytes,
) {
    guarded(|| {
        let Some(host_table) = HostTable::of(host) else {
            return;
        };
        // SAFETY: the plugin lends the texts until this returns.
        let [target, message, fields] = unsafe { [target.read(), message.read(), fields.read()] };
        log_message(&host_table.plugin, level, target, message, fields);
    });
}

unsafe extern "C" fn log_level(_: *const HostV2) -> u32 {
    use tracing::level_filters::LevelFilter;
    match LevelFilter::current() {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => 1,
        LevelFilter::WARN => 2,
        LevelFilter::INFO => 3,
        LevelFilter::DEBUG => 4,
        _ => 5,
    }
}

/// Makes a table for a plugin, and starts its keeper.
pub(super) fn host_table(
    name: &str,
    path: &Path,
) -> std::result::Result<&'static HostTable, PluginError> {
    let (keeper, chores) = mpsc::channel();
    std::thread::Builder::new()
        .name(format!("keeper-{name}"))
        .spawn(move || keep(&chores))
        .map_err(|source| PluginError::Load {
            name: name.to_owned(),
            path: path.to_owned(),
            reason: format!("cannot start a thread: {source}"),
        })?;
    let host_table: &'static HostTable = Box::leak(Box::new(HostTable {
        table: HostV2 {
            size: size_of::<HostV2>(),
            complete: Some(complete),
            log: Some(log),
            log_level: Some(log_level),
        },
        plugin: name.to_owned(),
        pending: Mutex::default(),
        next: AtomicU64::new(1),
        unsolicited: AtomicU64::new(0),
        keeper: Mutex::new(keeper),
    }));
    let mut all = HOST_TABLES.write().unwrap_or_else(PoisonError::into_inner);
    all.push(host_table);
    Ok(host_table)
}

fn keep(chores: &mpsc::Receiver<HostTask>) {
    for chore in chores {
        match chore {
            HostTask::Cancel(handle, call) => {
                if let Some(cancel) = handle.library.table.cancel {
                    // SAFETY: the handle keeps the instance open.
                    unsafe { cancel(handle.raw, call) };
                }
            }
            HostTask::Close(Closing { table, raw }) => {
                if let Some(close) = table.close {
                    // SAFETY: it was the last handle, so no request and no function is under way.
                    unsafe { close(raw) };
                }
            }
        }
    }
}
