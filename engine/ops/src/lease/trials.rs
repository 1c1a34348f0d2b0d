//! The trials of a job directory, and which of them are finished.
//!
//! Harbor keeps `JOB/TRIAL/config.json`, and `JOB/TRIAL/result.json` once a trial is finished. Terminal-Bench
//! keeps `RUN/TASK/TASK.N-of-M.RUN/`, with `results.json` in it. Their resources are named after the
//! trial's directory.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tbengine_sdk::Timestamp;

/// A job with more trials than this is read up to here.
const MAX_TRIALS: usize = 100_000;

/// What marks the directory of a trial.
const MARKS: [&str; 4] = ["config.json", "result.json", "results.json", "trial.log"];
/// What is written when a trial is finished.
const RESULTS: [&str; 2] = ["result.json", "results.json"];

/// The names of all trials below these directories.
pub fn all(job_dirs: &[PathBuf]) -> BTreeSet<String> {
    find(job_dirs, |_| true)
}

/// Those of them that have been over for so long by now.
pub fn finished(job_dirs: &[PathBuf], settled: Duration, now: Timestamp) -> BTreeSet<String> {
    find(job_dirs, |trial| {
        let written = |name| fs::metadata(trial.join(name)).ok()?.modified().ok();
        let written = RESULTS.into_iter().find_map(written);
        let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let written = written.and_then(|since| i64::try_from(since.as_millis()).ok());
        let age = written.and_then(|ms| Timestamp::from_unix_ms(ms).age(now));
        age.is_some_and(|age| age >= settled)
    })
}

fn find(job_dirs: &[PathBuf], wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for job in job_dirs {
        for directory in directories(job) {
            // Terminal-Bench has a level for the task in between, and that is not a trial.
            let inner: Vec<PathBuf> = directories(&directory)
                .into_iter()
                .filter(|inner| name(inner).is_some_and(|name| name.contains("-of-")))
                .collect();
            let trials = if inner.is_empty() {
                vec![directory]
            } else {
                inner
            };
            let trials = trials.into_iter().filter(|trial| {
                let is_marked = MARKS.iter().any(|mark| trial.join(mark).exists());
                let is_named = name(trial).is_some_and(|name| name.contains("-of-"));
                (is_marked || is_named) && wanted(trial)
            });
            found.extend(trials.filter_map(|trial| name(&trial).map(str::to_owned)));
        }
    }
    found
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// The directories in a directory. One that is not there yet, or no more, has none.
fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().take(MAX_TRIALS);
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, file: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }

    #[test]
    fn trials_are_found_by_what_lies_in_their_directories() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), "job/config.json");
        make(root.path(), "job/hello__DqmfGz2/config.json");
        make(root.path(), "job/hello__Abcdefg/config.json");
        make(root.path(), "job/hello__Abcdefg/result.json");
        make(root.path(), "job/notes/readme.txt");
        make(root.path(), "run/x/x.1-of-2.r/results.json");
        make(root.path(), "run/x/x.2-of-2.r/commands.txt");
        let jobs = [
            root.path().join("job"),
            root.path().join("run"),
            root.path().join("none"),
        ];
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let everything: BTreeSet<String> = set(&[
            "hello__Abcdefg",
            "hello__DqmfGz2",
            "x.1-of-2.r",
            "x.2-of-2.r",
        ]);
        assert_eq!(all(&jobs), everything);
        let over_now: BTreeSet<String> = set(&["hello__Abcdefg", "x.1-of-2.r"]);
        let written = fs::metadata(root.path().join("job/hello__Abcdefg/result.json")).unwrap();
        let written = written
            .modified()
            .unwrap()
            .duration_since(UNIX_EPOCH)
            .unwrap();
        let minute = Duration::from_secs(60);
        let now = Timestamp::from_unix_ms(0).plus(written + minute);
        assert_eq!(finished(&jobs, minute / 2, now), over_now);
        assert_eq!(finished(&jobs, minute * 2, now), BTreeSet::new());
    }
}
