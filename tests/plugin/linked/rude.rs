//! A plugin that breaks the rules as its configuration says, through the table and without the sdk's side of
//! it. Whatever it lends is gone as soon as the header allows.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tbengine_sdk::abi::{self, Bytes, HostV2, Instance, Opened, PluginV2, Status};
use tbengine_sdk::wire::MAX_BODY;

/// How many plugins there are, each with a host's table of its own.
const COUNT: usize = 16;

/// The table that a plugin was lent, and what became of its instances.
struct Plugin {
    host: AtomicPtr<HostV2>,
    closed: AtomicUsize,
    /// Requests that are not answered yet.
    owed: Mutex<Vec<u64>>,
    /// What was not said about openings in time.
    unsaid: Mutex<Vec<(Opened, AtomicPtr<c_void>)>>,
}

static PLUGINS: [Plugin; COUNT] = [const {
    Plugin {
        host: AtomicPtr::new(std::ptr::null_mut()),
        closed: AtomicUsize::new(0),
        owed: Mutex::new(Vec::new()),
        unsaid: Mutex::new(Vec::new()),
    }
}; COUNT];

/// What is behind a `tbe_instance`.
struct Rude {
    mode: String,
}

const DESCRIPTOR: &str = r#"{"name":"rude","version":"1","protocol":2,"kinds":[{"kind":"rude","about":"breaks rules"}]}"#;
const OPENED: &str = r#"{"capabilities":{"kinds":[{"kind":"sandbox","class":"compute","about":"a sandbox","runs":true,"can":{"stop":true}}],"concurrency":4}}"#;
const PAGE: &str = r#"{"resources":[]}"#;
const ACCOUNT: &str = r#"{"id":"rude","description":"answered"}"#;

/// The symbol of one of the plugins.
pub(super) unsafe extern "C" fn entry<const N: usize>(host: *const HostV2) -> *const PluginV2 {
    static TABLES: [OnceLock<PluginV2>; COUNT] = [const { OnceLock::new() }; COUNT];
    // SAFETY: the host's table is valid until the process ends. A plugin in Rust may well keep a reference
    // to it, and so give back a pointer that reaches no further than the table.
    let host = unsafe { &*host };
    PLUGINS[N]
        .host
        .store(std::ptr::from_ref(host).cast_mut(), Ordering::SeqCst);
    TABLES[N].get_or_init(|| PluginV2 {
        size: size_of::<PluginV2>(),
        descriptor: Bytes::of(DESCRIPTOR.as_bytes()),
        open: Some(open::<N>),
        call: Some(call::<N>),
        cancel: Some(cancel::<N>),
        close: Some(close::<N>),
    })
}

/// How many instances of a plugin were closed.
pub(super) fn closed<const N: usize>() -> usize {
    PLUGINS[N].closed.load(Ordering::SeqCst)
}

/// How many requests of a plugin are not answered yet.
pub(super) fn owed<const N: usize>() -> usize {
    lock(&PLUGINS[N].owed).len()
}

/// Answers all that is owed.
pub(super) fn pay<const N: usize>() {
    for call in std::mem::take(&mut *lock(&PLUGINS[N].owed)) {
        complete::<N>(call, abi::OK, PAGE);
    }
}

/// Says what should have been said while the backend was opened.
pub(super) fn say_late<const N: usize>() {
    for (opened, context) in std::mem::take(&mut *lock(&PLUGINS[N].unsaid)) {
        let text = Box::<str>::from(OPENED);
        // SAFETY: the text outlives the call. The context is what was given, and its time has passed.
        unsafe { opened(context.into_inner(), abi::OK, Bytes::of(text.as_bytes())) };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers with a body that is gone at once.
fn complete<const N: usize>(call: u64, status: Status, body: &str) {
    let body = Box::<str>::from(body);
    complete_bytes::<N>(call, status, Bytes::of(body.as_bytes()));
}

fn complete_bytes<const N: usize>(call: u64, status: Status, body: Bytes) {
    let host = PLUGINS[N].host.load(Ordering::SeqCst).cast_const();
    // SAFETY: the host's table is valid until the process ends.
    let complete = unsafe { (*host).complete }.expect("the host has the function");
    // SAFETY: the body outlives the call, or the host must not read it.
    unsafe { complete(host, call, status, body) };
}

/// Tells the host something with a pointer that is not its table.
fn answer_elsewhere<const N: usize>(call: u64) {
    let host = PLUGINS[N].host.load(Ordering::SeqCst).cast_const();
    let copy = Box::new(HostV2 {
        size: size_of::<HostV2>(),
        complete: None,
        log: None,
        log_level: None,
    });
    for wrong in [
        std::ptr::null(),
        std::ptr::without_provenance(0x1000),
        std::ptr::from_ref(&*copy),
    ] {
        let text = Bytes::of(b"elsewhere");
        // SAFETY: the functions are the host's own, and the text is static.
        unsafe {
            (*host).complete.expect("the host has it")(wrong, call, abi::OK, text);
            (*host).log.expect("the host has it")(wrong, 1, text, text, text);
        }
    }
}

unsafe extern "C" fn open<const N: usize>(
    request: Bytes,
    context: *mut c_void,
    opened: Option<Opened>,
) -> *mut Instance {
    // SAFETY: the host lends the request until this returns.
    let request: Value = serde_json::from_slice(unsafe { request.read() }).unwrap_or_default();
    let mode = request["config"]["mode"].as_str().unwrap_or("").to_owned();
    let opened = opened.expect("the host has the function");
    let say = |status, text: &str| {
        let text = Box::<str>::from(text);
        // SAFETY: the text outlives the call, and the context is given back while it may be.
        unsafe { opened(context, status, Bytes::of(text.as_bytes())) };
    };
    match mode.as_str() {
        "open-silent" => {}
        "open-late" => lock(&PLUGINS[N].unsaid).push((opened, AtomicPtr::new(context))),
        "open-failed-with-instance" => {
            say(abi::status_of(tbengine_sdk::ErrorKind::Denied), "no key");
        }
        "open-nothing" => {
            say(abi::OK, OPENED);
            return std::ptr::null_mut();
        }
        "open-twice" => {
            say(abi::OK, OPENED);
            say(abi::OK, OPENED);
        }
        "open-huge" => {
            let huge = Bytes {
                ptr: std::ptr::dangling(),
                len: MAX_BODY + 1,
            };
            // SAFETY: the host must not read what is longer than it allows.
            unsafe { opened(context, abi::OK, huge) };
        }
        "open-garbage" => say(abi::OK, "certainly"),
        _ => say(abi::OK, OPENED),
    }
    Box::into_raw(Box::new(Rude { mode })).cast()
}

unsafe extern "C" fn call<const N: usize>(
    instance: *mut Instance,
    call: u64,
    method: Bytes,
    request: Bytes,
    _: u64,
) {
    // SAFETY: it came from `open`, and the host closes it only after this returned.
    let rude = unsafe { &*instance.cast::<Rude>() };
    // SAFETY: the host lends both until this returns. Every byte is looked at, as a parser does.
    let (method, request) = unsafe { (method.read(), request.read()) };
    assert!(request.is_ascii());
    if method == b"check" {
        return complete::<N>(call, abi::OK, ACCOUNT);
    }
    match rude.mode.as_str() {
        "double" => {
            complete::<N>(call, abi::OK, PAGE);
            complete::<N>(call, abi::OK, PAGE);
        }
        "invented" => {
            complete::<N>(call + 1_000_000, abi::OK, PAGE);
            complete::<N>(call, abi::OK, PAGE);
        }
        "elsewhere" => {
            answer_elsewhere::<N>(call);
            complete::<N>(call, abi::OK, PAGE);
        }
        "owes" | "answers-when-cancelled" | "answers-twice-when-cancelled" => {
            lock(&PLUGINS[N].owed).push(call);
        }
        "other-thread" => {
            let other = std::thread::spawn(move || complete::<N>(call, abi::OK, PAGE));
            other.join().expect("it answers");
        }
        "null" => complete_bytes::<N>(
            call,
            abi::OK,
            Bytes {
                len: 5,
                ..Bytes::EMPTY
            },
        ),
        "empty" => complete::<N>(call, abi::OK, ""),
        "huge" => {
            let ptr = std::ptr::dangling();
            complete_bytes::<N>(
                call,
                abi::OK,
                Bytes {
                    ptr,
                    len: MAX_BODY + 1,
                },
            );
        }
        "garbage" => complete::<N>(call, abi::OK, "certainly"),
        "odd-status" => complete::<N>(call, 4711, "odd"),
        _ => complete::<N>(call, abi::OK, PAGE),
    }
}

unsafe extern "C" fn cancel<const N: usize>(instance: *mut Instance, call: u64) {
    // SAFETY: it came from `open`, and the host closes it only after this returned.
    let rude = unsafe { &*instance.cast::<Rude>() };
    let times = match rude.mode.as_str() {
        "answers-when-cancelled" => 1,
        "answers-twice-when-cancelled" => 2,
        _ => return,
    };
    lock(&PLUGINS[N].owed).retain(|owed| *owed != call);
    for _ in 0..times {
        complete::<N>(call, abi::CANCELLED, "");
    }
}

unsafe extern "C" fn close<const N: usize>(instance: *mut Instance) {
    // SAFETY: it came from `open`, and the host gives it back once.
    drop(unsafe { Box::from_raw(instance.cast::<Rude>()) });
    PLUGINS[N].closed.fetch_add(1, Ordering::SeqCst);
}
