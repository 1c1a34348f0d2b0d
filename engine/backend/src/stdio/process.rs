//! Plugins that are programs: the same documents as lines on standard input and output.
//!
//! Each backend has a process of its own, in a process group of its own, with nothing of the environment
//! but what the configuration passes. Whatever it does, it is an error of this backend: it may hang, die,
//! write too much or nonsense, or read nothing. It is killed with its group when the backend goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::RawValue;
use tbengine_sdk::wire::{
    self, CallLine, Descriptor, Failure, Hello, HostLine, MAX_BODY, Opened, PROTOCOL, RawAnswer,
};
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use super::plugins::{self, PluginError, Timeouts, gone, told};
use super::remote::{self, Channel};

/// How often a process that died is started again.
const RESTARTS: u32 = 5;
/// How many requests in a row may go without an answer before the process counts as hung.
const UNANSWERED: u32 = 3;
/// How many answers that nobody asked for a process may write before it counts as flooding.
const STRAYS: u64 = 1000;
/// How many lines of the standard error are logged.
const LOGGED_LINES: usize = 1000;
/// How long the last words of a dead process are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The longest line of the standard error that is kept, in bytes.
const LOGGED_BYTES: u64 = 4000;

/// How to start the process of a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) plugin: String,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) timeouts: Timeouts,
}

/// Takes the answer to one request.
type Taker = Box<dyn FnOnce(Result<Vec<u8>>) + Send>;

/// A process, as the threads that read and write for it share it.
struct Process {
    plugin: String,
    group: Group,
    lines: mpsc::Sender<Vec<u8>>,
    /// The requests without an answer; `None` once the process is dead.
    pending: Mutex<Option<HashMap<u64, Taker>>>,
    /// Why it died, or what it wrote last to its standard error.
    last_words: Mutex<LastWords>,
    next: AtomicU64,
    strays: AtomicU64,
    unanswered: AtomicU32,
}

#[derive(Default)]
struct LastWords {
    verdict: Option<String>,
    line: String,
}

/// The groups that are alive, so that none stays behind when the host ends.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Kills every process of every plugin. For the end of the program, when backends may still be in use.
pub fn end_all() {
    let groups = GROUPS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    groups.into_iter().for_each(kill_group);
}

/// A process group with one plugin in it.
struct Group(i32);

impl Group {
    fn new(child: &Child) -> Self {
        let id = i32::try_from(child.id()).unwrap_or_default();
        GROUPS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id);
        Self(id)
    }

    fn kill(&self) {
        // Not after the group is gone: the number may belong to somebody else then.
        let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.contains(&self.0) {
            kill_group(self.0);
        }
    }

    fn is_gone(&self) {
        GROUPS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

#[cfg(unix)]
fn kill_group(id: i32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = Pid::from_raw(id) {
        // It may have ended by itself.
        kill_process_group(group, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn kill_group(_: i32) {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program {
    /// Starts the process and the threads that serve it.
    fn start(&self) -> Result<Arc<Process>> {
        let failed = |error: std::io::Error| {
            let text = format!("{} does not start: {error}", self.path.display());
            Error::new(ErrorKind::Internal, text)
                .with_hint("it must be executable: a binary, or a script with a `#!` line")
        };
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let group = Group::new(&child);
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            group.kill();
            return Err(Error::new(ErrorKind::Internal, "a pipe is missing"));
        };
        let (lines, written) = mpsc::channel();
        let process = Arc::new(Process {
            plugin: self.plugin.clone(),
            group,
            lines,
            pending: Mutex::new(Some(HashMap::new())),
            last_words: Mutex::default(),
            next: AtomicU64::new(1),
            strays: AtomicU64::new(0),
            unanswered: AtomicU32::new(0),
        });
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let builder = std::thread::Builder::new().name(format!("{name}-{}", self.plugin));
            builder.spawn(work).map(drop).map_err(failed)
        };
        thread("write", Box::new(move || write_lines(input, &written)))?;
        let shared = process.clone();
        let (read_all, all_read) = mpsc::channel::<()>();
        thread(
            "errors",
            Box::new(move || {
                read_errors(errors, &shared);
                drop(read_all);
            }),
        )?;
        let shared = process.clone();
        thread(
            "read",
            Box::new(move || {
                let verdict = read_answers(output, &shared);
                shared.end(child, verdict, &all_read);
            }),
        )?;
        Ok(process)
    }

    /// Starts the process, greets it and gives what it says about itself.
    fn greet(&self) -> Result<(Arc<Process>, Vec<u8>)> {
        let process = self.start()?;
        let hello = Hello {
            protocol: PROTOCOL,
            host: concat!("tbengine ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let said = process.ask(b"hello", wire::encode(&hello), self.timeouts.open);
        let said = said.inspect_err(|_| process.group.kill())?;
        Ok((process, said))
    }

    /// Starts the program only to ask what it is.
    pub(crate) fn ask_descriptor(&self) -> std::result::Result<Descriptor, PluginError> {
        let (process, said) = self.greet().map_err(|source| PluginError::Start {
            name: self.plugin.clone(),
            path: self.path.clone(),
            source,
        })?;
        process.group.kill();
        plugins::descriptor(&self.plugin, &self.path, &said)
    }

    fn open(&self, request: &[u8]) -> Result<(Arc<Process>, Opened)> {
        let (process, _) = self.greet()?;
        let opened = process
            .ask(b"open", request.to_vec(), self.timeouts.open)
            .and_then(|body| remote::answer("open", &body))
            .inspect_err(|_| process.group.kill())?;
        Ok((process, opened))
    }
}

/// One line for a request. A request that is no JSON goes in as a text.
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
    /// Sends a request, of which `take` gets the answer, and gives its number.
    fn send(&self, method: &[u8], request: &[u8], timeout: Duration, take: Taker) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let line = call_line(id, method, request, timeout);
        let mut pending = lock(&self.pending);
        match &mut *pending {
            Some(pending) => drop(pending.insert(id, take)),
            None => {
                drop(pending);
                take(Err(self.obituary()));
                return id;
            }
        }
        drop(pending);
        // If nobody writes any more, the process is dead, and the reader tells all who wait.
        self.lines.send(line).ok();
        id
    }

    /// Sends a request and holds this thread up until the answer.
    fn ask(&self, method: &[u8], request: Vec<u8>, patience: Duration) -> Result<Vec<u8>> {
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
        answer.map(|body| plainly(&body))
    }

    fn is_alive(&self) -> bool {
        lock(&self.pending).is_some()
    }

    /// Kills it because of what it did.
    fn condemn(&self, verdict: String) {
        lock(&self.last_words).verdict.get_or_insert(verdict);
        self.group.kill();
    }

    /// Buries the process, and tells all who wait.
    fn end(&self, mut child: Child, verdict: Option<String>, all_read: &mpsc::Receiver<()>) {
        if let Some(verdict) = verdict {
            lock(&self.last_words).verdict.get_or_insert(verdict);
        }
        // It may have closed its output and live on.
        self.group.kill();
        let status = child.wait();
        self.group.is_gone();
        // Its last words may still be on their way; nothing is ever sent, only the end is waited for.
        all_read.recv_timeout(LAST_WORDS).ok();
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
            take(Err(self.obituary()));
        }
    }

    fn obituary(&self) -> Error {
        let words = lock(&self.last_words);
        let verdict = words.verdict.as_deref().unwrap_or("its process ended");
        gone(format!(
            "the program of plugin `{}`: {verdict}",
            self.plugin
        ))
    }

    fn answered(&self, line: &RawAnswer<'_>) {
        let taker = lock(&self.pending)
            .as_mut()
            .and_then(|pending| pending.remove(&line.id));
        let Some(take) = taker else {
            let count = self.strays.fetch_add(1, Ordering::Relaxed) + 1;
            if count == 1 {
                tracing::warn!(target: "tbengine::plugin", plugin = %self.plugin, call = line.id,
                    "an answer that nobody asked for, or the second to one request; it is ignored");
            }
            if count > STRAYS {
                self.condemn(format!("it wrote {count} answers that nobody asked for"));
            }
            return;
        };
        self.unanswered.store(0, Ordering::Relaxed);
        let body = line.body.map_or("null", RawValue::get).as_bytes();
        take(match line.status.as_str() {
            "ok" => Ok(body.to_vec()),
            "cancelled" => Err(Error::new(
                ErrorKind::Transient,
                "the plugin gave the request up; what it did is unknown",
            )),
            word => {
                // A word that is not known is a fault of the plugin, and nothing is tried again for it.
                let kind = serde_json::from_value(word.into()).unwrap_or(ErrorKind::Internal);
                Err(Failure::read(kind, &plainly(body)))
            }
        });
    }
}

/// A document as it is understood of a program: of two equal keys the last counts, since that is what the
/// JSON of most scripting languages lets slip.
fn plainly(body: &[u8]) -> Vec<u8> {
    let read = serde_json::from_slice::<serde_json::Value>(body);
    read.map_or_else(|_| body.to_vec(), |document| wire::encode(&document))
}

fn write_lines(mut input: std::process::ChildStdin, lines: &mpsc::Receiver<Vec<u8>>) {
    for line in lines {
        // A process that does not read holds up this thread only.
        if input.write_all(&line).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

/// Reads answers until there are no more, or one is none: then it gives what is wrong.
fn read_answers(output: std::process::ChildStdout, process: &Process) -> Option<String> {
    const LONGEST: u64 = MAX_BODY as u64 + 4096;
    // As much as fits into a pipe.
    let mut output = BufReader::with_capacity(64 << 10, output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= LONGEST {
            return Some(format!(
                "it wrote a line of more than {} MiB",
                MAX_BODY >> 20
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(answer) => process.answered(&answer),
            Err(error) => {
                let shown: String = String::from_utf8_lossy(&line[..line.len().min(400)])
                    .trim()
                    .chars()
                    .take(100)
                    .collect();
                return Some(format!(
                    "it wrote a line that is no answer ({error}): `{shown}`; messages for people belong on the \
                     standard error"
                ));
            }
        }
        if line.capacity() > 1 << 20 {
            line = Vec::new();
        }
    }
}

fn read_errors(errors: std::process::ChildStderr, process: &Process) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    for count in 0_usize.. {
        line.clear();
        match errors
            .by_ref()
            .take(LOGGED_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            lock(&process.last_words).line = text.chars().take(500).collect();
        }
        // What is beyond is read, so that the process can go on, and dropped.
        match count.cmp(&LOGGED_LINES) {
            std::cmp::Ordering::Less => {
                told(&process.plugin, 3, b"stderr", text.as_bytes(), b"");
            }
            std::cmp::Ordering::Equal => {
                told(
                    &process.plugin,
                    2,
                    b"stderr",
                    b"it writes too much; the rest is dropped",
                    b"",
                );
            }
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// One open backend of a program.
pub(crate) struct ProgramChannel {
    inner: Arc<Inner>,
}

struct Inner {
    program: Program,
    /// The request that opened it, to open it again.
    open: Vec<u8>,
    current: Mutex<Current>,
}

struct Current {
    process: Arc<Process>,
    restarts: u32,
    /// Strays of the processes before.
    strays: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.current).process.group.kill();
    }
}

impl ProgramChannel {
    /// Starts a process and opens a backend in it.
    pub(crate) fn open(program: Program, request: Vec<u8>) -> Result<(Self, Opened)> {
        let (process, opened) = program.open(&request)?;
        let current = Mutex::new(Current {
            process,
            restarts: 0,
            strays: 0,
        });
        let inner = Arc::new(Inner {
            program,
            open: request,
            current,
        });
        Ok((Self { inner }, opened))
    }
}

impl Inner {
    /// The process, if it is alive.
    fn alive(&self) -> Option<Arc<Process>> {
        // Whoever holds the lock longer is starting a process; the caller waits for that elsewhere.
        let current = self.current.try_lock().ok()?;
        let process = &current.process;
        process.is_alive().then(|| process.clone())
    }

    /// The process, started again if it is dead. Holds the thread up.
    fn revive(&self) -> Result<Arc<Process>> {
        let mut current = lock(&self.current);
        if current.process.is_alive() {
            return Ok(current.process.clone());
        }
        if current.restarts >= RESTARTS {
            let mut error = current.process.obituary();
            error.kind = ErrorKind::Internal;
            error.message = format!("{}; it died {RESTARTS} times and stays dead", error.message);
            return Err(error);
        }
        current.restarts += 1;
        let reason = current.process.obituary();
        tracing::warn!(target: "tbengine::plugin", plugin = %self.program.plugin, %reason, "started again");
        let (process, _) = self.program.open(&self.open)?;
        current.strays += current.process.strays.load(Ordering::Relaxed);
        current.process = process.clone();
        Ok(process)
    }
}

/// Asks for an early end if it is dropped before the answer came.
struct Waiting<'a> {
    process: &'a Process,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waits = lock(&self.process.pending)
            .as_ref()
            .is_some_and(|pending| pending.contains_key(&self.id));
        if waits {
            let mut line = wire::encode(&HostLine::Cancel { cancel: self.id });
            line.push(b'\n');
            self.process.lines.send(line).ok();
        }
    }
}

#[async_trait]
impl Channel for ProgramChannel {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let process = match self.inner.alive() {
            Some(process) => process,
            None => {
                let inner = self.inner.clone();
                let revived = tokio::task::spawn_blocking(move || inner.revive());
                revived
                    .await
                    .unwrap_or_else(|error| Err(gone(error.to_string())))?
            }
        };
        let timeout = self.inner.program.timeouts.call;
        let (answer, answered) = oneshot::channel();
        let take = move |outcome| {
            answer.send(outcome).ok();
        };
        let id = process.send(method, &request, timeout, Box::new(take));
        let _waiting = Waiting {
            process: &process,
            id,
        };
        match tokio::time::timeout(timeout, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(process.obituary()),
            Err(_) => {
                let unanswered = process.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
                if unanswered >= UNANSWERED {
                    process.condemn(format!("it left {unanswered} requests without an answer"));
                }
                Err(Error::new(
                    ErrorKind::Transient,
                    format!(
                        "the plugin did not answer `{}` within {}; what it did is unknown",
                        String::from_utf8_lossy(method),
                        humantime::format_duration(timeout)
                    ),
                ))
            }
        }
    }

    fn plainly(&self, body: &[u8]) -> Option<Vec<u8>> {
        Some(plainly(body))
    }

    fn strays(&self) -> u64 {
        let current = lock(&self.inner.current);
        current.strays + current.process.strays.load(Ordering::Relaxed)
    }

    fn owed(&self) -> usize {
        let current = lock(&self.inner.current);
        let pending = lock(&current.process.pending);
        pending.as_ref().map_or(0, HashMap::len)
    }
}
