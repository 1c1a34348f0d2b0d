//! A directory in which no other user has a say, for what runs as it lies there.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
/// In a directory with this bit only owners can replace what is in it.
const STICKY: u32 = 0o1000;

/// Checks a directory that may not exist yet, and those above it: they belong to this user or to root, and nobody else
/// can write there. Gives its path without links.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(path: &Path) -> io::Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let refused = |path: &Path, why: &str| {
        let message = format!("{} {why}", path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    };
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(found) if found.is_symlink() => return refused(path, "is a link"),
        Ok(found) if !found.is_dir() => return refused(path, "is not a directory"),
        // Root's is as good as one's own to read, but this one is written as well.
        Ok(found) if found.uid() != user => return refused(path, &belongs(&found)),
        Ok(found) if found.mode() & OTHERS_WRITE != 0 => {
            return refused(path, "can be written by others");
        }
        Ok(_) => {}
    }
    let place = without_links(path)?;
    for above in place.ancestors().skip(1) {
        let found = match above.metadata() {
            // What is made there is made for this user alone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if found.uid() != 0 && found.uid() != user {
            return refused(above, &belongs(&found));
        }
        if found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
            return refused(above, "can be written by others");
        }
    }
    Ok(place)
}

fn belongs(found: &Metadata) -> String {
    format!("belongs to another user (uid {})", found.uid())
}

/// The path without links, as far as it exists.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = path;
    loop {
        match existing.canonicalize() {
            Ok(mut place) => {
                place.extend(missing.iter().rev());
                return Ok(place);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(name), Some(parent)) = (existing.file_name(), existing.parent()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        missing.push(name.to_owned());
        existing = parent;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_is_private_if_all_above_it_are() {
        let folder = tempfile::tempdir().unwrap();
        let (above, place) = (folder.path().join("a"), folder.path().join("a/b"));
        // It need not exist.
        check(&place.join("c")).unwrap();
        std::fs::create_dir_all(&place).unwrap();
        for (directory, bits, is_fine) in [
            (&place, 0o755, true),
            (&place, 0o775, false),
            (&place, 0o1777, false),
            (&above, 0o777, false),
            (&above, 0o1777, true),
        ] {
            mode(directory, bits);
            let checked = check(&place);
            assert_eq!(checked.is_ok(), is_fine, "{bits:o}: {checked:?}");
            mode(directory, 0o700);
        }
        let link = folder.path().join("link");
        symlink(&place, &link).unwrap();
        assert!(check(&link).unwrap_err().to_string().contains("is a link"));
        // A home may well lie behind one.
        symlink(&above, folder.path().join("home")).unwrap();
        let behind = check(&folder.path().join("home/b")).unwrap();
        assert_eq!(behind, place.canonicalize().unwrap());
    }

    #[test]
    fn what_belongs_to_somebody_else_is_not_private() {
        if !rustix::process::geteuid().is_root() {
            let name = "what_belongs_to_somebody_else_is_not_private";
            tbengine_sdk::testkit::left_out::leave_out(name, "only root can give a file away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a/b");
        std::fs::create_dir_all(&place).unwrap();
        for directory in [&place, folder.path()] {
            std::os::unix::fs::chown(directory, Some(12345), None).unwrap();
            let error = check(&place).unwrap_err().to_string();
            assert!(error.contains("uid 12345"), "{error}");
            std::os::unix::fs::chown(directory, Some(0), None).unwrap();
        }
    }
}
