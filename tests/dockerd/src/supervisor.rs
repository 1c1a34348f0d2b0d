//! The process outside of the test that starts and ends the daemon.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::daemon::Network;
use crate::lease::{ORDERS, Starting};

/// The shell that starts and ends the daemon; it lives as long as its standard input is open.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Supervisor {
    /// Starts the shell and, through it, the daemon.
    pub(crate) fn start(directory: &Path, network: Network) -> std::io::Result<Self> {
        let mut child = command(directory, network)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take();
        let replies = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            child,
            commands,
            replies: BufReader::new(replies),
        })
    }

    /// Gives it an order, and waits until that is done.
    ///
    /// # Panics
    /// If it is gone.
    pub(crate) fn order(&mut self, word: &str) {
        let sent = self.commands.as_mut().map(|pipe| writeln!(pipe, "{word}"));
        assert!(
            matches!(sent, Some(Ok(()))),
            "the supervisor of dockerd is gone"
        );
        let mut reply = String::new();
        match self.replies.read_line(&mut reply) {
            Ok(length) if length > 0 => {}
            _ => panic!("the supervisor of dockerd is gone"),
        }
    }

    /// The file of the daemon's network namespace.
    pub(crate) fn network_namespace(&self) -> std::io::Result<PathBuf> {
        // The supervisor's only child made the namespaces, and its only child is the first in them.
        let first = only_child(only_child(self.child.id())?)?;
        Ok(format!("/proc/{first}/ns/net").into())
    }

    /// Lets it end the daemon, and waits for that.
    pub(crate) fn end(&mut self) {
        self.commands = None;
        // Nothing can be done about a supervisor that fails; it has removed what it could.
        drop(self.child.wait());
    }
}

/// Starts the shell for a daemon that several processes use, one of which is the process `run`.
pub(crate) fn start_shared(directory: &Path, starting: &Starting, run: u32) -> std::io::Result<()> {
    let mut child = command(directory, Network::None)?
        .arg(run.to_string())
        .arg(directory.join(ORDERS))
        .stdin(starting.orders.try_clone()?)
        .stdout(Stdio::null())
        .spawn()?;
    // It may end before this process does.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Lays out the files of a daemon, and gives the command of its shell.
fn command(directory: &Path, network: Network) -> std::io::Result<Command> {
    let write = |name: &str, text: &str| fs::write(directory.join(name), text);
    let shown = directory.display();
    write("supervisor.sh", include_str!("supervisor.sh"))?;
    write("daemon.sh", include_str!("daemon.sh"))?;
    write("daemon.json", "{}")?;
    write(
        "containerd.toml",
        &format!(
            "version = 2\nroot = \"{shown}/containerd/root\"\nstate = \"{shown}/containerd/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{shown}/containerd.sock\"\n"
        ),
    )?;
    let cgroup = directory.file_name().unwrap_or_default();
    let log = fs::File::create(directory.join("supervisor.log"))?;
    let mut command = Command::new("sh");
    command
        .arg(directory.join("supervisor.sh"))
        .arg(directory)
        .arg(cgroup)
        .arg(network.word())
        // Outside of the test's process group, so that Ctrl-C does not end it before it has cleaned up.
        .process_group(0)
        .stderr(log);
    Ok(command)
}

fn only_child(process: u32) -> std::io::Result<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let child = children
        .split_whitespace()
        .next()
        .and_then(|child| child.parse().ok());
    child.ok_or_else(|| std::io::ErrorKind::NotFound.into())
}
