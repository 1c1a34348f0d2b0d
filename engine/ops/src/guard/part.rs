//! The processes that a guard starts: its own program again, as what becomes the command, and as what outlives it.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use super::exec::{self, EXEC, ExecError};
use super::keeper::{DETACH, adopt, go_on_alone};
use super::program::{QUESTION, VERSION};
use crate::config::Settings;
use crate::config::settings::value::Span;
use crate::context::Context;
use crate::error::Error;

/// The command of what outlives a guard, and its options.
const HOLD: [&str; 2] = ["lease", "hold"];
const ADOPT: &str = "--adopt";
const SETTLE_TIME: &str = "--settle-time";

/// What a process is for that a guard started. A program that guards asks [`Part::requested`] first of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It says that this program plays the others.
    Version,
    /// It becomes the command, as these arguments say.
    Command(Vec<OsString>),
    /// It starts the process that outlives the guard, with these arguments.
    Detach(Vec<OsString>),
    /// It outlives the guard.
    Reaper {
        /// The lease that it takes over.
        lease: String,
        /// How long it waits before looking once more for what was still being created.
        settle_time: Duration,
    },
}

/// Why a process could not be what a guard started it for.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// It could not become the command.
    #[error(transparent)]
    Command(#[from] ExecError),
    /// It could not hold the lease.
    #[error(transparent)]
    Reaper(#[from] Error),
}

/// The arguments of a process that takes a lease over, on its own.
pub(super) fn reaper(lease: &str, settle_time: Duration) -> Vec<OsString> {
    let settle_time = Span(settle_time).to_string();
    let [command, sub] = HOLD;
    let arguments = [
        command,
        sub,
        DETACH,
        ADOPT,
        lease,
        SETTLE_TIME,
        &settle_time,
    ];
    arguments.iter().map(OsString::from).collect()
}

impl Part {
    /// What this process is for, if the arguments of it, without its own name, say that a guard started it.
    pub fn requested(arguments: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        if arguments == QUESTION.map(OsString::from) {
            return Some(Self::Version);
        }
        if arguments.first()? == EXEC {
            return Some(Self::Command(arguments));
        }
        let after = |option: &str| {
            let at = arguments.iter().position(|one| one == option)?;
            arguments.get(at + 1)?.to_str()
        };
        let lease = after(ADOPT)?.to_owned();
        let Span(settle_time) = after(SETTLE_TIME)?.parse().ok()?;
        if !arguments.starts_with(&HOLD.map(OsString::from)) {
            return None;
        }
        Some(match arguments.iter().any(|one| one == DETACH) {
            true => Self::Detach(arguments),
            false => Self::Reaper { lease, settle_time },
        })
    }

    /// Is that. `program` is this one. Does not return where it becomes the command.
    ///
    /// # Errors
    /// [`PartError`] if it cannot.
    pub async fn play(
        self,
        context: &Context,
        settings: &Settings,
        program: &Path,
    ) -> Result<(), PartError> {
        match self {
            Self::Version => {
                let answered = writeln!(io::stdout(), "{VERSION}");
                answered.map_err(|source| Error::start("answer", source).into())
            }
            Self::Command(arguments) => match exec::requested(arguments) {
                Some(error) => Err(error.into()),
                None => Ok(()),
            },
            Self::Detach(arguments) => {
                let started = go_on_alone(program, arguments);
                started.map_err(|source| Error::start("hold the lease", source).into())
            }
            Self::Reaper { lease, settle_time } => {
                adopt(context, settings, &lease, settle_time).await?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(texts: &[&str]) -> Vec<OsString> {
        texts.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_process_sees_what_the_guard_started_it_for() {
        let detaching = reaper("mine", Duration::from_millis(1500));
        let part = Part::requested(detaching.clone()).unwrap();
        assert_eq!(part, Part::Detach(detaching.clone()));
        let alone = detaching.into_iter().filter(|one| one != DETACH);
        let wanted = Part::Reaper {
            lease: "mine".into(),
            settle_time: Duration::from_millis(1500),
        };
        assert_eq!(Part::requested(alone), Some(wanted));
        assert_eq!(Part::requested(arguments(&QUESTION)), Some(Part::Version));
        let command = arguments(&[EXEC, "1", "true"]);
        let part = Part::requested(command.clone());
        assert_eq!(part, Some(Part::Command(command)));
    }

    #[test]
    fn a_process_that_no_guard_started_is_for_nothing_else() {
        for other in [
            &[][..],
            &["true"],
            &["lease", "hold"],
            &["--version"],
            &["sh", "--adopt", "mine", "--settle-time", "1s"],
        ] {
            assert_eq!(Part::requested(arguments(other)), None, "{other:?}");
        }
    }
}
