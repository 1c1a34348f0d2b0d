//! What makes a program out of a crate that registers backends (feature `program`): the same documents as
//! lines on standard input and output, for code that one does not want inside tbengine.
//!
//! ```no_run
//! # mod my_backend {}
//! use my_backend as _; // the crate with the `backend!` line
//!
//! fn main() -> std::process::ExitCode {
//!     tbengine_sdk::serve::main()
//! }
//! ```

use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{self, Subject};
use crate::wire::{self, AnswerLine, CallLine, HostLine, Work};

/// Answers requests until the standard input ends.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    let server = Server {
        runtime,
        calls: Arc::default(),
    };
    let ended = server.serve();
    // What is still under way has nobody left to answer to.
    server.runtime.shutdown_background();
    if ended {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

struct Server {
    runtime: Runtime,
    /// The requests under way. Locked while one is started, so that none ends before it is in here.
    calls: Arc<Mutex<HashMap<u64, AbortHandle>>>,
}

impl Server {
    /// Whether the input came to a proper end.
    fn serve(&self) -> bool {
        let mut subject = None;
        for line in stdin().lock().lines() {
            let Ok(line) = line else { return false };
            match serde_json::from_str(&line) {
                Ok(HostLine::Call(call)) => self.take(call, &mut subject),
                Ok(HostLine::Cancel { cancel }) => {
                    let task = self.lock().remove(&cancel);
                    if let Some(task) = task {
                        task.abort();
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, call: CallLine, subject: &mut Option<Subject>) {
        let owed = Owed(Some(call.id));
        let body = wire::encode(&call.request);
        match (call.method.as_str(), subject.as_ref()) {
            ("hello", _) => owed.answer(Ok(wire::encode(&plugin::descriptor()))),
            ("open", None) => {
                let opened = std::panic::catch_unwind(AssertUnwindSafe(|| self.open(&body)));
                let opened = opened.unwrap_or_else(|_| Err(panicked()));
                owed.answer(opened.map(|(opened, body)| {
                    *subject = Some(opened);
                    body
                }));
            }
            (_, None) => owed.answer(Err(Error::new(ErrorKind::Invalid, "nothing is open yet"))),
            (method, Some(subject)) => match subject.prepare(method.as_bytes(), &body) {
                Err(error) => owed.answer(Err(error)),
                Ok(work) => self.begin(owed, &call, work),
            },
        }
    }

    fn open(&self, body: &[u8]) -> Result<(Subject, Vec<u8>)> {
        let _within = self.runtime.enter();
        let subject = Subject::open(wire::decode("open", body)?)?;
        let opened = wire::Opened {
            capabilities: subject.backend.capabilities(),
        };
        Ok((subject, wire::encode(&opened)))
    }

    fn begin(&self, owed: Owed, call: &CallLine, work: Work) {
        let (id, deadline) = (call.id, Duration::from_millis(call.deadline_ms));
        let mut calls = self.lock();
        let inside = self.calls.clone();
        let task = self.runtime.spawn(async move {
            let owed = owed;
            // A task of its own, so that a panic is an answer.
            let work = AbortOnDrop(tokio::spawn(work));
            let answer = match deadline {
                Duration::ZERO => work.await,
                _ => tokio::time::timeout(deadline, work)
                    .await
                    .unwrap_or_else(|_| {
                        Err(Error::new(
                            ErrorKind::Transient,
                            format!("no answer within {deadline:?}; its effect is unknown"),
                        ))
                    }),
            };
            inside
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
            owed.answer(answer);
        });
        calls.insert(id, task.abort_handle());
    }
}

fn panicked() -> Error {
    Error::new(
        ErrorKind::Internal,
        "the backend panicked; its message is on the standard error",
    )
}

/// A task that ends with the caller that waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<Result<Vec<u8>>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for AbortOnDrop {
    type Output = Result<Vec<u8>>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0)
            .poll(context)
            .map(|ended| ended.unwrap_or_else(|_| Err(panicked())))
    }
}

/// An answer that is owed. One that is dropped says that the request was cancelled.
struct Owed(Option<u64>);

impl Owed {
    fn answer(mut self, answer: Result<Vec<u8>>) {
        let Some(id) = self.0.take() else { return };
        let (status, body) = match answer {
            Ok(body) => ("ok", body),
            Err(error) => (
                error.kind.word(),
                wire::encode(&wire::Failure::from(&error)),
            ),
        };
        write(id, status, &body);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(id) = self.0.take() {
            write(id, "cancelled", b"null");
        }
    }
}

fn write(id: u64, status: &str, body: &[u8]) {
    let mut line = wire::encode(&AnswerLine {
        id,
        status: status.to_owned(),
        body: serde_json::Value::Null,
    });
    // The body is JSON already, on one line.
    line.truncate(line.len() - b"null}".len());
    line.extend_from_slice(body);
    line.extend_from_slice(b"}\n");
    let mut output = stdout().lock();
    // If the host is gone, the input ends soon.
    output.write_all(&line).and_then(|()| output.flush()).ok();
}
