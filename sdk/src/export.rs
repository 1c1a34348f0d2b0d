//! What makes a dynamic library out of a crate that registers backends (feature `cdylib`).
//!
//! The symbol `tbengine_plugin_v2` is defined here, once, and never by the macro: two functions of one
//! name would be linked without a word. It serves every [`Registration`](crate::Registration) of its own library.
//!
//! A library has its own copy of tokio, of tracing and of the panic hook, so it brings its own runtime
//! of one thread and forwards records and panics to the host. No panic leaves a function.

#![expect(unsafe_code, reason = "this is the plugin's side of the C interface")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::abi::{self, Bytes, HostV2, Instance, Opened, PluginV2, Status};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{self, Subject};
use crate::wire;

mod forward;

/// The host's table, as the plugin uses it: the pointer that was lent and no reference, so that the host
/// gets back just what it gave.
#[derive(Clone, Copy)]
struct Host(*const HostV2);

// SAFETY: the table stays for the life of the process and is never changed, and its functions may be called
// from any thread; the header promises all of that.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

static HOST: OnceLock<Host> = OnceLock::new();

impl Host {
    fn complete(self, call: u64, status: Status, body: &[u8]) {
        // SAFETY: the host's table is valid until the process ends.
        if let Some(complete) = unsafe { (*self.0).complete } {
            // SAFETY: it is the table's own function, and the body is valid until this returns.
            unsafe { complete(self.0, call, status, Bytes::of(body)) };
        }
    }

    fn log(self, level: u32, target: &str, message: &str, fields: &str) {
        // SAFETY: the host's table is valid until the process ends.
        if let Some(log) = unsafe { (*self.0).log } {
            let [target, message, fields] =
                [target, message, fields].map(|text| Bytes::of(text.as_bytes()));
            // SAFETY: it is the table's own function, and the texts are valid until this returns.
            unsafe { log(self.0, level, target, message, fields) };
        }
    }

    fn log_level(self) -> u32 {
        // SAFETY: the host's table is valid until the process ends.
        let log_level = unsafe { (*self.0).log_level };
        // SAFETY: it is the table's own function.
        log_level.map_or(0, |log_level| unsafe { log_level(self.0) })
    }
}

/// The only symbol: hands the two tables over.
///
/// # Safety
/// `host` is null or points to a table that is valid until the process ends, as the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tbengine_plugin_v2(host: *const HostV2) -> *const PluginV2 {
    catch_unwind(|| {
        if host.is_null() || !host.is_aligned() {
            return std::ptr::null();
        }
        // SAFETY: the caller vouches for the pointer. A reference would claim the whole table, and the size
        // may be all there is of it.
        if unsafe { (&raw const (*host).size).read() } < size_of::<HostV2>() {
            return std::ptr::null();
        }
        let mut first = false;
        let known = *HOST.get_or_init(|| {
            first = true;
            Host(host)
        });
        if first {
            forward::start(known);
        } else if !std::ptr::eq(known.0, host) {
            // It would wait for answers that go to the first one.
            return std::ptr::null();
        }
        std::ptr::from_ref(table())
    })
    .unwrap_or(std::ptr::null())
}

fn table() -> &'static PluginV2 {
    static TABLE: OnceLock<PluginV2> = OnceLock::new();
    static DESCRIPTOR: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let descriptor = DESCRIPTOR.get_or_init(|| wire::encode(&plugin::descriptor()));
        PluginV2 {
            size: size_of::<PluginV2>(),
            descriptor: Bytes::of(descriptor),
            open: Some(open),
            call: Some(call),
            cancel: Some(cancel),
            close: Some(close),
        }
    })
}

/// What is behind a `tbe_instance`.
struct Open {
    subject: Subject,
    /// The requests under way. Locked while one is started, so that none ends before it is in here.
    calls: Mutex<HashMap<u64, AbortHandle>>,
}

unsafe extern "C" fn open(
    request: Bytes,
    context: *mut c_void,
    opened: Option<Opened>,
) -> *mut Instance {
    // SAFETY: the host lends the request until this returns.
    let request = unsafe { request.read() };
    let outcome = contained("open", || open_instance(request));
    let (instance, status, body) = match outcome {
        Ok((instance, opened)) => {
            let instance = Arc::into_raw(instance).cast_mut().cast::<Instance>();
            (instance, abi::OK, wire::encode(&opened))
        }
        Err(error) => {
            let (status, body) = failure(&error);
            (std::ptr::null_mut(), status, body)
        }
    };
    if let Some(opened) = opened {
        // SAFETY: the host gave the function and its context for this one call.
        unsafe { opened(context, status, Bytes::of(&body)) };
    }
    instance
}

fn open_instance(request: &[u8]) -> Result<(Arc<Open>, wire::Opened)> {
    let request: wire::Open = wire::decode("open", request)?;
    let runtime = runtime()?;
    // Backends may begin connections or timers while they are opened.
    let _within = runtime.enter();
    let subject = Subject::open(request)?;
    let opened = wire::Opened {
        capabilities: subject.backend.capabilities(),
    };
    let open = Open {
        subject,
        calls: Mutex::default(),
    };
    Ok((Arc::new(open), opened))
}

/// One thread of the plugin's own, started with the first backend and never joined.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("tbengine-plugin")
                .enable_all()
                .build()
                .map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the plugin's runtime does not start: {error}"),
            )
        })
}

unsafe extern "C" fn call(
    instance: *mut Instance,
    call: u64,
    method: Bytes,
    request: Bytes,
    deadline_ms: u64,
) {
    let Some(&host) = HOST.get() else { return };
    let owed = Owed {
        host,
        call: Some(call),
    };
    if instance.is_null() {
        return owed.fail(&Error::new(ErrorKind::Invalid, "the instance is null"));
    }
    // SAFETY: it came from `Arc::into_raw` in `open`, and the host closes it only after this returned.
    let open = unsafe {
        Arc::increment_strong_count(instance.cast::<Open>());
        Arc::from_raw(instance.cast::<Open>())
    };
    // SAFETY: the host lends both until this returns.
    let (method, request) = unsafe { (method.read(), request.read()) };
    let work = match contained("a request", || open.subject.prepare(method, request)) {
        Ok(work) => work,
        Err(error) => return owed.fail(&error),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return owed.fail(&error),
    };
    let mut calls = open.calls.lock().unwrap_or_else(PoisonError::into_inner);
    let inside = open.clone();
    let task = runtime.spawn(async move {
        // Named here so that it goes along, and answers even if the task is cancelled before it begins.
        let owed = owed;
        let answer = bounded(work, deadline_ms).await;
        inside
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&call);
        match answer {
            Ok(body) => owed.answer(abi::OK, &body),
            Err(error) => owed.fail(&error),
        }
    });
    calls.insert(call, task.abort_handle());
}

/// Waits for an answer as long as the host does, and turns a panic into an error.
async fn bounded(work: wire::Work, deadline_ms: u64) -> Result<Vec<u8>> {
    let work = Contained(work);
    if deadline_ms == 0 {
        return work.await;
    }
    tokio::time::timeout(Duration::from_millis(deadline_ms), work)
        .await
        .unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Transient,
                format!("no answer within {deadline_ms} ms; its effect is unknown"),
            ))
        })
}

/// A future whose panics are answers.
struct Contained(wire::Work);

impl Future for Contained {
    type Output = Result<Vec<u8>>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)))
            .unwrap_or_else(|panic| std::task::Poll::Ready(Err(panicked("a call", &*panic))))
    }
}

unsafe extern "C" fn cancel(instance: *mut Instance, call: u64) {
    if instance.is_null() {
        return;
    }
    // SAFETY: it came from `Arc::into_raw` in `open`, and the host closes it only after this returned.
    let open = unsafe { &*instance.cast::<Open>() };
    let task = open
        .calls
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&call);
    if let Some(task) = task {
        task.abort();
    }
}

unsafe extern "C" fn close(instance: *mut Instance) {
    if instance.is_null() {
        return;
    }
    // SAFETY: it came from `Arc::into_raw` in `open`, and the host gives it back once.
    let open = unsafe { Arc::from_raw(instance.cast::<Open>()) };
    // A backend's own code runs when it is dropped. What it panics with was forwarded by the hook.
    catch_unwind(AssertUnwindSafe(move || drop(open))).ok();
}

/// An answer that is owed. One that is dropped says that the call was cancelled.
struct Owed {
    host: Host,
    call: Option<u64>,
}

impl Owed {
    fn answer(mut self, status: Status, body: &[u8]) {
        if let Some(call) = self.call.take() {
            self.host.complete(call, status, body);
        }
    }

    fn fail(self, error: &Error) {
        let (status, body) = failure(error);
        self.answer(status, &body);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.host.complete(call, abi::CANCELLED, b"");
        }
    }
}

fn failure(error: &Error) -> (Status, Vec<u8>) {
    (
        abi::status_of(error.kind),
        wire::encode(&wire::Failure::from(error)),
    )
}

fn contained<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(what, &*panic)))
}

fn panicked(what: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(
        ErrorKind::Internal,
        format!("the backend panicked during {what}: {text}"),
    )
}
