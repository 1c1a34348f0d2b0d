//! What was fetched before, by digest. Nothing in it is believed: readers hash it again.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::reference::Digest;

/// A directory with a file per digest; without one, nothing is kept.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: Option<PathBuf>,
}

/// What the cache holds under a digest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    Nothing,
    Bytes(Vec<u8>),
    /// Other bytes than those with the digest.
    Damaged(PathBuf),
}

impl Cache {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            directory: directory.map(|directory| directory.join("sha256")),
        }
    }

    /// Reads what has this digest and at most `limit` bytes.
    pub(crate) fn read(&self, digest: &Digest, limit: usize) -> Cached {
        let Some(directory) = &self.directory else {
            return Cached::Nothing;
        };
        let path = directory.join(digest.hex());
        match read(&path, limit) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Cached::Bytes(bytes),
            Ok(_) => Cached::Damaged(path),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "the cache cannot be read");
                }
                Cached::Nothing
            }
        }
    }

    /// Keeps bytes under their digest. Failing to do so does not stop the caller.
    pub(crate) fn write(&self, digest: &Digest, bytes: &[u8]) {
        let Some(directory) = &self.directory else {
            return;
        };
        if let Err(error) = write(directory, digest, bytes) {
            tracing::warn!(path = %directory.display(), %error, "the policy is fetched on every run");
        }
    }
}

fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // What is larger loses its end, and with it its digest.
    File::open(path)?
        .take(limit as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A reader sees meanwhile either nothing or all of it. It is not synced: a crash may leave an empty
/// file, which its digest gives away.
fn write(directory: &Path, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(directory.join(digest.hex()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_digest_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path().to_owned()));
        let digest = Digest::of(b"wasm");
        assert_eq!(cache.read(&digest, 4), Cached::Nothing);
        cache.write(&digest, b"wasm");
        assert_eq!(cache.read(&digest, 4), Cached::Bytes(b"wasm".to_vec()));
        // Larger than it may be.
        let path = folder.path().join("sha256").join(digest.hex());
        assert_eq!(cache.read(&digest, 3), Cached::Damaged(path.clone()));
        for damage in [&b""[..], b"wasn", b"wasm "] {
            fs::write(&path, damage).unwrap();
            assert_eq!(cache.read(&digest, 9), Cached::Damaged(path.clone()));
        }
        cache.write(&digest, b"wasm");
        assert_eq!(cache.read(&digest, 4), Cached::Bytes(b"wasm".to_vec()));
        // Nothing else is left beside it.
        assert_eq!(
            fs::read_dir(folder.path().join("sha256")).unwrap().count(),
            1
        );
    }

    #[test]
    fn without_a_directory_nothing_is_kept() {
        let cache = Cache::new(None);
        cache.write(&Digest::of(b"wasm"), b"wasm");
        assert_eq!(cache.read(&Digest::of(b"wasm"), 4), Cached::Nothing);
    }
}
