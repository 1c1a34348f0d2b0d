//! A lease in the hands of this process.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use tbengine_sdk::{Kind, Timestamp};

use super::Store;
use super::error::{LeaseError, failed};
use super::files::OBSERVED;
use crate::journal::open_options;
use crate::lease::baseline::Baseline;
use crate::lease::observations::{self, Observations};
use crate::lease::record::Lease;
use tbengine_engine::terms::Terms;

/// A lease that this process holds.
#[derive(Debug)]
pub struct Held {
    pub(super) store: Store,
    pub(super) lease: Lease,
    pub(super) lock: File,
}

impl Held {
    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// What was there before it was taken.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn baseline(&self) -> Result<Baseline, LeaseError> {
        self.store.read_file(&self.lease.id, "baseline")
    }

    /// The lock, to hand it to another process.
    ///
    /// # Errors
    /// If there are no more descriptors.
    pub fn share(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// A file for what a process without a terminal has to say, and where it lies.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn log(&self) -> Result<(File, PathBuf), LeaseError> {
        let path = self.store.path(&self.lease.id, "log");
        match open_options().create(true).append(true).open(&path) {
            Ok(file) => Ok((file, path)),
            Err(source) => Err(failed("make", &path, source)),
        }
    }

    /// A book of what its holder saw being created under the lease, and that carries no label.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn observations(&self) -> Result<Observations, LeaseError> {
        let path = self.store.path(&self.lease.id, OBSERVED);
        Observations::open(&path).map_err(|source| failed("make", &path, source))
    }

    /// What was seen being created under the lease.
    ///
    /// # Errors
    /// If the file cannot be read. A line that was cut short by a crash counts for nothing.
    pub fn observed(&self) -> Result<HashSet<(Kind, String)>, LeaseError> {
        let path = self.store.path(&self.lease.id, OBSERVED);
        observations::read(&path).map_err(|source| failed("read", &path, source))
    }

    /// Where a socket may lie that belongs to the lease. It is removed when the lease ends.
    pub fn socket(&self) -> PathBuf {
        self.store.path(&self.lease.id, "sock")
    }

    /// Changes what counts as made under the lease. From here on it survives a crash.
    ///
    /// # Errors
    /// If that cannot be written; then nothing is changed.
    pub fn change(&mut self, terms: Terms) -> Result<(), LeaseError> {
        let lease = Lease {
            terms,
            ..self.lease.clone()
        };
        self.store.write(&lease.id, "json", &lease)?;
        self.lease = lease;
        Ok(())
    }

    /// Notes that everything made under the lease was seen to be gone.
    ///
    /// # Errors
    /// If that cannot be written; then the next sweep looks again.
    pub fn end(&mut self, at: Timestamp) -> Result<(), LeaseError> {
        self.lease.ended = Some(at);
        fs::remove_file(self.socket()).ok();
        self.store.write(&self.lease.id, "json", &self.lease)
    }
}
