//! Loading a library in another process first.
//!
//! Loading runs code of the library: one that ends the process would end this one, with whatever exit code it likes, and
//! one that never returns would never let it go on. In another process both are an error of that plugin.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::library::Library;

/// What the other process writes once it has loaded the library, or could not.
const LOADED: &str = "tbengine: went on";
/// The longest last words of that process that are shown, in characters.
const MAX_WORDS: usize = 500;

/// Where libraries are loaded first.
pub(crate) struct Elsewhere {
    /// A program that answers to `plugin load-inside FILE` by [`inside`].
    pub(crate) loader: PathBuf,
    /// How long that may take.
    pub(crate) patience: Duration,
}

impl Elsewhere {
    /// Loads a library in a process of its own. The error is in words.
    pub(super) fn load(&self, library: &Path) -> std::result::Result<(), String> {
        let patience = self.patience;
        let mut command = Command::new(&self.loader);
        command
            .args(["plugin", "load-inside"])
            .arg(library)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let failed =
            |error: std::io::Error| format!("cannot start a process to load it in: {error}");
        let child = command.spawn().map_err(failed)?;
        let process = child.id();
        let (ended, has_ended) = mpsc::channel();
        std::thread::spawn(move || ended.send(child.wait_with_output()).ok());
        match has_ended.recv_timeout(patience) {
            Ok(output) => outcome(&output.map_err(failed)?),
            Err(_) => {
                end(process);
                Err(format!(
                    "it was not loaded within {}",
                    humantime::format_duration(patience)
                ))
            }
        }
    }
}

fn outcome(output: &Output) -> std::result::Result<(), String> {
    let said = String::from_utf8_lossy(&output.stdout);
    if said.lines().any(|line| line == LOADED) {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let mut lines = words.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let last: String = last.chars().take(MAX_WORDS).collect();
    Err(match last.as_str() {
        "" => format!("it ends the process that loads it ({})", output.status),
        last => format!(
            "it ends the process that loads it ({}), after that wrote: {last}",
            output.status
        ),
    })
}

#[cfg(unix)]
fn end(process: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself.
        kill_process_group(group, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn end(_: u32) {}

/// Loads a library in this process, which was started for it, and says on the standard output that this went on. What is
/// wrong with the library otherwise, the process that started this one finds out itself.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
pub fn inside(library: &Path) {
    // It was looked at by the process that started this one.
    let loaded = Library::load_file("", Path::new(""), library, String::new());
    drop(loaded);
    println!("{LOADED}");
}
