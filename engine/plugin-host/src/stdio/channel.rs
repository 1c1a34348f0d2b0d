//! One open backend of a program, whose process is started again when it died.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tbengine_sdk::wire::Opened;
use tbengine_sdk::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use super::group::lock;
use super::process::{Process, gone, normalize};
use super::program::Program;
use crate::remote::Channel;

/// How often a process that died is started again.
const MAX_RESTARTS: u32 = 5;
/// So many answers earn one more restart: a process that works and dies now and then goes on for ever, and one that
/// dies at each request of a kind, and answers others between, does not.
const ANSWERS_PER_RESTART: u32 = 100;

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
    /// Answers that have not earned a restart yet.
    answers: u32,
    /// Strays of the processes before.
    unsolicited: u64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        lock(&self.current).process.kill();
    }
}

impl ProgramChannel {
    /// Starts a process and opens a backend in it.
    pub(crate) fn open(program: Program, request: Vec<u8>) -> Result<(Self, Opened)> {
        let (process, opened) = program.open(&request)?;
        let current = Mutex::new(Current {
            process,
            restarts: 0,
            answers: 0,
            unsolicited: 0,
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
        // A caller that holds the lock longer is starting a process; the caller waits for that elsewhere.
        let current = self.current.try_lock().ok()?;
        let process = &current.process;
        process.is_alive().then(|| process.clone())
    }

    /// Counts an answer towards another restart.
    fn answered(&self) {
        let mut current = lock(&self.current);
        current.answers += 1;
        if current.answers >= ANSWERS_PER_RESTART {
            current.answers = 0;
            current.restarts = current.restarts.saturating_sub(1);
        }
    }

    /// The process, started again if it is dead. Holds the thread up.
    fn revive(&self) -> Result<Arc<Process>> {
        let mut current = lock(&self.current);
        if current.process.is_alive() {
            return Ok(current.process.clone());
        }
        if current.restarts >= MAX_RESTARTS {
            let mut error = current.process.exit_error();
            error.kind = ErrorKind::Internal;
            error.message = format!(
                "{}; it died {MAX_RESTARTS} times and is not restarted",
                error.message
            );
            return Err(error);
        }
        current.restarts += 1;
        let reason = current.process.exit_error();
        tracing::warn!(target: "tbengine::plugin", plugin = %self.program.plugin, %reason, "started again");
        let (process, _) = self.program.open(&self.open)?;
        current.unsolicited += current.process.unsolicited();
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
        self.process.cancel(self.id);
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
            Ok(Ok(outcome)) => {
                if process.is_alive() {
                    self.inner.answered();
                }
                outcome
            }
            Ok(Err(_)) => Err(process.exit_error()),
            Err(_) => {
                process.left_unanswered();
                Err(Error::new(
                    ErrorKind::Transient,
                    format!(
                        "the plugin did not answer `{}` within {}; its effect is unknown",
                        String::from_utf8_lossy(method),
                        humantime::format_duration(timeout)
                    ),
                ))
            }
        }
    }

    fn normalize(&self, body: &[u8]) -> Option<Vec<u8>> {
        Some(normalize(body))
    }

    fn unsolicited(&self) -> u64 {
        let current = lock(&self.inner.current);
        current.unsolicited + current.process.unsolicited()
    }

    fn pending(&self) -> usize {
        lock(&self.inner.current).process.pending()
    }
}
