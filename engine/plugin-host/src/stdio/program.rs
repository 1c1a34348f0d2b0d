//! Starting a process with the threads that serve it, and greeting it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use tbengine_sdk::wire::{self, Descriptor, Hello, Opened, PROTOCOL};
use tbengine_sdk::{Error, ErrorKind, Result};

use super::greeted::Greeted;
use super::group::Group;
use super::pipes::{read_answers, read_errors, write_lines};
use super::process::Process;
use crate::descriptor::descriptor;
use crate::error::PluginError;
use crate::remote;
use crate::secrets::Secrets;
use crate::timeouts::Timeouts;

/// How to start the process of a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) plugin: String,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) secrets: Secrets,
    pub(crate) timeouts: Timeouts,
    /// The process that said what the plugin is, for the first backend.
    pub(crate) greeted: Greeted,
}

impl Program {
    /// Starts the process and the threads that serve it.
    fn start(&self) -> Result<Arc<Process>> {
        let failed = |error: std::io::Error| {
            let text = format!("cannot start {}: {error}", self.path.display());
            Error::new(ErrorKind::Internal, text)
                .with_hint("it must be executable: a binary, or a script with a `#!` line")
        };
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(failed)?;
        let group = Group::new(&child);
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            group.kill();
            return Err(Error::new(ErrorKind::Internal, "a pipe is missing"));
        };
        let (lines, written) = mpsc::channel();
        let process = Arc::new(Process::new(
            self.plugin.clone(),
            self.secrets.clone(),
            group,
            lines,
        ));
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let builder = std::thread::Builder::new().name(format!("{name}-{}", self.plugin));
            builder.spawn(work).map(drop).map_err(failed)
        };
        thread("write", Box::new(move || write_lines(input, &written)))?;
        let shared = process.clone();
        let (read_all, all_read) = mpsc::channel::<()>();
        thread(
            "errors",
            Box::new(move || {
                read_errors(errors, &shared);
                drop(read_all);
            }),
        )?;
        let shared = process.clone();
        let (answers_read, was_read) = mpsc::channel();
        thread(
            "read",
            Box::new(move || {
                let verdict = read_answers(output, &shared);
                // It may have closed its output and live on.
                shared.kill();
                answers_read.send(verdict).ok();
            }),
        )?;
        let shared = process.clone();
        thread(
            "wait",
            Box::new(move || shared.end(child, &was_read, &all_read)),
        )?;
        Ok(process)
    }

    /// Starts the process, greets it and gives what it says about itself.
    fn greet(&self) -> Result<(Arc<Process>, Vec<u8>)> {
        let process = self.start()?;
        let hello = Hello {
            protocol: PROTOCOL,
            host: concat!("tbengine ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let said = process.ask(b"hello", wire::encode(&hello), self.timeouts.open);
        let said = said.inspect_err(|_| process.kill())?;
        Ok((process, said))
    }

    /// Starts the program to ask what it is, and keeps it for the first backend.
    pub(crate) fn ask_descriptor(&self) -> std::result::Result<Descriptor, PluginError> {
        let (process, said) = self.greet().map_err(|source| PluginError::Start {
            name: self.plugin.clone(),
            path: self.path.clone(),
            source: self.secrets.hide_in(source),
        })?;
        self.greeted.keep(process);
        descriptor(&self.plugin, &self.path, &said)
    }

    pub(super) fn open(&self, request: &[u8]) -> Result<(Arc<Process>, Opened)> {
        let process = match self.greeted.take() {
            Some(process) => process,
            None => self.greet()?.0,
        };
        let opened = process
            .ask(b"open", request.to_vec(), self.timeouts.open)
            .and_then(|body| remote::answer("open", &body))
            .inspect_err(|_| process.kill())?;
        Ok((process, opened))
    }
}
