//! What a lease has of this host besides its record: a socket, a log.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::{Result, StoreError};

/// Where what belongs to a lease may lie on this host, for this user alone.
#[derive(Clone, Debug)]
pub struct Scratch {
    directory: PathBuf,
    lease: String,
}

impl Scratch {
    /// Where it may lie for a lease, in a directory of this user.
    pub fn new(directory: PathBuf, lease: &str) -> Self {
        Self {
            directory,
            lease: lease.to_owned(),
        }
    }

    /// Where a socket may lie. It is removed when the lease ends.
    pub fn socket(&self) -> PathBuf {
        self.path("sock")
    }

    /// A file for what a process without a terminal has to say, and where it lies.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn log(&self) -> Result<(File, PathBuf)> {
        let path = self.path("log");
        match private().create(true).append(true).open(&path) {
            Ok(file) => Ok((file, path)),
            Err(source) => Err(StoreError::lease_io("make", &path, source)),
        }
    }

    /// Removes the socket, if there is one.
    pub(crate) fn remove_socket(&self) {
        std::fs::remove_file(self.socket()).ok();
    }

    fn path(&self, part: &str) -> PathBuf {
        self.directory.join(format!("{}.{part}", self.lease))
    }
}

/// Files that nobody else can read, and no links.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW.bits();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(flags.cast_signed());
    options
}
