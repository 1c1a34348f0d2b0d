//! Debian's `docker-registry`, on a port of its own, with what it stores in a directory that goes with it.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The user that a registry with credentials knows, and the password.
pub(crate) const USER: &str = "team";
pub(crate) const PASSWORD: &str = "correct-horse";
/// The same as htpasswd writes it; the registry reads nothing but bcrypt.
const HTPASSWD: &str = "team:$2b$04$z5.mJoqTTmqFABl9QkpJ4e7hyN56Fre4JqWlqR0ulTugzOS1iouOS\n";
const START: Duration = Duration::from_secs(20);

/// A registry that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Server {
    /// One that anyone may push to.
    pub(crate) fn open() -> Self {
        Self::start("")
    }

    /// One that knows [`USER`] only.
    pub(crate) fn locked() -> Self {
        Self::start("auth: {htpasswd: {realm: test, path: PASSWORDS}}\n")
    }

    fn start(auth: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("passwords"), HTPASSWD).unwrap();
        let auth = auth.replace("PASSWORDS", path("passwords").to_str().unwrap());
        let storage = path("data");
        let config = format!(
            "version: 0.1\nhttp: {{addr: \"127.0.0.1:0\"}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n{auth}",
            storage.display()
        );
        fs::write(path("config.yml"), config).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(path("config.yml"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("log")).unwrap())
            .spawn()
            .expect("docker-registry of Debian's package of this name is to be installed");
        let begun = Instant::now();
        let address = loop {
            let log = fs::read_to_string(path("log")).unwrap();
            if let Some((_, rest)) = log.split_once("listening on ") {
                let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
                // Its line is complete.
                if let Some(end) = end {
                    break rest[..end].to_owned();
                }
            }
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < START,
                "{ended:?}: {log}"
            );
            thread::sleep(Duration::from_millis(10));
        };
        Self {
            child,
            address,
            _directory: directory,
        }
    }

    /// A reference to something in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.address)
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
