//! The state directory: who may see it, and where it may lie.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::{DirError, StoreError};

/// A directory that may hold the state: of this user alone, and on this host.
#[derive(Clone, Debug)]
pub(super) struct StateDir {
    path: PathBuf,
}

/// Where the records of runs lie, under the state directory.
const RUNS: &str = "runs";
/// Where leases lie, under the state directory.
const LEASES: &str = "leases";

impl StateDir {
    /// Checks a directory, and makes it where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Directory`] with what is wrong with it.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let made = make(path).and_then(|()| Self::check(path));
        made.and_then(|state| {
            make(&state.path.join(RUNS))?;
            check(&state.path.join(RUNS))?;
            Ok(state)
        })
        .map_err(|why| StoreError::Directory {
            path: path.to_owned(),
            why,
        })
    }

    /// Checks a directory that may not exist yet. `None` if it does not.
    ///
    /// # Errors
    /// [`StoreError::Directory`] with what is wrong with it.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        match Self::check(path) {
            Ok(state) => Ok(Some(state)),
            Err(DirError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(StoreError::Directory {
                path: path.to_owned(),
                why,
            }),
        }
    }

    /// Whether a directory, be it fit or not, was seen to hold neither leases nor what runs share: nothing is
    /// lost by not reading it.
    pub(super) fn knows_nothing(path: &Path) -> bool {
        let is_absent = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        let has_no_leases = match std::fs::read_dir(path.join(LEASES)) {
            Err(error) => is_absent(error),
            Ok(mut entries) => entries.next().is_none(),
        };
        let shared = path.join("leases.db").symlink_metadata();
        has_no_leases && shared.err().is_some_and(is_absent)
    }

    fn check(path: &Path) -> Result<Self, DirError> {
        check(path)?;
        // SQLite is asked to follow no links, and a home may well lie behind one.
        let path = path.canonicalize()?;
        let kind = rustix::fs::statfs(&path).map_err(io::Error::from)?.f_type;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number's type differs between platforms; it fits into 32 bits on all"
        )]
        match network(kind as u32) {
            Some(name) => Err(DirError::Network(name)),
            None => Ok(Self { path }),
        }
    }

    /// The path, without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that all runs share.
    pub(super) fn shared(&self) -> PathBuf {
        self.path.join("leases.db")
    }

    /// Where leases lie.
    pub(super) fn leases(&self) -> PathBuf {
        self.path.join(LEASES)
    }

    /// Where the records of runs lie.
    pub(super) fn runs(&self) -> PathBuf {
        self.path.join(RUNS)
    }

    /// The record of one run.
    pub(super) fn run(&self, run: &str) -> PathBuf {
        self.runs().join(format!("{run}.db"))
    }

    /// Where the record of a run is begun, before it takes its place.
    pub(super) fn unfinished(&self, run: &str) -> PathBuf {
        self.runs().join(format!("{run}.new"))
    }

    /// Makes the names in the directory of the runs durable.
    pub(super) fn sync_runs(&self) -> io::Result<()> {
        File::open(self.runs())?.sync_all()
    }

    /// The ids of all runs that have a record, oldest first.
    pub(super) fn run_ids(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.runs()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".db"));
            ids.extend(id.filter(|id| is_run_id(id)).map(str::to_owned));
        }
        // Run ids begin with the time.
        ids.sort();
        Ok(ids)
    }
}

/// Whether a text may be the id of a run, and so the name of a file.
pub(super) fn is_run_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn make(path: &Path) -> Result<(), DirError> {
    // Whatever lies there is looked at afterwards; making it anew must not follow a link.
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let is_missing = |directory: &&Path| {
        !directory.as_os_str().is_empty() && directory.symlink_metadata().is_err()
    };
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // What lies in a directory is as durable as the names that lead there.
    missing.into_iter().try_for_each(sync_name)
}

/// Makes the name of a directory durable.
fn sync_name(directory: &Path) -> Result<(), DirError> {
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Who may make something in a directory may perhaps not read it, and then it cannot be asked for.
    match File::open(parent) {
        Ok(parent) => Ok(parent.sync_all()?),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn check(path: &Path) -> Result<(), DirError> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Err(DirError::Symlink);
    }
    if !metadata.is_dir() {
        return Err(DirError::NotADirectory);
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(DirError::Owner(metadata.uid()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(DirError::Mode(metadata.mode() & 0o7777));
    }
    Ok(())
}

/// The name of a file system that other hosts may use too, by the number that `statfs` gives. FUSE is
/// among them, because the number does not distinguish sshfs from a local one.
fn network(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x4750_4653 => "GPFS",
        0x786f_4256 => "vboxsf",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn why(path: &Path) -> String {
        StateDir::create(path).unwrap_err().to_string()
    }

    #[test]
    fn it_is_made_for_this_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/state");
        assert!(StateDir::open(&path).unwrap().is_none());
        let state = StateDir::create(&path).unwrap();
        for made in [path.clone(), home.path().join("a"), path.join("runs")] {
            let mode = made.metadata().unwrap().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", made.display());
        }
        assert_eq!(state.run_ids().unwrap(), Vec::<String>::new());
        assert!(StateDir::open(&path).unwrap().is_some());
    }

    #[test]
    fn what_others_may_use_or_redirect_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state");
        StateDir::create(&path).unwrap();
        for mode in [0o750, 0o701, 0o777] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(why(&path).contains("others have access to it"), "{mode:o}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        let link = home.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(why(&link).contains("symbolic link"));
        let dangling = home.path().join("dangling");
        symlink(home.path().join("elsewhere"), &dangling).unwrap();
        assert!(why(&dangling).contains("symbolic link"));
        assert!(!home.path().join("elsewhere").exists());
        std::fs::remove_dir(path.join("runs")).unwrap();
        symlink(home.path(), path.join("runs")).unwrap();
        assert!(why(&path).contains("symbolic link"));
        std::fs::write(home.path().join("file"), "").unwrap();
        assert!(why(&home.path().join("file")).contains("not a directory"));
    }

    #[test]
    fn a_home_behind_a_link_is_fine() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("real")).unwrap();
        symlink(home.path().join("real"), home.path().join("home")).unwrap();
        let state = StateDir::create(&home.path().join("home/state")).unwrap();
        assert!(state.path().ends_with("real/state"));
    }

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        for (magic, name) in [
            (0x6969, "NFS"),
            (0xff53_4d42, "CIFS"),
            (0x0102_1997, "9p"),
            (0x6573_5546, "FUSE"),
        ] {
            assert_eq!(network(magic), Some(name));
        }
        // ext4, tmpfs, overlay, xfs, btrfs, zfs
        for magic in [
            0xef53,
            0x0102_1994,
            0x794c_7630,
            0x5846_5342,
            0x9123_683e,
            0x2fc1_2fc1,
        ] {
            assert_eq!(network(magic), None);
        }
    }

    #[test]
    fn only_ids_of_runs_name_files() {
        assert!(is_run_id("01923456-789a-7fff-bfff-ffffffffffff"));
        for wrong in ["", "..", "a/b", "a.b", "é", &"a".repeat(65)] {
            assert!(!is_run_id(wrong), "{wrong}");
        }
    }
}
