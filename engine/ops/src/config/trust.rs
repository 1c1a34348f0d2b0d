//! Who may have written a configuration file. As sshd is with its files: what others can change counts for nothing.

use std::path::Path;

use crate::error::Error;
use crate::input::Input;
use crate::operator::Operator;

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The operator's own configuration.
    Own,
    /// The configuration of a project, found in the working directory.
    Project,
    /// A recorded inventory.
    Recording,
}

/// Refuses a file as a whole that somebody else may have written. Groups may write to the files of a project, as many a
/// checkout is: its configuration can only narrow.
pub(crate) fn check(
    path: &Path,
    input: &Input,
    role: Role,
    operator: Operator,
) -> Result<(), Error> {
    let shown = path.display();
    let refused = |why: String, hint: String| {
        Err(Error::config(format!("{shown}: {why}, so nothing in it counts")).hint(hint))
    };
    // The owner of a link decides where it leads.
    let link = path.symlink_metadata().ok();
    let link = link.filter(std::fs::Metadata::is_symlink);
    let owners = [
        ("this file", Some(input.owner())),
        (
            "the link to this file",
            link.as_ref().map(std::os::unix::fs::MetadataExt::uid),
        ),
    ];
    for (what, owner) in owners {
        if let Some(owner) = owner.filter(|owner| !operator.is_one_of(*owner)) {
            return refused(
                format!("{what} belongs to another user (uid {owner})"),
                match role {
                    Role::Project => "run in another directory, or name the file with --config once it is your own".to_owned(),
                    Role::Own | Role::Recording => format!("make it your own: chown {} {shown}", operator.user),
                },
            );
        }
    }
    let writers = match role {
        Role::Project | Role::Recording => 0o002,
        Role::Own => 0o022,
    };
    match input.mode() & writers {
        0 => Ok(()),
        _ => refused(
            format!("others may write to this file (mode {:o})", input.mode()),
            format!("chmod go-w {shown}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const ME: u32 = 77;

    fn checked(path: &Path, role: Role, sudo: Option<u32>) -> Result<(), String> {
        let operator = Operator { user: ME, sudo };
        let input = Input::open(path).unwrap();
        check(path, &input, role, operator).map_err(|error| error.to_string())
    }

    fn file(folder: &tempfile::TempDir, owner: u32, mode: u32) -> std::path::PathBuf {
        let path = folder.path().join(format!("{owner}-{mode:o}"));
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner), None).unwrap();
        path
    }

    #[test]
    fn files_of_others_are_refused_as_a_whole() {
        if !rustix::process::geteuid().is_root() {
            let name = "files_of_others_are_refused_as_a_whole";
            tbengine_sdk::testkit::left_out::leave_out(name, "only root can give a file away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for (owner, mode, own, project) in [
            (ME, 0o600, true, true),
            (0, 0o644, true, true),
            (ME, 0o664, false, true),
            (ME, 0o646, false, false),
            (0, 0o666, false, false),
            (88, 0o600, false, false),
        ] {
            let path = file(&folder, owner, mode);
            for (role, is_fine) in [
                (Role::Own, own),
                (Role::Project, project),
                (Role::Recording, project),
            ] {
                let checked = checked(&path, role, None);
                assert_eq!(checked.is_ok(), is_fine, "{owner} {mode:o}: {checked:?}");
            }
        }
        let others = file(&folder, 88, 0o600);
        let error = checked(&others, Role::Own, None).unwrap_err();
        assert!(
            error.contains("belongs to another user (uid 88)"),
            "{error}"
        );
        // Who asked for the rights of root is still the operator.
        checked(&others, Role::Own, Some(88)).unwrap();
        let link = folder.path().join("link");
        symlink(file(&folder, ME, 0o600), &link).unwrap();
        checked(&link, Role::Own, None).unwrap();
        rustix::fs::chownat(
            rustix::fs::CWD,
            &link,
            Some(rustix::fs::Uid::from_raw(88)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
        let error = checked(&link, Role::Own, None).unwrap_err();
        assert!(error.contains("the link to this file belongs"), "{error}");
    }
}
