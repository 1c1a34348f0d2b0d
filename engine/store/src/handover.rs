//! A lease on its way to another process of this host.

use std::os::fd::OwnedFd;
use std::process::Stdio;

/// What another process of this host needs to hold a lease as well. It gets the lease's id in words, and the
/// rest as a descriptor that it inherits; what that is, only the store knows that made it.
#[derive(Debug)]
pub struct Handover {
    pub(crate) lease: String,
    pub(crate) descriptor: OwnedFd,
}

impl Handover {
    /// The handover of a lease that this process was started with.
    pub fn received(lease: &str, descriptor: OwnedFd) -> Self {
        Self {
            lease: lease.to_owned(),
            descriptor,
        }
    }

    /// The lease.
    pub fn lease(&self) -> &str {
        &self.lease
    }

    /// What the child process is to be started with.
    pub fn into_stdio(self) -> Stdio {
        self.descriptor.into()
    }
}
