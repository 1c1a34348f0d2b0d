//! SHA-256 of what is written, without holding it in memory.

use std::io;

use sha2::{Digest as _, Sha256};

/// Takes bytes in any portions; their digest does not depend on how they were cut.
#[derive(Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// The digest of everything so far, in hex.
    pub fn hex(self) -> String {
        hex::encode(self.0.finalize())
    }
}

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
