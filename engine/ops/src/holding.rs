//! A lease in the hands of a Rust program.
//!
//! The lease is held by a `lease hold` of its own, which sees this process end. So what was
//! made under it is removed also where no destructor runs: after `kill -9`, an abort, a lost machine's
//! restart.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use tbengine_sdk::owner::RUN_ID_LABEL;

use crate::guard::keeper::RELEASE;
use crate::guard::program::{self, ASKED_VARIABLE};

/// A lease of this process. Dropping it gives it up, and leaves the sweep to the process that holds it;
/// [`Holding::release`] waits for that.
#[derive(Debug)]
pub struct Holding {
    id: String,
    /// Open as long as the lease is wanted.
    keep: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Why a lease could not be had, or is not known to have ended well.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// `tbengine` could not be started.
    #[error("failed to start `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It did not say what it should.
    #[error("`tbengine lease hold` did not answer; see its standard error")]
    Silent,
}

/// What became of the resources that were made under a lease.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Released {
    /// Whether everything was seen to be gone.
    pub ended: bool,
    /// How many resources were deleted.
    pub deleted: usize,
    /// How many could not be deleted; the next `tbengine run` tries again.
    pub failed: usize,
    /// How many were created meanwhile, and nothing says by whom.
    pub unproven: usize,
    /// What is in the way, in words.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
struct Taken {
    lease: String,
}

impl Holding {
    /// Takes a lease. `program` is tbengine, or another program that answers to `lease hold` by what
    /// [`keeper`](crate::guard::keeper) does, like this one, and answers to [`program::QUESTION`]; `args` are
    /// further arguments of `lease hold`, like `--backend docker`.
    ///
    /// # Errors
    /// [`HoldError`] if tbengine cannot be started or takes no lease.
    pub fn start(program: &Path, args: &[&str]) -> Result<Self, HoldError> {
        let failed = |source| HoldError::Start {
            program: program.display().to_string(),
            source,
        };
        program::check(program, is_asked()).map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["lease", "hold", "--detach"]).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child: Child = command.spawn().map_err(failed)?;
        let keep = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().ok_or(HoldError::Silent)?);
        let taken: Option<Taken> = read(&mut answers);
        // It only started the process that holds the lease.
        child.wait().ok();
        Ok(Self {
            id: taken.ok_or(HoldError::Silent)?.lease,
            keep,
            answers,
        })
    }

    /// The id of the lease.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The label that what is made under the lease must carry.
    pub fn label(&self) -> (&'static str, &str) {
        (RUN_ID_LABEL, &self.id)
    }

    /// Gives the lease up, and waits until what was made under it is gone.
    ///
    /// # Errors
    /// [`HoldError::Silent`] if the process that held it was ended; then the next `tbengine run` sweeps.
    pub fn release(mut self) -> Result<Released, HoldError> {
        let mut keep = self.keep.take().ok_or(HoldError::Silent)?;
        keep.write_all(format!("{RELEASE}\n").as_bytes())
            .map_err(|_| HoldError::Silent)?;
        read(&mut self.answers).ok_or(HoldError::Silent)
    }
}

/// Whether this program is being asked what it is.
#[expect(
    clippy::disallowed_methods,
    reason = "a lease in a program's hands has nothing of the world handed in"
)]
fn is_asked() -> bool {
    std::env::var_os(ASKED_VARIABLE).is_some()
}

fn read<T: serde::de::DeserializeOwned>(answers: &mut BufReader<ChildStdout>) -> Option<T> {
    let mut line = String::new();
    answers.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}
