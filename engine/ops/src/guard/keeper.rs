//! The process that holds a lease for a client and outlives it: what the client was about is deleted whatever
//! becomes of that.
//!
//! The client is a guard, or a [`Holding`](crate::holding::Holding) of a program. Its standard input is what it is
//! heard by: it is gone once that is closed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use tbengine_engine::apply::Control;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_store::{Handover, Lease};

use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::lease::processes::RUN_ID_VARIABLE;
use crate::lease::{Passes, SweepEnd, Wanted, end, leases, take};

/// What a client that cleans up itself writes when it has come to the end of that.
pub const DONE: &str = "done";
/// What a client writes to end the lease in good order.
pub const RELEASE: &str = "release";
/// The same of a client that knows that all that was made under the lease is there, so that one look is enough.
pub const RELEASE_KNOWN: &str = "release known";
/// The answer to a client that hands its lease over, once the keeper holds it.
pub const READY: &str = "ready";

/// How long backends that cannot be reached are waited for once the client is gone. The next run does what is left
/// after that.
const MAX_OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// The option of a process that is to go on in another one.
pub(super) const DETACH: &str = "--detach";
/// The variable that stands for that option.
const DETACH_VARIABLE: &str = "TBENGINE_DETACH";

/// The answer to a client whose lease was taken, as a line of JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Taken<'a> {
    lease: &'a str,
    label: String,
}

impl<'a> Taken<'a> {
    /// The answer about this lease.
    pub fn of(lease: &'a Lease) -> Self {
        Self {
            lease: &lease.id,
            label: format!("{RUN_ID_LABEL}={}", lease.id),
        }
    }
}

/// The lease that is to be held for a client.
#[derive(Debug)]
pub enum Keep {
    /// A new one.
    New(Box<Wanted>),
    /// One that the client hands over.
    HandedOver(Handover),
}

/// Holds a lease until the client is gone or ends it, and deletes what was made under it. `held` is called once
/// that is in good hands. `None` if the client has cleaned up itself.
///
/// # Errors
/// Why the lease cannot be had, or what was made under it could not be swept at all.
pub async fn keep(
    context: &Context,
    settings: &Settings,
    lease: Keep,
    settle_time: Duration,
    client: impl BufRead + Send + 'static,
    held: impl FnOnce(&Lease),
) -> Result<Option<SweepEnd>, Error> {
    let mut lease = match lease {
        Keep::New(wanted) => take(context, settings, *wanted).await?,
        Keep::HandedOver(handover) => leases(context, settings)?.inherit(handover).await?,
    };
    held(lease.lease());
    let last_word = tokio::task::spawn_blocking(|| last_word(client)).await;
    let last_word = last_word.unwrap_or_default();
    if last_word.trim() == DONE {
        return Ok(None);
    }
    // A client that waits for the answer has it soon; once there is none, nothing is waited for but the backends.
    let outage = match last_word.trim() {
        RELEASE | RELEASE_KNOWN => Duration::ZERO,
        _ => MAX_OUTAGE,
    };
    let passes = Passes {
        once: last_word.trim() == RELEASE_KNOWN,
        ..Passes::again_after(settle_time).waiting(outage)
    };
    let control = Control::default();
    let ended = end(context, settings, &mut *lease, passes, &control).await?;
    Ok(Some(ended))
}

/// Holds the lease that a guard hands over to this process, by its standard streams, and does in the end what the
/// guard would have done. `None` if the guard has cleaned up itself.
///
/// # Errors
/// Why the lease cannot be had, or what was made under it could not be swept at all.
pub async fn adopt(
    context: &Context,
    settings: &Settings,
    lease: &str,
    settle_time: Duration,
) -> Result<Option<SweepEnd>, Error> {
    let failed = |source| Error::start("hold the lease", source);
    leave_group();
    let lock = io::stdout().as_fd().try_clone_to_owned();
    let lease = Keep::HandedOver(Handover::received(lease, lock.map_err(failed)?));
    let input = io::stdin().as_fd().try_clone_to_owned();
    let mut answers = File::from(input.map_err(failed)?);
    let client = BufReader::new(io::stdin());
    let keeping = keep(context, settings, lease, settle_time, client, |_| {
        // The client may be gone already; that shows in what is read next.
        answers.write_all(format!("{READY}\n").as_bytes()).ok();
    });
    keeping.await
}

/// Puts this process into a session of its own: signals to the terminal or the group of the client are not
/// meant for it. It fails only where it already leads a group, and then it is out of the client's.
pub fn leave_group() {
    rustix::process::setsid().ok();
}

/// The last that the client says, or nothing if it is gone.
fn last_word(client: impl BufRead) -> String {
    let mut lines = client.lines().map_while(Result::ok);
    let last = lines.find(|line| [DONE, RELEASE, RELEASE_KNOWN].contains(&line.trim()));
    last.unwrap_or_default()
}

/// Starts this program again with the same arguments, but for `--detach`, in a process that is not a child of the
/// client's.
///
/// # Errors
/// If it cannot be started.
pub fn go_on_alone(
    program: &Path,
    arguments: impl IntoIterator<Item = OsString>,
) -> io::Result<()> {
    let arguments = arguments.into_iter().filter(|one| one != DETACH);
    let mut command = Command::new(program);
    // Under another lease, it must not end with that one: this one's resources are still to be deleted.
    command
        .args(arguments)
        .env_remove(RUN_ID_VARIABLE)
        .env_remove(DETACH_VARIABLE);
    command.spawn().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_the_first_that_means_something() {
        for (said, heard) in [
            ("", ""),
            ("hello\n", ""),
            ("hello\n release \ndone\n", " release "),
            ("done", "done"),
        ] {
            assert_eq!(last_word(said.as_bytes()), heard, "{said:?}");
        }
    }
}
