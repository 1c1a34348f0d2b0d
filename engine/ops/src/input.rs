//! Files that are read as a whole: regular ones of bounded size. A pipe would hold the process that opens it, and a
//! device may never end.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// The largest configuration file that is read, in bytes.
pub const MAX_CONFIG: usize = 4 << 20;
/// The largest document that tbengine itself writes and reads again, like a saved plan, in bytes.
pub const MAX_DOCUMENT: usize = 1 << 30;

/// An open regular file.
#[derive(Debug)]
pub struct Input {
    file: File,
    metadata: Metadata,
}

impl Input {
    /// Opens a file without waiting for anybody.
    ///
    /// # Errors
    /// If it cannot be opened, or is a pipe, a device or a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.cast_signed())
            .open(path)?;
        // Of the very file that is open, whatever takes its place by now.
        let metadata = file.metadata()?;
        match metadata.is_file() {
            true => Ok(Self { file, metadata }),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// Who owns the file.
    pub fn owner(&self) -> u32 {
        self.metadata.uid()
    }

    /// The permissions of the file.
    pub fn mode(&self) -> u32 {
        self.metadata.mode() & 0o7777
    }

    /// The first so many bytes that the file holds.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn beginning(self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All that the file holds.
    ///
    /// # Errors
    /// If it cannot be read, or holds more than so many bytes.
    pub fn read(self, most: usize) -> io::Result<Vec<u8>> {
        // Files grow, and those of /proc have no size.
        let bytes = self.beginning(most + 1)?;
        match bytes.len() > most {
            false => Ok(bytes),
            true => Err(io::Error::other(format!("it is larger than {most} bytes"))),
        }
    }

    /// All that the file holds, as text.
    ///
    /// # Errors
    /// If it cannot be read, is not UTF-8, or holds more than so many bytes.
    pub fn text(self, most: usize) -> io::Result<String> {
        String::from_utf8(self.read(most)?).map_err(|_| io::Error::other("it is not UTF-8"))
    }
}

/// All that a regular file holds.
///
/// # Errors
/// If it cannot be read, is not a regular file, or holds more than so many bytes.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    Input::open(path)?.read(most)
}

/// All that a regular file holds, as text.
///
/// # Errors
/// If it cannot be read, is not UTF-8 or no regular file, or holds more than so many bytes.
pub fn text(path: &Path, most: usize) -> io::Result<String> {
    Input::open(path)?.text(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nobody_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for path in [&*pipe, folder.path(), Path::new("/dev/zero")] {
            let error = read(path, 10).unwrap_err().to_string();
            assert_eq!(error, "it is not a regular file", "{}", path.display());
        }
    }

    #[test]
    fn what_is_too_large_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(text(&path, 5).unwrap(), "12345");
        assert!(read(&path, 4).unwrap_err().to_string().contains("4 bytes"));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(text(&path, 5).is_err());
    }
}
