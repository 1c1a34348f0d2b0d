//! Compiling a policy in a process of its own, which can be ended: the compiler cannot, and what it takes in time and
//! memory is for the author of the component to say.
//!
//! That process compiles into the cache of compiled code, from where this one takes it.

use std::ffi::OsString;
use std::io::{Read as _, Write as _, stdin};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit,
};
use sha2::{Digest, Sha256};
use tbengine_engine::policy::load::MAX_COMPONENT;
use tbengine_engine::policy::{LoadError, PolicyEngine, PolicyEngineOptions};
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// The first argument of a process that is to compile a policy.
pub const COMPILE: &str = "policy-compile";

/// The processor time that any component may take to be compiled. It does not depend on what else the machine does.
const COMPILE_TIME: Duration = Duration::from_secs(10);
/// What it may take on top for each MiB, since interpreters of languages come with the policy: CPython takes one second
/// for each of its 18 on a fast machine.
const COMPILE_TIME_PER_MIB: Duration = Duration::from_secs(5);
/// The memory that compiling may take, in bytes.
const COMPILE_MEMORY: u64 = 1 << 30;
/// How often it is looked at what the process does.
const LOOK: Duration = Duration::from_millis(20);
/// How long the process is given to end once it has taken all of its time.
const GRACE_SECONDS: u64 = 2;

/// Where in the cache it is noted which components have been compiled within these bounds. Should their code be gone,
/// they can be compiled again in this process.
const COMPILED: &str = "within-bounds";

/// The exit code of a process that found the bytes not to be a component.
const INVALID: u8 = 1;

/// Compiles a policy if the arguments of this process, without its own name, say so, and answers the exit code;
/// otherwise `None`.
///
/// A program whose [`Context`](crate::Context) names it as the compiler must ask this first of all.
pub fn requested(arguments: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut arguments = arguments.into_iter();
    if arguments.next()? != COMPILE {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok()?;
    let seconds = arguments.next()?.to_str()?.parse().ok()?;
    let cache = PathBuf::from(arguments.next()?);
    Some(compile(parent, seconds, cache))
}

fn compile(parent: i32, seconds: u64, cache: PathBuf) -> u8 {
    const FAILED: u8 = 2;
    set_parent_process_death_signal(Some(Signal::KILL)).ok();
    // If the parent died before, there would be no signal.
    if getppid() != Pid::from_raw(parent) {
        return FAILED;
    }
    let limit = |current: u64, maximum: u64| Rlimit {
        current: Some(current),
        maximum: Some(maximum),
    };
    let limited = setrlimit(Resource::Cpu, limit(seconds, seconds + GRACE_SECONDS))
        .and_then(|()| setrlimit(Resource::Core, limit(0, 0)));
    let mut bytes = Vec::new();
    let read = stdin().lock().take(MAX_COMPONENT as u64 + 1);
    if limited.is_err() || { read }.read_to_end(&mut bytes).is_err() {
        return FAILED;
    }
    let options = PolicyEngineOptions {
        cache_dir: Some(cache),
        ..PolicyEngineOptions::default()
    };
    match PolicyEngine::new(options).map(|engine| engine.compile(&bytes, "")) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) => INVALID,
        Err(_) => FAILED,
    }
}

/// How components are compiled ahead of being loaded.
pub(crate) struct Compiling<'a> {
    /// The program that handles [`COMPILE`].
    pub(crate) program: &'a Path,
    /// Where compiled code is kept.
    pub(crate) cache: &'a Path,
    /// Ends it.
    pub(crate) stop: &'a CancellationToken,
}

impl Compiling<'_> {
    /// Compiles a component into the cache, unless that was done before.
    ///
    /// # Errors
    /// If it takes more than it may, or is stopped.
    pub(crate) fn ahead(&self, bytes: &[u8], origin: &str) -> Result<(), Error> {
        let digest = hex::encode(Sha256::digest(bytes));
        let version = concat!(env!("CARGO_PKG_VERSION"), "-");
        let mark = self.cache.join(COMPILED).join(version.to_owned() + &digest);
        if mark.exists() {
            return Ok(());
        }
        let mebibytes = u32::try_from(bytes.len() >> 20).unwrap_or(u32::MAX);
        let time = COMPILE_TIME + COMPILE_TIME_PER_MIB.saturating_mul(mebibytes);
        let too_costly = |why: String| {
            Error::Load(LoadError::TooCostly {
                origin: origin.to_owned(),
                why,
            })
        };
        let start = |source| Error::start("compile the policy in a process of its own", source);
        let mut child = Command::new(self.program)
            .arg(COMPILE)
            .arg(std::process::id().to_string())
            .arg(time.as_secs().to_string())
            .arg(self.cache)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(start)?;
        let ended = self.watch(&mut child, bytes);
        if ended.is_err() {
            child.kill().ok();
        }
        let status = child.wait().map_err(start)?;
        match ended {
            Err(Stopped::Asked) => return Err(Error::Interrupted),
            Err(Stopped::Memory) => {
                let most = COMPILE_MEMORY >> 20;
                return Err(too_costly(format!(
                    "it takes more than {most} MiB of memory"
                )));
            }
            Ok(()) => {}
        }
        let cpu = [Signal::XCPU, Signal::KILL].map(|signal| Some(signal.as_raw()));
        match status.code() {
            Some(0) => {
                // Without the mark it is compiled ahead once more.
                let made = std::fs::create_dir_all(self.cache.join(COMPILED));
                made.and_then(|()| std::fs::write(&mark, "")).ok();
                Ok(())
            }
            // What is wrong with it is found before it is compiled, and said by who loads it.
            Some(code) if code == i32::from(INVALID) => Ok(()),
            None if cpu.contains(&status.signal()) => Err(too_costly(format!(
                "it takes more than {} of processor time",
                humantime::format_duration(time)
            ))),
            _ => Err(too_costly(format!("the compiler failed: {status}"))),
        }
    }

    /// Sends the component, and waits for the end of the process.
    fn watch(&self, child: &mut Child, bytes: &[u8]) -> Result<(), Stopped> {
        if let Some(mut input) = child.stdin.take() {
            // A process that has ended reads nothing more, and its exit code says why.
            input.write_all(bytes).ok();
        }
        let (sender, ended) = mpsc::channel();
        if let Some(mut output) = child.stdout.take() {
            std::thread::spawn(move || {
                // It writes nothing, and closes this with its end.
                output.read_to_end(&mut Vec::new()).ok();
                sender.send(()).ok();
            });
        }
        loop {
            if self.stop.is_cancelled() {
                return Err(Stopped::Asked);
            }
            if resident(child.id()).is_some_and(|bytes| bytes > COMPILE_MEMORY) {
                return Err(Stopped::Memory);
            }
            match ended.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }
}

/// Why a process that compiles was stopped.
enum Stopped {
    /// The operator stopped the command.
    Asked,
    /// It took too much memory.
    Memory,
}

/// The memory that a process takes, in bytes, where the system says so. Limits of the kernel count what is reserved as
/// well, which allocators do generously.
fn resident(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// What comes of a program that stands in for the compiler.
    fn compiled(place: &tempfile::TempDir, script: &str, stop: bool) -> Result<(), String> {
        let program = place.path().join("compiler");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let token = CancellationToken::new();
        if stop {
            token.cancel();
        }
        let compiling = Compiling {
            program: &program,
            cache: place.path(),
            stop: &token,
        };
        let compiled = compiling.ahead(b"bytes", "./p.wasm");
        compiled.map_err(|error| error.to_string())
    }

    #[test]
    fn the_end_of_the_compiler_says_what_is_wrong() {
        let place = tempfile::tempdir().unwrap();
        let read = "cat >/dev/null; ";
        for (script, says) in [
            ("kill -XCPU $$", "takes more than 10s of processor time"),
            ("kill -KILL $$", "takes more than 10s of processor time"),
            ("kill -ABRT $$", "the compiler failed"),
            ("exit 7", "the compiler failed"),
            // It reads nothing, so the rest of the component has no reader.
            ("exit 2", "the compiler failed"),
        ] {
            for script in [script.to_owned(), format!("{read}{script}")] {
                let error = compiled(&place, &script, false).unwrap_err();
                assert!(error.contains(says), "{script}: {error}");
                assert!(error.starts_with("./p.wasm cannot be compiled"), "{error}");
            }
        }
        // What is no component is said when it is loaded.
        compiled(&place, "exit 1", false).unwrap();
        compiled(&place, "exit 0", false).unwrap();
        // What was compiled once is not compiled again.
        compiled(&place, "exit 7", false).unwrap();
    }

    #[test]
    fn a_request_to_stop_ends_the_compiler() {
        let place = tempfile::tempdir().unwrap();
        let stopped = compiled(&place, "exec sleep 1000000", true).unwrap_err();
        assert_eq!(stopped, Error::Interrupted.to_string());
    }
}
