//! Opening a backend of a library, and the instance behind it.

#![expect(unsafe_code, reason = "this is the host's side of the C interface")]

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use tbengine_sdk::abi::{self, Bytes, HostV2, Instance, Status};
use tbengine_sdk::wire::{Failure, Opened};
use tbengine_sdk::{Error, ErrorKind, Result};

use super::channel::LibraryChannel;
use super::host_table::{Closing, HostTask, copied, guarded};
use super::library::Library;
use crate::remote;
use crate::timeouts::Timeouts;

/// An open instance. Dropping it only hands it to the keeper.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) library: &'static Library,
    pub(super) raw: *mut Instance,
}

// SAFETY: the header lets `call` and `cancel` be called from many threads at once, and the pointer is
// never read here.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        let closing = Closing {
            table: self.library.table,
            raw: self.raw,
        };
        self.library.host_table.chore(HostTask::Close(closing));
    }
}

impl Library {
    /// Opens a backend, on a thread of its own, because a plugin may hang there.
    pub(crate) fn open(
        &'static self,
        request: Vec<u8>,
        timeouts: Timeouts,
    ) -> Result<(LibraryChannel, Opened)> {
        let (result, opened) = mpsc::sync_channel(1);
        let start = std::thread::Builder::new().name("plugin-open".into());
        let started = start.spawn(move || {
            let outcome = self.open_here(&request);
            // If nobody waits any more, dropping the handle closes the instance.
            result.send(outcome).ok();
        });
        if let Err(error) = started {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("cannot start a thread: {error}"),
            ));
        }
        let (handle, body) = opened.recv_timeout(timeouts.open).map_err(|_| {
            Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the plugin did not open it within {}",
                    humantime::format_duration(timeouts.open)
                ),
            )
            .with_hint("opening must not reach the provider; report it to the author of the plugin")
        })??;
        let channel = LibraryChannel::new(handle, timeouts.call);
        Ok((channel, remote::answer("open", &body)?))
    }

    fn open_here(&'static self, request: &[u8]) -> Result<(Handle, Vec<u8>)> {
        let broken = |message: &str| Error::new(ErrorKind::Internal, message);
        let Some(open) = self.table.open else {
            return Err(broken("the plugin's table lacks `open`"));
        };
        let call = OpenCall::new();
        // SAFETY: the request outlives the call, and the context is a number that is never followed.
        let raw = unsafe { open(Bytes::of(request), call.context(), Some(take)) };
        let taken = call.taken();
        // Lazily: a handle that is dropped closes what is behind it, and null is nothing.
        let handle = (!raw.is_null()).then(|| Handle { library: self, raw });
        match (taken.answer, handle) {
            _ if taken.count != 1 => Err(broken(
                "the plugin did not report the result of opening exactly once",
            )),
            (Some((abi::OK, body)), Some(handle)) => Ok((handle, body)),
            (Some((abi::OK, _)), None) => {
                Err(broken("the plugin reported success but opened nothing"))
            }
            (Some((status, body)), _) => Err(Failure::read(abi::kind_of(status), &body)),
            (None, _) => Err(broken("the plugin did not report the result of opening")),
        }
    }

    /// Whether the plugin refuses a host whose table is too small, as it has to.
    pub(crate) fn refuses_small_host(&self) -> bool {
        static SMALL: HostV2 = HostV2 {
            size: size_of::<usize>(),
            complete: None,
            log: None,
            log_level: None,
        };
        // SAFETY: the table is static, and says that nothing but its size may be read.
        unsafe { (self.entry)(&raw const SMALL) }.is_null()
    }
}

/// What was said about the openings under way, by their number.
static OPENINGS: Mutex<BTreeMap<usize, Taken>> = Mutex::new(BTreeMap::new());

fn openings() -> MutexGuard<'static, BTreeMap<usize, Taken>> {
    OPENINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Taken {
    answer: Option<(Status, Vec<u8>)>,
    count: u32,
}

/// Where the plugin reports how one opening ended. It gets a number instead of an address, because one that
/// reports after `open` has returned would write into memory that is something else by then.
struct OpenCall(usize);

impl OpenCall {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        openings().insert(number, Taken::default());
        Self(number)
    }

    fn context(&self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.0)
    }

    fn taken(self) -> Taken {
        openings().remove(&self.0).unwrap_or_default()
    }
}

unsafe extern "C" fn take(context: *mut c_void, status: Status, body: Bytes) {
    guarded(|| {
        // SAFETY: the plugin lends the body until this returns.
        let answer = unsafe { copied(status, body) };
        if let Some(taken) = openings().get_mut(&context.addr()) {
            taken.count += 1;
            taken.answer = Some(answer);
        }
    });
}
