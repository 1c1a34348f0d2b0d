//! Starting, crashing and ending the daemon.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{CommandError, StartError};
use crate::lease::Lease;
use crate::supervisor::{self, Supervisor};

/// A private dockerd. Dropping it ends its containers and removes every trace of it.
#[derive(Debug)]
pub struct Dockerd {
    directory: PathBuf,
    hold: Hold,
}

/// What keeps the daemon running.
#[derive(Debug)]
enum Hold {
    /// Its supervisor, which takes orders.
    Own(Mutex<Supervisor>),
    /// A use of it, beside others.
    Shared(#[expect(dead_code, reason = "it is held, and does no more")] Lease),
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
    pub(crate) const fn word(self) -> &'static str {
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
/// What the names of the directories of daemons begin with.
const PREFIX: &str = "tbengine-dockerd-";
const PACKAGES: &str = "docker.io, iptables, busybox-static, util-linux, iproute2 and tar";
/// How long a daemon may take until it answers.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The daemon that all tests of one test binary share, with [`Dockerd::image`] in it: also where the runner
/// gives each of them a process of its own.
///
/// # Panics
/// If it cannot be started; the message says what is missing.
pub fn shared() -> &'static Dockerd {
    static SHARED: OnceLock<Dockerd> = OnceLock::new();
    SHARED.get_or_init(|| {
        let started = match std::env::var("NEXTEST_RUN_ID") {
            Ok(run) => {
                let program = std::env::current_exe().expect("this program has a path");
                // The runner is the process that started this one.
                Dockerd::share(&(run, program), std::os::unix::process::parent_id())
            }
            Err(_) => Dockerd::start(),
        };
        match started {
            Ok(daemon) => daemon,
            Err(error) => panic!("{error}"),
        }
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
        need(network)?;
        tbengine_harness::surroundings::make_usual();
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .map_err(|source| StartError::Io {
                what: "make a temporary directory",
                source,
            })?
            .keep();
        let supervisor =
            Supervisor::start(&directory, network).map_err(|source| StartError::Io {
                what: "start the supervisor",
                source,
            })?;
        let daemon = Self {
            directory,
            hold: Hold::Own(Mutex::new(supervisor)),
        };
        daemon.await_answer()?;
        daemon.import_image()?;
        Ok(daemon)
    }

    /// Uses the daemon of this name, which is started if there is none. It takes no orders, and ends when all
    /// that use it have ended, and the process `run` as well.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn share(name: &impl Hash, run: u32) -> Result<Self, StartError> {
        need(Network::None)?;
        tbengine_harness::surroundings::make_usual();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let directory = std::env::temp_dir().join(format!("{PREFIX}{:016x}", hasher.finish()));
        let failed = |source| StartError::Io {
            what: "share a daemon",
            source,
        };
        let (lease, starting) = Lease::take(&directory).map_err(failed)?;
        let daemon = Self {
            directory,
            hold: Hold::Shared(lease),
        };
        if let Some(starting) = starting {
            supervisor::start_shared(&daemon.directory, &starting, run).map_err(failed)?;
            daemon.await_answer()?;
            daemon.import_image()?;
            starting.done().map_err(failed)?;
        }
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
            // A context or proxy of the user who runs the tests must not leak in.
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
        self.supervisor().order("crash");
    }

    /// Ends dockerd as `systemctl stop` does, and waits for it. Containers are stopped, the socket
    /// file goes.
    pub fn terminate(&self) {
        self.supervisor().order("terminate");
    }

    /// Stops the process of dockerd, so that it accepts connections and never answers.
    pub fn freeze(&self) {
        self.supervisor().order("freeze");
    }

    /// Undoes [`Dockerd::freeze`].
    pub fn thaw(&self) {
        self.supervisor().order("thaw");
    }

    /// Starts dockerd again after [`Dockerd::crash`] or [`Dockerd::terminate`], and waits until it answers.
    ///
    /// # Errors
    /// `Silent` if it does not.
    pub fn restart(&self) -> Result<(), StartError> {
        self.supervisor().order("start");
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
        self.supervisor().network_namespace()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn supervisor(&self) -> MutexGuard<'_, Supervisor> {
        match &self.hold {
            Hold::Own(supervisor) => supervisor.lock().unwrap_or_else(PoisonError::into_inner),
            Hold::Shared(_) => panic!("a daemon that others use as well takes no orders"),
        }
    }

    fn await_answer(&self) -> Result<(), StartError> {
        let deadline = Instant::now() + START_TIMEOUT;
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
        if let Hold::Own(_) = self.hold {
            self.supervisor().end();
        }
    }
}

/// Answers whether a daemon can be started here.
fn need(network: Network) -> Result<(), StartError> {
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
    Ok(())
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
