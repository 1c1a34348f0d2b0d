//! The daemon, a home for each test, the reaper and its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tbengine_dockerd::{Dockerd, shared};
use tempfile::TempDir;

const STARTED: &str = "tbengine reaper: Started! listening on ";
/// What takes longer than this never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home of its own, and a name that no other test's resources carry.
pub(crate) struct World {
    pub(crate) daemon: &'static Dockerd,
    pub(crate) home: TempDir,
    pub(crate) session: &'static str,
}

/// What one session made.
pub(crate) struct Made {
    pub(crate) container: String,
    pub(crate) network: String,
    pub(crate) volume: String,
    pub(crate) image: String,
}

impl World {
    pub(crate) fn new(session: &'static str) -> Self {
        tbengine_harness::surroundings::make_usual();
        Self {
            daemon: shared(),
            home: tempfile::tempdir().expect("a directory can be made"),
            session,
        }
    }

    /// `session=NAME`, which all that belongs to the test carries.
    pub(crate) fn label(&self) -> String {
        format!("session={}", self.session)
    }

    /// The line that names it.
    pub(crate) fn line(&self) -> String {
        format!("label=session%3D{}\n", self.session)
    }

    /// A container that runs and carries the label, with further options.
    pub(crate) fn sleeper(&self, options: &[&str]) -> String {
        let label = self.label();
        self.daemon
            .run_sleeper(&[&["--label", &label], options].concat())
    }

    /// One of each kind. The image carries another label, `made-for=NAME:1`.
    pub(crate) fn make(&self) -> Made {
        let label = self.label();
        Made {
            container: self.sleeper(&[]),
            network: self
                .daemon
                .create_network(self.session, &["--label", &label]),
            volume: self
                .daemon
                .create_volume(self.session, &["--label", &label]),
            image: self.daemon.create_image(&format!("{}:1", self.session)),
        }
    }

    pub(crate) fn exists(&self, id: &str) -> bool {
        self.daemon.inspect(id, "{{.}}").is_ok()
    }

    /// Waits until something is gone.
    pub(crate) fn await_gone(&self, id: &str) {
        until(&format!("{id} is gone"), || !self.exists(id));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tbengine"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("DOCKER_HOST", self.daemon.host())
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn tbengine(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the program starts")
    }

    /// A reaper on a socket and a port, with short times.
    pub(crate) fn reaper(&self, arguments: &[&str]) -> Reaper {
        let socket = format!("unix://{}", self.socket("reaper").display());
        let mut command = self.command(&["reaper", "--listen", &socket]);
        command
            .args(["--listen", "tcp://127.0.0.1:0"])
            .args(arguments);
        command.env("TBENGINE_RECONNECTION_TIMEOUT", "1s");
        command.env("TBENGINE_SECOND_LOOK", "300ms");
        Reaper::start(command)
    }

    pub(crate) fn socket(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name).with_extension("sock")
    }
}

/// A reaper that listens. Dropping it kills it.
pub(crate) struct Reaper {
    child: Child,
    log: Arc<Mutex<String>>,
    addresses: Vec<String>,
}

impl Reaper {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let errors = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(String::new()));
        let (tell, told) = mpsc::channel();
        let lines = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if let Some(addresses) = line.strip_prefix(STARTED) {
                    tell.send(addresses.to_owned()).ok();
                }
                lines.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        let addresses = told
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("it did not start: {}", log.lock().unwrap()));
        Self {
            child,
            log,
            addresses: addresses.split(", ").map(str::to_owned).collect(),
        }
    }

    fn address(&self, scheme: &str) -> &str {
        let mut found = self
            .addresses
            .iter()
            .filter_map(|one| one.strip_prefix(scheme));
        found.next().expect("it listens there")
    }

    pub(crate) fn socket(&self) -> &Path {
        Path::new(self.address("unix://"))
    }

    pub(crate) fn port(&self) -> u16 {
        let (_, port) = self
            .address("tcp://")
            .rsplit_once(':')
            .expect("it has a port");
        port.parse().expect("a port is a number")
    }

    pub(crate) fn unix(&self) -> Client {
        Client::unix(self.socket())
    }

    pub(crate) fn tcp(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).expect("it listens");
        Client {
            read: BufReader::new(Box::new(stream.try_clone().unwrap())),
            write: Socket::Tcp(stream),
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What it wrote to the standard output, once it has ended.
    pub(crate) fn results(&mut self) -> String {
        let mut results = String::new();
        let output = self.child.stdout.as_mut().expect("it is piped");
        output.read_to_string(&mut results).expect("it is text");
        results
    }

    /// The exit code, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        until("the reaper ends", || !self.is_running());
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A connection. Dropping it closes it.
pub(crate) struct Client {
    read: BufReader<Box<dyn Read>>,
    write: Socket,
}

impl Client {
    /// Connects to a socket file.
    pub(crate) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("it listens");
        Self {
            read: BufReader::new(Box::new(stream.try_clone().unwrap())),
            write: Socket::Unix(stream),
        }
    }

    /// Sends these bytes.
    pub(crate) fn send(&mut self, text: &[u8]) {
        let sent = match &mut self.write {
            Socket::Unix(stream) => stream.write_all(text),
            Socket::Tcp(stream) => stream.write_all(text),
        };
        sent.expect("the reaper reads");
    }

    /// Says that nothing more is sent.
    pub(crate) fn finish(&mut self) {
        let done = match &mut self.write {
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
        };
        done.expect("the connection is open");
    }

    /// The next line, or nothing if the connection was closed.
    pub(crate) fn answer(&mut self) -> String {
        let mut line = String::new();
        // A connection that was reset is closed as well.
        self.read.read_line(&mut line).ok();
        line
    }

    /// Sends a line, and gives the answer.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.send(line.as_bytes());
        self.answer()
    }

    /// The own port.
    pub(crate) fn port(&self) -> u16 {
        match &self.write {
            Socket::Tcp(stream) => stream.local_addr().unwrap().port(),
            Socket::Unix(_) => panic!("a socket file has no ports"),
        }
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.expect("kill starts").success(), "{name} to {pid}");
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Longer than the time in which the reapers of these tests wait for another client.
pub(crate) fn outstay_reconnection() {
    thread::sleep(Duration::from_millis(1800));
}
