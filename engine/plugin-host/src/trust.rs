//! Whether the code of a plugin may be run. Loading is executing, so all of this comes before.
//!
//! The configuration is the allow-list: nothing is loaded because it lies somewhere. What it names must
//! be a regular file that only root or this user can change, in directories of which the same holds, and
//! have the digest that is pinned. The file that was hashed stays open, so that it can be the one loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// What stands in the place of a digest where the operator wants none.
pub const ANY: &str = "any";

/// A file that may be run.
#[derive(Debug)]
pub struct Vetted {
    /// Its path without any symbolic link.
    pub path: PathBuf,
    /// Its absolute path as it was named. The interpreter of a virtual environment is a link, and finds the environment
    /// by where that lies.
    pub named: PathBuf,
    /// The very file that was looked at.
    pub file: File,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Why a file may not be run.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A relative path would mean another file in each working directory.
    #[error(
        "{} is a relative path; use an absolute path, or a file name in {}",
        path.display(),
        list(places)
    )]
    Relative {
        /// What was written.
        path: PathBuf,
        /// Where bare names are looked up.
        places: Vec<PathBuf>,
    },
    /// It is in none of the places where bare names are looked up.
    #[error("there is no {name} in {}", list(places))]
    NotFound {
        /// The bare name.
        name: String,
        /// Every place that was looked at.
        places: Vec<PathBuf>,
    },
    /// It cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a device, a pipe.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// Someone else owns it or a directory above it.
    #[error(
        "{} belongs to uid {owner}, and is used to run {}: change its owner to root or this user with `chown`",
        path.display(),
        file.display()
    )]
    Owner {
        /// The file, or the directory above it.
        path: PathBuf,
        /// Who owns that.
        owner: u32,
        /// What was to be run.
        file: PathBuf,
    },
    /// Others can change it or a directory above it.
    #[error(
        "others may write to {} (mode {mode:o}), which is used to run {}: `chmod go-w {}`",
        path.display(),
        file.display(),
        path.display()
    )]
    Writable {
        /// The file, or the directory above it.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What was to be run.
        file: PathBuf,
    },
    /// A digest is pinned for what is not there.
    #[error("a digest is pinned for {}, which is not among the arguments that are files", path.display())]
    NotAnArgument {
        /// What the digest is for.
        path: PathBuf,
    },
    /// No digest is written down.
    #[error(
        "{} is not pinned: if you trust it, add sha256 = \"{digest}\", or \"any\" to accept every version",
        path.display()
    )]
    NotPinned {
        /// The file.
        path: PathBuf,
        /// What its digest is now.
        digest: String,
    },
    /// Another file is there than the one that was meant.
    #[error(
        "{} has the digest {digest}; pinned is {pin}: if the change is intended, pin the new digest",
        path.display()
    )]
    OtherDigest {
        /// The file.
        path: PathBuf,
        /// What its digest is.
        digest: String,
        /// What it should be.
        pin: String,
    },
}

impl TrustError {
    /// Whether nothing is there that could be looked at, rather than something that may not be run.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Unreadable { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

fn list(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    match places.len() {
        0 => "no directory (neither TBENGINE_PLUGIN_DIR nor HOME is set)".to_owned(),
        _ => places.join(", "),
    }
}

/// Finds a file and decides whether it may be run.
///
/// `path` is absolute, or a bare file name that is looked up in `places`, of which the first hit counts.
///
/// # Errors
/// [`TrustError`] says what is wrong and how to fix it.
pub fn vet(path: &Path, places: &[PathBuf], pin: Option<&str>) -> Result<Vetted, TrustError> {
    let found = find(path, places)?;
    let unreadable = |source| TrustError::Unreadable {
        path: found.clone(),
        source,
    };
    let path = found.canonicalize().map_err(unreadable)?;
    // A pipe would block the process that opens it.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(TrustError::NotAFile { path });
    }
    let mut file = File::open(&path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(TrustError::NotAFile { path });
    }
    ownership(&path, &path, &metadata)?;
    above(&path, &path).map_err(|error| error.or(unreadable))?;
    // It is started by this name, so nobody else may decide where that leads.
    if found != path {
        above(&found, &path).map_err(|error| error.or(unreadable))?;
        links(&found, &path).map_err(|error| error.or(unreadable))?;
    }
    let digest = digest(&mut file).map_err(unreadable)?;
    match pin.map(|pin| pin.trim_start_matches("sha256:")) {
        None => return Err(TrustError::NotPinned { path, digest }),
        Some(ANY) => {}
        Some(pin) if pin.eq_ignore_ascii_case(&digest) => {}
        Some(pin) => {
            let pin = pin.to_owned();
            return Err(TrustError::OtherDigest { path, digest, pin });
        }
    }
    Ok(Vetted {
        path,
        named: found,
        file,
        sha256: digest,
    })
}

/// Decides whether what a program is started with may be used: each argument that is a file, as a whole or behind an
/// equals sign, may well be its code. `pins` are digests that some of them must have, by their paths.
///
/// # Errors
/// [`TrustError`] says what is wrong and how to fix it.
pub fn vet_arguments(
    arguments: &[String],
    pins: &BTreeMap<String, String>,
) -> Result<(), TrustError> {
    let mut unused: BTreeSet<&str> = pins.keys().map(String::as_str).collect();
    for argument in arguments {
        let value = argument.split_once('=').map(|(_, value)| value);
        for text in [Some(argument.as_str()), value].into_iter().flatten() {
            // Programs are started in the root directory.
            let path = Path::new("/").join(text);
            // Sockets and devices are no code.
            if text.is_empty() || !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                continue;
            }
            unused.remove(text);
            let pin = pins.get(text).map_or(ANY, String::as_str);
            vet(&path, &[], Some(pin))?;
        }
    }
    match unused.first() {
        None => Ok(()),
        Some(unused) => Err(TrustError::NotAnArgument {
            path: unused.into(),
        }),
    }
}

/// Why what leads to a file is not fit: it cannot be read, or others have a say in it.
enum Unfit {
    Unreadable(io::Error),
    Refused(TrustError),
}

impl Unfit {
    fn or(self, unreadable: impl Fn(io::Error) -> TrustError) -> TrustError {
        match self {
            Self::Unreadable(error) => unreadable(error),
            Self::Refused(error) => error,
        }
    }
}

/// Looks at every directory above a path.
fn above(path: &Path, file: &Path) -> Result<(), Unfit> {
    for above in path.ancestors().skip(1) {
        let metadata = above.metadata().map_err(Unfit::Unreadable)?;
        ownership(above, file, &metadata).map_err(Unfit::Refused)?;
    }
    Ok(())
}

/// Looks at the links on a path: in a directory that is open to all, others may have made one.
fn links(path: &Path, file: &Path) -> Result<(), Unfit> {
    for link in path.ancestors() {
        let metadata = link.symlink_metadata().map_err(Unfit::Unreadable)?;
        if metadata.is_symlink() {
            owner(link, file, &metadata).map_err(Unfit::Refused)?;
        }
    }
    Ok(())
}

/// The SHA-256 of a file in hex, without holding it in memory.
fn digest(file: &mut File) -> io::Result<String> {
    let (mut digest, mut part) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut part) {
            Ok(0) => return Ok(hex::encode(digest.finalize())),
            Ok(read) => digest.update(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn find(path: &Path, places: &[PathBuf]) -> Result<PathBuf, TrustError> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let mut parts = path.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
        return Err(TrustError::Relative {
            path: path.to_owned(),
            places: places.to_owned(),
        });
    };
    // A place that is relative itself would be the working directory by another name.
    let mut candidates = places
        .iter()
        .filter(|place| place.is_absolute())
        .map(|place| place.join(name));
    candidates
        .find(|candidate| candidate.exists())
        .ok_or_else(|| TrustError::NotFound {
            name: name.display().to_string(),
            places: places.to_owned(),
        })
}

/// As sshd is with its files: root or this user owns it, and nobody else can change it. A directory
/// with the sticky bit, like /tmp, may be open to all, because only owners can replace what is in it.
#[cfg(unix)]
fn ownership(path: &Path, file: &Path, metadata: &std::fs::Metadata) -> Result<(), TrustError> {
    use std::os::unix::fs::MetadataExt;

    owner(path, file, metadata)?;
    let mode = metadata.mode();
    let sticky = metadata.is_dir() && mode & 0o1000 != 0;
    if mode & 0o022 != 0 && !sticky {
        return Err(TrustError::Writable {
            path: path.to_owned(),
            mode: mode & 0o7777,
            file: file.to_owned(),
        });
    }
    Ok(())
}

#[cfg(unix)]
fn owner(path: &Path, file: &Path, metadata: &std::fs::Metadata) -> Result<(), TrustError> {
    use std::os::unix::fs::MetadataExt;

    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Err(TrustError::Owner {
            path: path.to_owned(),
            owner,
            file: file.to_owned(),
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn owner(_: &Path, _: &Path, _: &std::fs::Metadata) -> Result<(), TrustError> {
    Ok(())
}

#[cfg(not(unix))]
fn ownership(_: &Path, _: &Path, _: &std::fs::Metadata) -> Result<(), TrustError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A directory with a file in it that may be run.
    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        // Whatever mask of files these tests were started with.
        mode(folder.path(), 0o755);
        let path = folder.path().join("plugin.so");
        std::fs::write(&path, "code").unwrap();
        mode(&path, 0o644);
        (folder, path)
    }

    const DIGEST: &str = "5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b";

    #[test]
    fn a_file_with_the_pinned_digest_may_be_run() {
        let (_folder, path) = place();
        let vetted = vet(&path, &[], Some(DIGEST)).unwrap();
        assert_eq!((vetted.path, vetted.sha256), (path.clone(), DIGEST.into()));
        vet(&path, &[], Some(&DIGEST.to_uppercase())).unwrap();
        vet(&path, &[], Some(ANY)).unwrap();
    }

    #[test]
    fn another_digest_and_none_are_refused() {
        let (_folder, path) = place();
        let error = vet(&path, &[], Some("00")).unwrap_err().to_string();
        assert!(
            error.contains(DIGEST) && error.contains("pinned is 00"),
            "{error}"
        );
        let error = vet(&path, &[], None).unwrap_err().to_string();
        assert!(error.contains(&format!("sha256 = \"{DIGEST}\"")), "{error}");
        // An empty pin is not the same as `any`.
        assert!(vet(&path, &[], Some("")).is_err());
    }

    #[test]
    fn what_others_can_change_is_refused_and_so_is_what_lies_below() {
        for bits in [0o020, 0o002] {
            let (folder, path) = place();
            mode(&path, 0o644 | bits);
            let error = vet(&path, &[], Some(ANY)).unwrap_err();
            assert!(matches!(error, TrustError::Writable { .. }), "{error}");
            mode(&path, 0o644);
            mode(folder.path(), 0o755 | bits);
            let error = vet(&path, &[], Some(ANY)).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{error}");
            // Only owners can replace what is in a directory with the sticky bit.
            mode(folder.path(), 0o1755 | bits);
            vet(&path, &[], Some(ANY)).unwrap();
        }
    }

    #[test]
    fn what_someone_else_owns_is_refused() {
        if !rustix::process::geteuid().is_root() {
            let name = "what_someone_else_owns_is_refused";
            tbengine_sdk::testkit::left_out::leave_out(name, "only root can give a file away");
            return;
        }
        let (folder, path) = place();
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let error = vet(&path, &[], Some(ANY)).unwrap_err();
        assert!(error.to_string().contains("uid 12345"), "{error}");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(12345), None).unwrap();
        let error = vet(&path, &[], Some(ANY)).unwrap_err();
        assert!(matches!(error, TrustError::Owner { .. }), "{error}");
    }

    #[test]
    fn a_link_is_followed_and_what_it_points_to_is_looked_at() {
        let (folder, path) = place();
        let link = folder.path().join("link.so");
        symlink(&path, &link).unwrap();
        assert_eq!(vet(&link, &[], Some(ANY)).unwrap().path, path);
        mode(&path, 0o666);
        assert!(vet(&link, &[], Some(ANY)).is_err());
    }

    #[test]
    fn a_program_is_started_by_the_name_that_it_has() {
        let ((environment, _), (_folder, path)) = (place(), place());
        let link = environment.path().join("python3");
        symlink(&path, &link).unwrap();
        let vetted = vet(&link, &[], Some(ANY)).unwrap();
        assert_eq!((vetted.path, vetted.named), (path, link.clone()));
        // Who can replace the link decides what is started.
        mode(environment.path(), 0o777);
        let error = vet(&link, &[], Some(ANY)).unwrap_err();
        assert!(matches!(error, TrustError::Writable { .. }), "{error}");
        mode(environment.path(), 0o1777);
        vet(&link, &[], Some(ANY)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
            let error = vet(&link, &[], Some(ANY)).unwrap_err();
            assert!(matches!(error, TrustError::Owner { .. }), "{error}");
        }
    }

    #[test]
    fn arguments_that_are_files_are_looked_at_and_can_be_pinned() {
        let (_folder, path) = place();
        let text = path.to_str().unwrap().to_owned();
        let vet_with = |argument: String, pins: &[(&str, &str)]| {
            let pins = pins.iter();
            let pins = pins.map(|(path, pin)| ((*path).to_owned(), (*pin).to_owned()));
            let arguments = ["-u".to_owned(), argument, "/dev/null".to_owned()];
            vet_arguments(&arguments, &pins.collect())
        };
        let relative = text.trim_start_matches('/').to_owned();
        let ways = [text.clone(), format!("--script={text}"), relative];
        for way in &ways {
            vet_with(way.clone(), &[]).unwrap();
        }
        vet_with(text.clone(), &[(&text, DIGEST)]).unwrap();
        let error = vet_with(text.clone(), &[(&text, "00")]).unwrap_err();
        assert!(matches!(error, TrustError::OtherDigest { .. }), "{error}");
        let error = vet_with("-v".to_owned(), &[(&text, DIGEST)]).unwrap_err();
        assert!(matches!(error, TrustError::NotAnArgument { .. }), "{error}");
        mode(&path, 0o666);
        for way in &ways {
            let error = vet_with(way.clone(), &[]).unwrap_err();
            assert!(
                matches!(error, TrustError::Writable { .. }),
                "{way}: {error}"
            );
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let (folder, _) = place();
        for path in [folder.path(), Path::new("/dev/null")] {
            let error = vet(path, &[], Some(ANY)).unwrap_err();
            assert!(matches!(error, TrustError::NotAFile { .. }), "{error}");
        }
        let error = vet(&folder.path().join("gone"), &[], Some(ANY)).unwrap_err();
        assert!(matches!(error, TrustError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn bare_names_are_looked_up_in_order_and_relative_paths_never_work() {
        let ((first, _), (second, path)) = (place(), place());
        std::fs::remove_file(first.path().join("plugin.so")).unwrap();
        let places = [first.path().to_owned(), second.path().to_owned()];
        let found = vet(Path::new("plugin.so"), &places, Some(ANY)).unwrap();
        assert_eq!(found.path, path);
        let error = vet(Path::new("other.so"), &places, Some(ANY)).unwrap_err();
        for place in &places {
            assert!(
                error.to_string().contains(&place.display().to_string()),
                "{error}"
            );
        }
        for relative in ["./plugin.so", "../plugin.so", "a/plugin.so", "..", "."] {
            let error = vet(Path::new(relative), &places, Some(ANY)).unwrap_err();
            assert!(
                matches!(error, TrustError::Relative { .. }),
                "{relative}: {error}"
            );
        }
        let here = [PathBuf::from(".")];
        assert!(vet(Path::new("Cargo.toml"), &here, Some(ANY)).is_err());
    }
}
