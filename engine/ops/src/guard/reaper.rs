//! The process that outlives this one: it holds the other end of a socket, and the lease's lock.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use tbengine_store::HeldLease;

use super::GuardRequest;
use super::keeper::{DONE, READY};
use super::part;
use crate::error::Error;
use crate::lease::processes::RUN_ID_VARIABLE;

/// A reaper that is not there by then never will be.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The reaper, and what keeps it waiting.
#[derive(Debug)]
pub(super) struct Reaper {
    socket: UnixStream,
}

impl Reaper {
    /// Starts it. From here on the lease is looked after, whatever becomes of this process.
    pub(super) fn start(request: &GuardRequest, held: &dyn HeldLease) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "start the reaper",
            source,
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let (log, log_path) = held.scratch().log()?;
        let mut command = Command::new(&request.program);
        command.args(part::reaper(&held.lease().id, request.settle_time));
        command.args(&request.program_options);
        command
            .env_remove(RUN_ID_VARIABLE)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(held.share().map_err(failed)?.into_stdio())
            .stderr(Stdio::from(log));
        // It starts the reaper and ends.
        let status = command.status().map_err(failed)?;
        drop(command);
        ours.set_read_timeout(Some(START_TIMEOUT)).map_err(failed)?;
        let mut line = String::new();
        let read = BufReader::new(&ours).read_line(&mut line);
        if !status.success() || read.is_err() || line.trim() != READY {
            return Err(failed(io::Error::other(format!(
                "the reaper did not start; see {}",
                log_path.display()
            ))));
        }
        Ok(Self { socket: ours })
    }

    /// Tells it that there is nothing left for it to do.
    pub(super) fn done(&mut self) {
        self.socket.write_all(format!("{DONE}\n").as_bytes()).ok();
    }
}
