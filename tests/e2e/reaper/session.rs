//! A session: a home for it, a reaper and its clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::{Deref, DerefMut};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tbengine_dockerd::{Dockerd, shared};
use tbengine_harness::{Home, Running, eventually};

use crate::home;

const STARTED: &str = "tbengine reaper: Started! listening on ";

/// A home of its own, and a name that no other test's resources carry.
pub(crate) struct World {
    pub(crate) daemon: &'static Dockerd,
    pub(crate) home: Home,
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
        Self {
            daemon: shared(),
            home: home().docker(&shared().host()),
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
        eventually(&format!("{id} is gone"), || !self.exists(id));
    }

    /// A reaper on a socket and a port, with short times.
    pub(crate) fn reaper(&self, arguments: &[&str]) -> Reaper {
        let socket = format!("unix://{}", self.socket("reaper").display());
        let mut command = self.home.command(&["reaper", "--listen", &socket]);
        command
            .args(["--listen", "tcp://127.0.0.1:0"])
            .args(arguments);
        command.env("TBENGINE_RECONNECTION_TIMEOUT", "1s");
        command.env("TBENGINE_SETTLE_TIME", "300ms");
        Reaper::start(command)
    }

    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.home.path(name).with_extension("sock")
    }
}

/// A reaper that listens. Dropping it kills it.
pub(crate) struct Reaper {
    running: Running,
    addresses: Vec<String>,
}

impl Deref for Reaper {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for Reaper {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl Reaper {
    pub(crate) fn start(command: Command) -> Self {
        let running = Running::start(command);
        let addresses = running.await_line(STARTED);
        Self {
            running,
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

/// Longer than the time in which the reapers of these tests wait for another client.
pub(crate) fn outstay_reconnection() {
    thread::sleep(Duration::from_millis(1800));
}
