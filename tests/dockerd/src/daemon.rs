//! Starting, crashing and ending the daemon.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A private dockerd. Dropping it ends its containers and removes every trace of it.
#[derive(Debug)]
pub struct Dockerd {
    directory: PathBuf,
    supervisor: Mutex<Supervisor>,
}

/// The shell that starts and ends the daemon; it lives as long as its standard input is open.
#[derive(Debug)]
struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

/// Why no private daemon could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is not installed.
    #[error("`{program}` is not installed; these tests need Debian's packages {packages}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The packages that hold all programs.
        packages: &'static str,
    },
    /// The process may not make namespaces and mounts.
    #[error("a private dockerd needs root: run the tests as root, or in a privileged container")]
    NotRoot,
    /// Files or processes could not be made.
    #[error("could not {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The daemon did not answer in time.
    #[error("dockerd did not answer within {} s; its log ends with:\n{log}", WAIT.as_secs())]
    Silent {
        /// The end of its log.
        log: String,
    },
    /// The docker command failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Which network the daemon gives containers that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// A bridge, so that their ports can be published in the daemon's own network namespace.
    Bridge,
}

impl Network {
    const fn word(self) -> &'static str {
        match self {
            Network::None => "none",
            Network::Bridge => "bridge",
        }
    }

    /// What the daemon needs for it besides [`PROGRAMS`].
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Network::None => &[],
            Network::Bridge => &["iptables", "docker-proxy"],
        }
    }
}

/// A docker command that failed.
#[derive(Debug, thiserror::Error)]
#[error("`docker {arguments}` failed: {stderr}")]
pub struct CommandError {
    /// Its arguments.
    pub arguments: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

const PROGRAMS: [&str; 8] = [
    "dockerd",
    "containerd",
    "runc",
    "docker",
    "busybox",
    "unshare",
    "ip",
    "tar",
];
const PACKAGES: &str = "docker.io, iptables, busybox-static, util-linux, iproute2 and tar";
const WAIT: Duration = Duration::from_secs(60);

/// The daemon that all tests of one test binary share, with [`Dockerd::image`] in it.
///
/// # Panics
/// If it cannot be started; the message says what is missing.
pub fn shared() -> &'static Dockerd {
    static SHARED: OnceLock<Dockerd> = OnceLock::new();
    SHARED.get_or_init(|| match Dockerd::start() {
        Ok(daemon) => daemon,
        Err(error) => panic!("{error}"),
    })
}

impl Dockerd {
    /// Starts a daemon, waits until it answers and imports the image.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn start() -> Result<Self, StartError> {
        Self::start_with(Network::None)
    }

    /// The same with a network.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn start_with(network: Network) -> Result<Self, StartError> {
        let programs = PROGRAMS.iter().chain(network.programs());
        let missing = programs.copied().find(|program| !is_installed(program));
        if let Some(program) = missing {
            return Err(StartError::Missing {
                program,
                packages: PACKAGES,
            });
        }
        if !is_root() {
            return Err(StartError::NotRoot);
        }
        let directory = tempfile::Builder::new()
            .prefix("tbengine-dockerd-")
            .tempdir()
            .map_err(|source| StartError::Io {
                what: "make a temporary directory",
                source,
            })?
            .keep();
        let supervisor = supervise(&directory, network).map_err(|source| StartError::Io {
            what: "start the supervisor",
            source,
        })?;
        let daemon = Self {
            directory,
            supervisor: Mutex::new(supervisor),
        };
        daemon.await_answer()?;
        daemon.import_image()?;
        Ok(daemon)
    }

    /// Its address, as `DOCKER_HOST` takes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("docker.sock")
    }

    /// Runs the docker command on it and gives what that printed, without the last newline.
    ///
    /// # Panics
    /// If the command fails.
    pub fn docker(&self, arguments: &[&str]) -> String {
        match self.try_docker(arguments) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// Like [`Dockerd::docker`], for commands that may fail.
    ///
    /// # Errors
    /// What the command wrote to standard error.
    pub fn try_docker(&self, arguments: &[&str]) -> Result<String, CommandError> {
        self.docker_with_input(arguments, Stdio::null())
    }

    pub(crate) fn docker_with_input(
        &self,
        arguments: &[&str],
        input: Stdio,
    ) -> Result<String, CommandError> {
        let failed = |stderr: String| CommandError {
            arguments: arguments
                .iter()
                .map(|word| word.chars().take(80).collect())
                .collect::<Vec<String>>()
                .join(" "),
            stderr,
        };
        let output = Command::new("docker")
            // A context or proxy of whoever runs the tests must not leak in.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.directory)
            .env("DOCKER_HOST", self.host())
            .args(arguments)
            .stdin(input)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// Posts JSON to the API, for what the docker command cannot say, and gives the body of the reply.
    ///
    /// # Panics
    /// If the daemon does not answer with a success.
    pub fn post(&self, path: &str, json: &str) -> String {
        let head = format!(
            "POST {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            json.len()
        );
        let reply = match exchange(&self.socket(), &[head.as_bytes(), json.as_bytes()].concat()) {
            Ok(reply) => reply,
            Err(error) => panic!("POST {path} failed: {error}"),
        };
        assert!(
            reply.starts_with("HTTP/1.0 2"),
            "POST {path} was refused: {reply}"
        );
        reply
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
            .unwrap_or_default()
    }

    /// Ends dockerd as `kill -9` does. Containers and containerd live on; the socket file stays.
    pub fn crash(&self) {
        self.command("crash");
    }

    /// Ends dockerd as `systemctl stop` does, and waits for it. Containers are stopped, the socket
    /// file goes.
    pub fn terminate(&self) {
        self.command("terminate");
    }

    /// Stops the process of dockerd, so that it accepts connections and never answers.
    pub fn freeze(&self) {
        self.command("freeze");
    }

    /// Undoes [`Dockerd::freeze`].
    pub fn thaw(&self) {
        self.command("thaw");
    }

    /// Starts dockerd again after [`Dockerd::crash`] or [`Dockerd::terminate`], and waits until it answers.
    ///
    /// # Errors
    /// `Silent` if it does not.
    pub fn restart(&self) -> Result<(), StartError> {
        self.command("start");
        self.await_answer()
    }

    /// Where it keeps what it manages.
    pub fn data_root(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The file of its network namespace, in which its published ports are, as nsenter(1) takes it.
    ///
    /// # Errors
    /// If the daemon is gone.
    pub fn network_namespace(&self) -> std::io::Result<PathBuf> {
        let supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // The supervisor's only child made the namespaces, and its only child is the first in them.
        let first = only_child(only_child(supervisor.child.id())?)?;
        Ok(format!("/proc/{first}/ns/net").into())
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn command(&self, word: &str) {
        let mut supervisor = self
            .supervisor
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let sent = supervisor
            .commands
            .as_mut()
            .map(|pipe| writeln!(pipe, "{word}"));
        assert!(
            matches!(sent, Some(Ok(()))),
            "the supervisor of dockerd is gone"
        );
        let mut reply = String::new();
        match supervisor.replies.read_line(&mut reply) {
            Ok(length) if length > 0 => {}
            _ => panic!("the supervisor of dockerd is gone"),
        }
    }

    fn await_answer(&self) -> Result<(), StartError> {
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            if answers(&self.socket()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.directory.join("dockerd.log")).unwrap_or_default();
        let from = log.len().saturating_sub(2_000);
        Err(StartError::Silent {
            log: log.get(from..).unwrap_or(&log).to_owned(),
        })
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let supervisor = self
            .supervisor
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        supervisor.commands = None;
        // Nothing can be done about a supervisor that fails; it has removed what it could.
        drop(supervisor.child.wait());
    }
}

fn only_child(process: u32) -> std::io::Result<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let child = children
        .split_whitespace()
        .next()
        .and_then(|child| child.parse().ok());
    child.ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

fn supervise(directory: &Path, network: Network) -> std::io::Result<Supervisor> {
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
    let mut child = Command::new("sh")
        .arg(directory.join("supervisor.sh"))
        .arg(directory)
        .arg(cgroup)
        .arg(network.word())
        // Outside of the test's process group, so that Ctrl-C does not end it before it has cleaned up.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let commands = child.stdin.take();
    let replies = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    Ok(Supervisor {
        child,
        commands,
        replies: BufReader::new(replies),
    })
}

fn answers(socket: &Path) -> bool {
    exchange(socket, b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        .is_ok_and(|reply| reply.contains(" 200 "))
}

/// One request and its reply on a connection of their own.
fn exchange(socket: &Path, request: &[u8]) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

fn is_root() -> bool {
    // The owner of our own entry is our effective user.
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
