//! Plugins that are dynamic libraries: the host's side of the C interface.
//!
//! A library is loaded once per process and never unloaded, because its threads and destructors would
//! outlive it. What a plugin gives back is looked up and never followed: a request and an opening are numbers,
//! and the host's table is compared with those that were lent. So a late, double or invented answer is counted
//! and harmless. The table of requests keeps the instance until the answer comes, and only the keeper, a thread
//! of this side, cancels and closes: so nothing here runs on the plugin's stack.

#![expect(unsafe_code, reason = "this is the host's side of the C interface")]

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use tbengine_sdk::abi::{self, Bytes, Entry, HostV1, Instance, PluginV1, Status};
use tbengine_sdk::wire::{self, Descriptor, Failure, MAX_BODY, Opened};
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, oneshot};

use super::plugins::{Plugin, PluginError, Timeouts, told};
use super::remote::{self, Channel};
use super::trust::Vetted;

/// How many threads one backend may hold up with calls that have not returned yet.
const THREADS: usize = 64;
/// How many stray answers are logged one by one.
const LOGGED_STRAYS: u64 = 10;

/// A library that is loaded.
#[derive(Debug)]
pub(crate) struct Library {
    table: &'static PluginV1,
    entry: Entry,
    lent: &'static Lent,
    sha256: String,
    pub(crate) descriptor: Descriptor,
}

/// The host's table with what is behind it.
#[derive(Debug)]
struct Lent {
    /// What the plugin sees.
    table: HostV1,
    /// The name for the log.
    plugin: String,
    pending: Mutex<HashMap<u64, Pending>>,
    /// The number of the next request; process-wide numbers are not needed, since each plugin has a table.
    next: AtomicU64,
    strays: AtomicU64,
    keeper: Mutex<mpsc::Sender<Chore>>,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Pending {
    answer: oneshot::Sender<(Status, Vec<u8>)>,
    /// Keeps the instance open until the answer comes, whether or not anybody still waits for it.
    instance: Arc<Handle>,
    /// Whether the plugin was given it.
    begun: bool,
    /// Whether nobody waits any more.
    given_up: bool,
}

/// What the keeper does, apart from every thread of the plugin and of the engine.
enum Chore {
    Cancel(Arc<Handle>, u64),
    Close(Closing),
}

struct Closing {
    table: &'static PluginV1,
    raw: *mut Instance,
}

// SAFETY: the header lets the functions of a table be called from any thread.
unsafe impl Send for Closing {}

/// An open instance. Dropping it only hands it to the keeper.
#[derive(Debug)]
struct Handle {
    library: &'static Library,
    raw: *mut Instance,
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
        self.library.lent.chore(Chore::Close(closing));
    }
}

/// Every table that was lent in this process.
static LENT: RwLock<Vec<&'static Lent>> = RwLock::new(Vec::new());

impl Lent {
    /// The table that a plugin gave back. The pointer is compared and never followed: a plugin can give
    /// anything back, and a reference in Rust to the table reaches no further than the table.
    fn of(host: *const HostV1) -> Option<&'static Lent> {
        let all = LENT.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |lent: &&Lent| std::ptr::eq(&raw const lent.table, host);
        all.iter().copied().find(is_it)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chore(&self, chore: Chore) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        // It fails only if the keeper's thread could not be started; then nothing is cancelled or closed.
        keeper.send(chore).ok();
    }

    fn stray(&self, call: u64) {
        let count = self.strays.fetch_add(1, Ordering::Relaxed);
        if count < LOGGED_STRAYS {
            tracing::warn!(target: "tbengine::plugin", plugin = %self.plugin, call,
                "an answer that nobody asked for, or the second to one request; it is ignored");
        }
    }
}

/// Runs a function of the host that the plugin calls: a panic of ours must not unwind into it.
fn guarded(work: impl FnOnce()) {
    catch_unwind(AssertUnwindSafe(work)).ok();
}

unsafe extern "C" fn complete(host: *const HostV1, call: u64, status: Status, body: Bytes) {
    guarded(|| {
        let Some(lent) = Lent::of(host) else { return };
        let Some(pending) = lent.lock().remove(&call) else {
            return lent.stray(call);
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
unsafe fn copied(status: Status, body: Bytes) -> (Status, Vec<u8>) {
    if body.len > MAX_BODY {
        let failure = Failure {
            message: format!(
                "the plugin answered with {} MiB, and {} MiB are allowed",
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
    host: *const HostV1,
    level: u32,
    target: Bytes,
    message: Bytes,
    fields: Bytes,
) {
    guarded(|| {
        let Some(lent) = Lent::of(host) else { return };
        // SAFETY: the plugin lends the texts until this returns.
        let [target, message, fields] = unsafe { [target.read(), message.read(), fields.read()] };
        told(&lent.plugin, level, target, message, fields);
    });
}

unsafe extern "C" fn log_level(_: *const HostV1) -> u32 {
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

/// What is loaded in this process, by device and number of the file.
static LOADED: Mutex<Vec<((u64, u64), &'static Library)>> = Mutex::new(Vec::new());

/// Loads a library that may be run. The same file is loaded once, however often it is asked for.
pub(crate) fn load(
    name: &str,
    vetted: Vetted,
) -> std::result::Result<&'static Library, PluginError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = file_key(&vetted);
    if let Some((_, library)) = loaded.iter().find(|(known, _)| *known == key) {
        if library.sha256 == vetted.sha256 {
            return Ok(library);
        }
        return Err(PluginError::Changed {
            name: name.to_owned(),
            path: vetted.path,
        });
    }
    let library: &'static Library = Box::leak(Box::new(load_first(name, vetted)?));
    loaded.push((key, library));
    Ok(library)
}

#[cfg(unix)]
fn file_key(vetted: &Vetted) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    vetted
        .file
        .metadata()
        .map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_key(vetted: &Vetted) -> (u64, u64) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    vetted.path.hash(&mut hasher);
    (0, hasher.finish())
}

fn load_first(name: &str, vetted: Vetted) -> std::result::Result<Library, PluginError> {
    let Vetted { path, file, sha256 } = vetted;
    let loadable = loadable(&path, &file);
    // The number of the descriptor names the library to the loader, which takes a name that it knows for
    // the same library without a look. So the number must never be used again, whatever comes of this.
    std::mem::forget(file);
    let entry = find_entry(name, &path, &loadable)?;
    // SAFETY: the header gives the symbol these duties. Calling it is trusting the plugin, which the checks
    // before were for.
    unsafe { exchange(name, &path, entry, sha256) }
}

impl Plugin {
    /// A plugin in C, or in anything else that has its interface, whose code is linked into this program
    /// and not loaded from a file: for a static program, which cannot load any, and for checkers of memory
    /// that look at one program. Its path and its digest are empty.
    ///
    /// # Errors
    /// [`PluginError`] if it refuses this host or does not say properly what it is.
    ///
    /// # Safety
    /// `entry`, and the table that it returns, behave as `tbengine_plugin.h` demands.
    pub unsafe fn linked(
        name: &str,
        entry: Entry,
        timeouts: Timeouts,
    ) -> std::result::Result<Self, PluginError> {
        // SAFETY: the caller vouches for it.
        let library = unsafe { exchange(name, Path::new(""), entry, String::new()) }?;
        let library = Box::leak(Box::new(library));
        Ok(Self::of_library(name, library, timeouts))
    }
}

/// A path that leads to the very file that was looked at, even if another one has taken its place.
#[cfg(target_os = "linux")]
fn loadable(_: &Path, file: &std::fs::File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(not(target_os = "linux"))]
fn loadable(path: &Path, _: &std::fs::File) -> PathBuf {
    path.to_owned()
}

fn lend(name: &str, path: &Path) -> std::result::Result<&'static Lent, PluginError> {
    let (keeper, chores) = mpsc::channel();
    std::thread::Builder::new()
        .name(format!("keeper-{name}"))
        .spawn(move || keep(&chores))
        .map_err(|source| PluginError::Load {
            name: name.to_owned(),
            path: path.to_owned(),
            reason: format!("no thread can be started: {source}"),
        })?;
    let lent: &'static Lent = Box::leak(Box::new(Lent {
        table: HostV1 {
            size: size_of::<HostV1>(),
            complete: Some(complete),
            log: Some(log),
            log_level: Some(log_level),
        },
        plugin: name.to_owned(),
        pending: Mutex::default(),
        next: AtomicU64::new(1),
        strays: AtomicU64::new(0),
        keeper: Mutex::new(keeper),
    }));
    let mut all = LENT.write().unwrap_or_else(PoisonError::into_inner);
    all.push(lent);
    Ok(lent)
}

fn keep(chores: &mpsc::Receiver<Chore>) {
    for chore in chores {
        match chore {
            Chore::Cancel(handle, call) => {
                if let Some(cancel) = handle.library.table.cancel {
                    // SAFETY: the handle keeps the instance open.
                    unsafe { cancel(handle.raw, call) };
                }
            }
            Chore::Close(Closing { table, raw }) => {
                if let Some(close) = table.close {
                    // SAFETY: it was the last handle, so no request and no function is under way.
                    unsafe { close(raw) };
                }
            }
        }
    }
}

/// Loads the file and looks for the one symbol. The library stays whatever comes of it.
fn find_entry(name: &str, path: &Path, loadable: &Path) -> std::result::Result<Entry, PluginError> {
    let library = open_library(loadable).map_err(|error| PluginError::Load {
        name: name.to_owned(),
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let library = ManuallyDrop::new(library);
    // SAFETY: the header gives the symbol this type.
    if let Ok(entry) = unsafe { library.get::<Entry>(abi::ENTRY.as_bytes()) } {
        return Ok(*entry);
    }
    // A library of a later version says at least that.
    let later = (2..10).find(|version| {
        let symbol = format!("tbengine_plugin_v{version}");
        // SAFETY: the symbol is looked for and never used.
        unsafe { library.get::<*const c_void>(symbol.as_bytes()) }.is_ok()
    });
    let (name, path) = (name.to_owned(), path.to_owned());
    Err(match later {
        Some(version) => PluginError::Version {
            name,
            path,
            plugin: format!("version {version} of the C interface"),
        },
        None => PluginError::NotAPlugin { name, path },
    })
}

/// Lets the two sides exchange their tables.
///
/// # Safety
/// `entry`, and the table that it returns, behave as the header demands.
unsafe fn exchange(
    name: &str,
    path: &Path,
    entry: Entry,
    sha256: String,
) -> std::result::Result<Library, PluginError> {
    let failed = |reason: String| PluginError::Load {
        name: name.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let lent = lend(name, path)?;
    // SAFETY: the caller vouches for the function, and the host's table is valid until the process ends.
    let table = unsafe { entry(&raw const lent.table) };
    if table.is_null() {
        return Err(PluginError::RefusedHost {
            name: name.to_owned(),
            path: path.to_owned(),
        });
    }
    if !table.is_aligned() {
        return Err(failed("its table is not aligned".into()));
    }
    // SAFETY: a table has at least its size.
    let size = unsafe { (&raw const (*table).size).read() };
    if size < size_of::<PluginV1>() {
        return Err(failed(format!(
            "its table has {size} bytes, and version 1 of the interface has {}: it was built with an unfinished header",
            size_of::<PluginV1>()
        )));
    }
    // SAFETY: the size covers the whole table, which is valid until the process ends and never changed.
    let table = unsafe { &*table };
    if table.open.is_none()
        || table.call.is_none()
        || table.cancel.is_none()
        || table.close.is_none()
    {
        return Err(failed("its table lacks a function".into()));
    }
    // SAFETY: the descriptor is static, as the header demands, and its length was given with it.
    let bytes = unsafe { table.descriptor.read() };
    Ok(Library {
        table,
        entry,
        lent,
        sha256,
        descriptor: super::plugins::descriptor(name, path, bytes)?,
    })
}

#[cfg(unix)]
fn open_library(
    path: &Path,
) -> std::result::Result<libloading::os::unix::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const RTLD_NODELETE: std::ffi::c_int = 0x1000;
    #[cfg(target_vendor = "apple")]
    const RTLD_NODELETE: std::ffi::c_int = 0x80;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const RTLD_NODELETE: std::ffi::c_int = 0;
    // SAFETY: loading runs the constructors of the library; whether it may was decided before.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
}

#[cfg(not(unix))]
fn open_library(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    // SAFETY: loading runs the constructors of the library; whether it may was decided before.
    unsafe { libloading::Library::new(path) }
}

/// One open backend of a library.
pub(crate) struct LibraryChannel {
    handle: Arc<Handle>,
    threads: Arc<Semaphore>,
    timeout: Duration,
    /// Whether a call without an answer was told already.
    told: AtomicBool,
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
                format!("no thread can be started: {error}"),
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
        let channel = LibraryChannel {
            handle: Arc::new(handle),
            threads: Arc::new(Semaphore::new(THREADS)),
            timeout: timeouts.call,
            told: AtomicBool::new(false),
        };
        Ok((channel, remote::answer("open", &body)?))
    }

    fn open_here(&'static self, request: &[u8]) -> Result<(Handle, Vec<u8>)> {
        let broken = |message: &str| Error::new(ErrorKind::Internal, message);
        let Some(open) = self.table.open else {
            return Err(broken("the plugin's table lacks `open`"));
        };
        let place = Place::new();
        // SAFETY: the request outlives the call, and the context is a number that is never followed.
        let raw = unsafe { open(Bytes::of(request), place.context(), Some(take)) };
        let taken = place.taken();
        // Lazily: a handle that is dropped closes what is behind it, and null is nothing.
        let handle = (!raw.is_null()).then(|| Handle { library: self, raw });
        match (taken.answer, handle) {
            _ if taken.count != 1 => Err(broken(
                "the plugin did not say exactly once how opening ended",
            )),
            (Some((abi::OK, body)), Some(handle)) => Ok((handle, body)),
            (Some((abi::OK, _)), None) => Err(broken("the plugin opened nothing and said it had")),
            (Some((status, body)), _) => Err(Failure::read(abi::kind_of(status), &body)),
            (None, _) => Err(broken("the plugin did not say how opening ended")),
        }
    }

    /// Whether the plugin refuses a host whose table is too small, as it has to.
    pub(crate) fn refuses_small_host(&self) -> bool {
        static SMALL: HostV1 = HostV1 {
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

/// Where one opening is told how it ended. The plugin gets its number and no address, because one that
/// speaks after `open` has returned would write into memory that is something else by then.
struct Place(usize);

impl Place {
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

/// Gives a request up if it is dropped before its answer came.
struct Waiting {
    handle: Arc<Handle>,
    call: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let lent = self.handle.library.lent;
        let cancel = match lent.lock().get_mut(&self.call) {
            None => false,
            Some(pending) => {
                pending.given_up = true;
                pending.begun
            }
        };
        if cancel {
            lent.chore(Chore::Cancel(self.handle.clone(), self.call));
        }
    }
}

/// A request on its way to a thread that may block. If it never gets there, because the host's runtime ends
/// before, nothing is owed for it.
struct Turn {
    handle: Arc<Handle>,
    call: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut pending = self.handle.library.lent.lock();
        if pending.get(&self.call).is_some_and(|entry| !entry.begun) {
            pending.remove(&self.call);
        }
    }
}

/// Hands a request to the plugin, unless it was given up meanwhile.
fn begin(turn: &Turn, method: &[u8], request: &[u8], deadline: Duration) {
    let &Turn { ref handle, call } = turn;
    let (lent, table) = (handle.library.lent, handle.library.table);
    match lent.lock().get_mut(&call) {
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
    let given_up = lent.lock().get(&call).is_some_and(|entry| entry.given_up);
    if given_up {
        lent.chore(Chore::Cancel(handle.clone(), call));
    }
}

#[async_trait]
impl Channel for LibraryChannel {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let lent = self.handle.library.lent;
        let answered = async {
            let thread = self.threads.clone().acquire_owned().await;
            let call = lent.next.fetch_add(1, Ordering::Relaxed);
            let (answer, answered) = oneshot::channel();
            let pending = Pending {
                answer,
                instance: self.handle.clone(),
                begun: false,
                given_up: false,
            };
            lent.lock().insert(call, pending);
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
                format!("the plugin gave `{}` up; what it did is unknown", method()),
            )),
            Ok(Ok((status, body))) => Err(Failure::read(abi::kind_of(status), &body)),
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::Internal,
                format!("the request `{}` was lost", method()),
            )),
            Err(_) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: "tbengine::plugin", plugin = %lent.plugin, method = method(),
                        "no answer in time; the backend stays open until the process ends");
                }
                Err(Error::new(
                    ErrorKind::Transient,
                    format!(
                        "the plugin did not answer `{}` within {}; what it did is unknown",
                        method(),
                        humantime::format_duration(self.timeout)
                    ),
                ))
            }
        }
    }

    fn strays(&self) -> u64 {
        self.handle.library.lent.strays.load(Ordering::Relaxed)
    }

    fn owed(&self) -> usize {
        let pending = self.handle.library.lent.lock();
        let ours = |entry: &&Pending| Arc::ptr_eq(&entry.instance, &self.handle);
        pending.values().filter(ours).count()
    }
}
