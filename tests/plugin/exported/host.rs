//! A host that is a table and a notebook. All that it lends is gone as soon as it may be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tbengine_sdk::abi::{Bytes, HostV2, Instance, PluginV2, Status};
use tbengine_sdk::export::tbengine_plugin_v2;

/// Longer than any answer takes. Under Miri time goes by the work that is done.
const TIMEOUT: Duration = Duration::from_secs(if cfg!(miri) { 100_000 } else { 60 });

/// What the plugin told.
#[derive(Default)]
struct Notes {
    answers: Vec<(u64, Status, Vec<u8>)>,
    records: Vec<String>,
}

static NOTES: Mutex<Notes> = Mutex::new(Notes {
    answers: Vec::new(),
    records: Vec::new(),
});
static NOTED: Condvar = Condvar::new();

type Work = Box<dyn FnOnce() + Send>;

/// What is done from within an answer, on the plugin's stack, by the number of the request.
static WITHIN: Mutex<Vec<(u64, Work)>> = Mutex::new(Vec::new());

/// The table that is lent.
pub(crate) static HOST: HostV2 = HostV2 {
    size: size_of::<HostV2>(),
    complete: Some(complete),
    log: Some(log),
    log_level: Some(log_level),
};

fn notes() -> MutexGuard<'static, Notes> {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn complete(host: *const HostV2, call: u64, status: Status, body: Bytes) {
    assert!(std::ptr::eq(host, &raw const HOST));
    // SAFETY: the plugin lends the body until this returns.
    let body = unsafe { body.read() }.to_vec();
    let mut within = WITHIN.lock().unwrap_or_else(PoisonError::into_inner);
    let at = within.iter().position(|(number, _)| *number == call);
    let work = at.map(|at| within.remove(at).1);
    drop(within);
    if let Some(work) = work {
        work();
    }
    notes().answers.push((call, status, body));
    NOTED.notify_all();
}

#[expect(
    clippy::print_stderr,
    reason = "a test that fails has to say why, and its panics come this way"
)]
unsafe extern "C" fn log(
    host: *const HostV2,
    level: u32,
    target: Bytes,
    message: Bytes,
    fields: Bytes,
) {
    assert!(std::ptr::eq(host, &raw const HOST));
    // SAFETY: the plugin lends the texts until this returns.
    let texts = unsafe { [target.read(), message.read(), fields.read()] };
    let [target, message, fields] = texts.map(String::from_utf8_lossy);
    let record = format!("{level} {target}: {message} {fields}");
    // The plugin forwards every panic of this program, also that of a test which fails.
    eprintln!("{record}");
    notes().records.push(record);
    NOTED.notify_all();
}

unsafe extern "C" fn log_level(host: *const HostV2) -> u32 {
    assert!(std::ptr::eq(host, &raw const HOST));
    3
}

/// The plugin's table.
pub(crate) fn plugin() -> &'static PluginV2 {
    static PLUGIN: LazyLock<&PluginV2> = LazyLock::new(|| {
        // SAFETY: both tables stay for the life of the process.
        unsafe { tbengine_plugin_v2(&raw const HOST).as_ref() }.expect("it takes this host")
    });
    &PLUGIN
}

/// Waits until the notebook holds something.
fn noted<T>(what: &str, find: impl Fn(&Notes) -> Option<T>) -> T {
    let (notes, _) = NOTED
        .wait_timeout_while(notes(), TIMEOUT, |notes| find(notes).is_none())
        .unwrap_or_else(PoisonError::into_inner);
    find(&notes).unwrap_or_else(|| panic!("never: {what}"))
}

/// Waits for a record of the log with this part.
pub(crate) fn record(part: &str) -> String {
    noted(part, |notes| {
        let found = notes.records.iter().find(|record| record.contains(part));
        found.cloned()
    })
}

/// Waits for the answer to a request.
pub(crate) fn answer(call: u64) -> (Status, Value) {
    let (status, body) = noted("an answer", |notes| {
        let found = notes.answers.iter().find(|(number, ..)| *number == call);
        found.map(|(_, status, body)| (*status, body.clone()))
    });
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// How often a request was answered until now.
pub(crate) fn answers(call: u64) -> usize {
    let notes = notes();
    notes.answers.iter().filter(|one| one.0 == call).count()
}

/// Does something from within the answer to a request.
pub(crate) fn within_answer(call: u64, work: impl FnOnce() + Send + 'static) {
    WITHIN.lock().unwrap().push((call, Box::new(work)));
}

/// A number for a request.
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What `open` said: how often, and the last of it.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) count: u32,
    pub(crate) status: Status,
    pub(crate) body: Value,
}

unsafe extern "C" fn opened(context: *mut std::ffi::c_void, status: Status, body: Bytes) {
    // SAFETY: `open_bytes` lends it until `open` returns.
    let said = unsafe { &mut *context.cast::<Said>() };
    // SAFETY: the plugin lends the body until this returns.
    let body = unsafe { body.read() };
    *said = Said {
        count: said.count + 1,
        status,
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
    };
}

/// An open instance. It is closed by [`Open::close`] alone.
#[derive(Clone, Copy)]
pub(crate) struct Open(*mut Instance);

// SAFETY: the header lets `call` and `cancel` be called from many threads at once.
unsafe impl Send for Open {}
// SAFETY: as above.
unsafe impl Sync for Open {}

/// Opens with any bytes.
pub(crate) fn open_bytes(request: Bytes) -> (Option<Open>, Said) {
    let mut said = Said::default();
    let open = plugin().open.expect("it has the function");
    // SAFETY: the request and the place for what is said outlive the call.
    let raw = unsafe { open(request, (&raw mut said).cast(), Some(opened)) };
    ((!raw.is_null()).then_some(Open(raw)), said)
}

/// The document that opens the rough backend.
pub(crate) fn opening(config: &Value) -> Box<[u8]> {
    let document = json!({
        "kind": "rough", "name": "here", "now": "2027-01-15T08:00:00Z", "config": config,
        "environment": {},
    });
    document.to_string().into_bytes().into()
}

/// Opens the rough backend.
pub(crate) fn open(config: &Value) -> Open {
    let document = opening(config);
    let (open, said) = open_bytes(Bytes::of(&document));
    drop(document);
    assert_eq!((said.count, said.status), (1, 0), "{}", said.body);
    open.expect("it opens")
}

impl Open {
    /// Nothing, where an instance is asked for.
    pub(crate) const NULL: Self = Self(std::ptr::null_mut());

    /// The pointer.
    pub(crate) fn raw(self) -> *mut Instance {
        self.0
    }

    /// Begins a request, which it gives the number of.
    pub(crate) fn begin(self, method: &[u8], request: &[u8], deadline_ms: u64) -> u64 {
        let call = number();
        self.begin_as(call, method, request, deadline_ms);
        call
    }

    /// Begins a request under a number.
    pub(crate) fn begin_as(self, call: u64, method: &[u8], request: &[u8], deadline_ms: u64) {
        let (method, request): (Box<[u8]>, Box<[u8]>) = (method.into(), request.into());
        let begin = plugin().call.expect("it has the function");
        // SAFETY: the instance is open or null, and both texts outlive the call, if only just.
        unsafe {
            begin(
                self.0,
                call,
                Bytes::of(&method),
                Bytes::of(&request),
                deadline_ms,
            );
        }
    }

    /// Begins a request and waits for its answer.
    pub(crate) fn ask(self, method: &str, request: &Value) -> (Status, Value) {
        answer(self.begin(method.as_bytes(), request.to_string().as_bytes(), 0))
    }

    /// Asks for an early end.
    pub(crate) fn cancel(self, call: u64) {
        // SAFETY: the instance is open or null.
        unsafe { plugin().cancel.expect("it has the function")(self.0, call) };
    }

    /// Gives the instance back.
    pub(crate) fn close(self) {
        // SAFETY: it was opened once and is closed once, and nothing is under way; or it is null.
        unsafe { plugin().close.expect("it has the function")(self.0) };
    }
}
