//! Policies in registries.
//!
//! - `server`: Debian's `docker-registry`, on a port of its own
//! - `scripted`: a server that answers as a test says
//! - `moving`: pull, push, run, the cache
//! - `keys`: credentials, and where they go
//! - `hostile`: registries that mean ill, or are broken
//! - `tls`: whose certificate is believed

mod hostile;
mod keys;
mod moving;
mod scripted;
mod server;
mod tls;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tbengine_harness::{Ended, Home};

use crate::home;

/// A user with a cache of their own, in which compiled policies are those of every test.
pub(crate) struct User {
    pub(crate) host: Home,
}

impl User {
    pub(crate) fn new() -> Self {
        let host = home().memory("");
        let compiled = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tbengine/wasm");
        fs::create_dir_all(&compiled).unwrap();
        fs::create_dir_all(host.path("cache/tbengine")).unwrap();
        symlink(compiled, host.path("cache/tbengine/wasm")).unwrap();
        Self { host }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[])
    }

    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let cache = self.host.path("cache");
        let cache = [("XDG_CACHE_HOME", cache.to_str().unwrap())];
        let ended = self.host.run_with(args, &[&cache[..], variables].concat());
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }

    /// The files in the cache of registries, which have digests for names.
    pub(crate) fn cached(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.host.path("cache/tbengine/oci/sha256")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Writes a built-in policy to a file and pushes it; returns the reference that pins it.
    pub(crate) fn push(&self, policy: &str, reference: &str) -> String {
        let file = format!("{policy}.wasm");
        self.run(&["policy", "export", policy, "-o", &file, "--force"])
            .with_code(0);
        self.run(&["policy", "push", &file, reference, "-O", "json"])
            .with_code(0)
            .json()["reference"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The name of the policy that a plan was made with.
    pub(crate) fn planned_by(&self, policy: &str) -> String {
        let planned = self.run(&["plan", "--policy", policy, "-O", "json"]);
        planned.with_code(0).json()["plan"]["header"]["policy"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}
