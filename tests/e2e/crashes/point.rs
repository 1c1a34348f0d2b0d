//! The points at which something can happen to a command: each call that changes the state or makes it durable.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::Path;

use tbengine_harness::{Home, Injected, Strace, SystemCall, Traced};

/// Where the state lies in a home.
pub(crate) const STATE: &str = ".local/state/tbengine";

/// What stands for the directory of the state itself.
const ITSELF: &str = ".";
/// What stands for the id of a run in the name of a file.
const RUN: &str = "RUN";

/// One call of a command, found again by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The name of the call.
    pub(crate) call: String,
    /// The file, below the directory of the state.
    pub(crate) file: String,
    /// Which one it is of the calls of that name: about that file alone where its name is known before, else of all.
    nth: usize,
}

impl Point {
    /// The points of a command whose calls were watched in a home.
    pub(crate) fn all(home: &Home, calls: &[SystemCall]) -> Vec<Self> {
        let mut seen: BTreeMap<(&str, Option<String>), usize> = BTreeMap::new();
        let mut points = Vec::new();
        for call in calls {
            let file = in_state(home, call);
            let of_all = count(&mut seen, (&call.name, None));
            let Some(file) = file else {
                continue;
            };
            let of_file = count(&mut seen, (&call.name, Some(file.clone())));
            // The program writes to its output and wakes itself as it happens, and looks at many files.
            let is_counted_by_file = !file.contains(RUN);
            let may_change = match &*call.name {
                "openat" => call.rest.contains("O_CREAT") && is_counted_by_file,
                "write" | "writev" => is_counted_by_file,
                _ => true,
            };
            if may_change {
                points.push(Self {
                    call: call.name.clone(),
                    file,
                    nth: if is_counted_by_file { of_file } else { of_all },
                });
            }
        }
        points
    }

    /// Runs a command, and something happens at this point.
    ///
    /// # Errors
    /// If it never came to that point.
    pub(crate) fn run(
        &self,
        home: &Home,
        args: &[&str],
        fault: Injected,
    ) -> Result<Traced, String> {
        let mut strace = Strace::of(&[&self.call]).injecting(fault, &self.call, self.nth);
        if !self.file.contains(RUN) {
            let file = match &*self.file {
                ITSELF => state(home),
                file => state(home).join(file),
            };
            strace = strace.about(&file);
        }
        let traced = strace.run(home, args);
        let injected = traced.calls.iter().find(|call| call.is_injected());
        let at = injected.and_then(|call| in_state(home, call));
        if at.as_ref() != Some(&self.file) {
            return Err(format!("this happened to {injected:?} instead"));
        }
        Ok(traced)
    }
}

impl Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, file, nth } = self;
        write!(f, "{call} {nth} of {file}")
    }
}

/// The points at which a command, that runs to its end for that, writes rows to the record of a run.
pub(crate) fn rows(home: &Home, args: &[&str]) -> Vec<Point> {
    let traced = Strace::of(&["pwrite64"]).run(home, args);
    assert_eq!(traced.code, Some(0), "{}", traced.stderr);
    let points = Point::all(home, &traced.calls).into_iter();
    points
        .filter(|point| point.file.ends_with(".db-wal") && point.file.contains(RUN))
        .collect()
}

/// The directory of the state.
pub(crate) fn state(home: &Home) -> std::path::PathBuf {
    home.path(STATE)
}

/// The file of a call below the directory of the state, if it is there.
fn in_state(home: &Home, call: &SystemCall) -> Option<String> {
    let file = Path::new(&call.file).strip_prefix(state(home)).ok()?;
    match file.as_os_str().is_empty() {
        true => Some(ITSELF.to_owned()),
        false => Some(without_runs(&file.display().to_string())),
    }
}

/// A name with the ids of runs replaced.
fn without_runs(name: &str) -> String {
    let is_id =
        |text: &&str| text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
    let parts = name.split_inclusive(['/', '.']);
    parts
        .map(|part| {
            let (stem, end) = match part.strip_suffix(['/', '.']) {
                Some(stem) => part.split_at(stem.len()),
                None => (part, ""),
            };
            match Some(stem).filter(is_id) {
                Some(_) => format!("{RUN}{end}"),
                None => part.to_owned(),
            }
        })
        .collect()
}

fn count<'a>(
    seen: &mut BTreeMap<(&'a str, Option<String>), usize>,
    what: (&'a str, Option<String>),
) -> usize {
    let number = seen.entry(what).or_default();
    *number += 1;
    *number
}
