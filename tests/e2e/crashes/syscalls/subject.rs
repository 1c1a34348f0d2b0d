//! The commands to which something happens.

use tbengine_harness::{Home, Injected, Traced};

use crate::crashes::point::{Point, STATE};

/// A command that changes the state, and what must hold after something happened to it.
pub(super) trait Subject: Sync {
    /// The command.
    fn arguments(&self) -> Vec<&'static str>;

    /// The calls that it makes at least once each. One that is not there any more was a promise.
    fn calls(&self) -> &'static [&'static str];

    /// The points of it that are of interest.
    fn narrow(&self, points: Vec<Point>) -> Vec<Point> {
        points
    }

    /// How many of them may be under way at once.
    fn side_by_side(&self) -> usize {
        2
    }

    /// Makes the state that the command finds.
    fn prepare(&self, home: &Home);

    /// Checks what it left, and that the next commands finish it.
    ///
    /// # Errors
    /// What does not hold.
    fn check(&self, home: &Home, came: &Came) -> Result<(), String>;
}

/// What came of a command to which something happened.
#[derive(Debug)]
pub(super) struct Came {
    /// What happened.
    pub(super) fault: Injected,
    /// How the command ended.
    pub(super) traced: Traced,
}

/// What a command says that begins nothing.
const NOTHING: &str = "nothing was done";
/// What it says where it cannot read what must stay.
const UNKNOWN: &str = "nothing is deleted, because protection records cannot be read";

impl Came {
    /// Whether it succeeded.
    pub(super) fn succeeded(&self) -> bool {
        self.traced.code == Some(0)
    }

    /// Whether it says that it has not begun.
    pub(super) fn says_nothing_was_done(&self) -> bool {
        let said = &self.traced.stderr;
        said.contains(NOTHING) || said.contains(UNKNOWN)
    }

    /// Checks how it ended: killed, or with a code that is documented, and with the file that is to blame.
    pub(super) fn ended_as_documented(&self) -> Result<(), String> {
        let Traced { code, stderr, .. } = &self.traced;
        match (self.fault, code) {
            (Injected::Kill, None) | (Injected::Error(_), Some(0)) => Ok(()),
            (Injected::Kill, Some(code)) => {
                Err(format!("it was not killed, and ended with {code}"))
            }
            (Injected::Error(_), None) => Err("it was killed".into()),
            (Injected::Error(_), Some(code)) => {
                let documented = if stderr.contains("the state directory") {
                    // A matter of configuration.
                    2
                } else if stderr.contains(UNKNOWN) {
                    // A safeguard: what is not known may protect anything.
                    3
                } else {
                    1
                };
                if *code != documented {
                    return Err(format!("it ended with {code}: {stderr}"));
                }
                let mut lines = stderr.lines();
                match lines.any(|line| line.contains("error") && line.contains(STATE)) {
                    true => Ok(()),
                    false => Err(format!("no error names a file: {stderr}")),
                }
            }
        }
    }
}

/// Runs a command that must succeed.
pub(super) fn succeeds(home: &Home, args: &[&str]) -> Result<(), String> {
    let ended = home.run(args);
    match ended.code {
        0 => Ok(()),
        _ => Err(format!("afterwards {args:?} ended with {ended:?}")),
    }
}
