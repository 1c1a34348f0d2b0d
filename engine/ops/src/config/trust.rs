//! What a file may not say because of where it lies.

use std::path::Path;

use tbengine_engine::owners::Trust;

use super::file::File;
use super::find::ConfigLocation;
use super::settings::table::{Project, Row};
use super::settings::value::Plain;
use crate::error::Error;

/// Keys of a backend that decide where a credential goes, or are one.
const ENDPOINTS: [&str; 9] = [
    "host",
    "context",
    "tls-dir",
    "allow-plaintext",
    "api-url",
    "api-key",
    "api-key-file",
    "ca-file",
    "proxy",
];

/// Refuses endpoints and secrets in a file that someone else may have written, and in a project's file
/// what removes a safeguard. `pointer` leads to the line of a key, for messages.
pub fn check(
    file: &File,
    location: &ConfigLocation,
    pointer: impl Fn(&[&str]) -> String,
) -> Result<(), Error> {
    let endpoint = file.backends.iter().find_map(|(name, backend)| {
        let key = ENDPOINTS
            .iter()
            .find(|key| backend.settings.contains_key(**key))?;
        Some((name, *key))
    });
    if let Some((name, key)) = endpoint {
        let at = pointer(&["backends", name, key]);
        if location.project {
            return Err(Error::config(format!(
                "{at}: `{key}` decides where credentials are sent, so it is not allowed in ./tbengine.toml, which may come from a repository"
            ))
            .hint("put the table into ~/.config/tbengine/tbengine.toml, or pass the file with --config"));
        }
        if let Some(problem) = writable_by_others(&location.path) {
            return Err(Error::config(format!(
                "{at}: `{key}` decides where credentials are sent, and {problem}"
            ))
            .hint(format!("chmod go-w {}", location.path.display())));
        }
    }
    if let Some(name) = file.plugins.keys().next() {
        let at = pointer(&["plugins", name]);
        if location.project {
            return Err(Error::config(format!(
                "{at}: plugins run code, so they are not allowed in ./tbengine.toml, which may come from a repository"
            ))
            .hint("put the table into ~/.config/tbengine/tbengine.toml, or pass the file with --config"));
        }
        if let Some(problem) = writable_by_others(&location.path) {
            return Err(
                Error::config(format!("{at}: plugins run code, and {problem}"))
                    .hint(format!("chmod go-w {}", location.path.display())),
            );
        }
    }
    if let Some((name, _)) = file.backends.iter().find(|(_, one)| one.exclusive) {
        let at = pointer(&["backends", name, "exclusive"]);
        if location.project {
            return Err(Error::config(format!(
                "{at}: `exclusive` claims everything in an account, so it does not belong into ./tbengine.toml, \
                 which a repository may bring along"
            ))
            .hint("put the table into ~/.config/tbengine/tbengine.toml, or pass the file with --config"));
        }
        if let Some(problem) = writable_by_others(&location.path) {
            return Err(Error::config(format!(
                "{at}: `exclusive` claims everything in an account, and {problem}"
            ))
            .hint(format!("chmod go-w {}", location.path.display())));
        }
    }
    if location.project {
        let mut said = file.settings.said();
        said.try_for_each(|(row, value)| check_setting(row, &value, &pointer))?;
    }
    Ok(())
}

/// How far a file is trusted with owners: what is said to be a benchmark's may be deleted while it runs.
pub fn of_owners(location: &ConfigLocation) -> Trust {
    match location.project || writable_by_others(&location.path).is_some() {
        true => Trust::Stranger,
        false => Trust::Own,
    }
}

/// Refuses what a row says that a project's file may not say.
fn check_setting(
    row: &Row,
    value: &Plain,
    pointer: impl Fn(&[&str]) -> String,
) -> Result<(), Error> {
    let what = match row.project {
        Project::Nothing(what) => what,
        Project::NotZero(what) if value.is_zero() => what,
        Project::NotZero(_) | Project::Any => return Ok(()),
    };
    let at = pointer(&row.keys());
    let error = Error::config(format!("{at}: a project's file may not {what}"));
    Err(match row.flag {
        Some(flag) => error.hint(format!("pass --{} {value} instead", flag.name)),
        None => error,
    })
}

#[cfg(unix)]
fn writable_by_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let Ok(metadata) = path.metadata() else {
        return Some("the permissions of this file cannot be read".into());
    };
    if metadata.mode() & 0o022 != 0 {
        return Some(format!(
            "others may write to this file (mode {:o})",
            metadata.mode() & 0o777
        ));
    }
    let user = rustix::process::geteuid().as_raw();
    (metadata.uid() != user && metadata.uid() != 0)
        .then(|| format!("this file belongs to another user (uid {})", metadata.uid()))
}

#[cfg(not(unix))]
fn writable_by_others(_: &Path) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Config, read};

    fn checked(text: &str, mode: u32, project: bool) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tbengine.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = read::file(&path, text).unwrap();
        let config = Config {
            file,
            location: Some(ConfigLocation { path, project }),
            text: text.into(),
        };
        config.check().map_err(|error| error.to_string())
    }

    const HOST: &str = "[backends.d]\nkind = \"docker\"\nhost = \"tcp://x:1\"\n";

    #[test]
    fn endpoints_are_refused_in_a_projects_file() {
        for key in ENDPOINTS {
            let text = format!("[backends.d]\nkind = \"docker\"\n{key} = \"x\"\n");
            let error = checked(&text, 0o600, true).unwrap_err();
            assert!(
                error.contains(&format!("tbengine.toml:3: `{key}`")),
                "{error}"
            );
        }
        checked("[backends.d]\nkind = \"docker\"\n", 0o666, true).unwrap();
    }

    #[test]
    fn endpoints_are_refused_where_others_can_write() {
        checked(HOST, 0o644, false).unwrap();
        for mode in [0o664, 0o646] {
            assert!(
                checked(HOST, mode, false)
                    .unwrap_err()
                    .contains("others may write")
            );
        }
    }

    #[test]
    fn plugins_are_refused_in_a_projects_file_and_where_others_can_write() {
        let text = "[plugins.p]\npath = \"p.so\"\n";
        for (mode, project, says) in [
            (0o600, true, "plugins run code"),
            (0o666, false, "others may write"),
        ] {
            let error = checked(text, mode, project).unwrap_err();
            assert!(
                error.contains(says) && error.contains("tbengine.toml:1"),
                "{error}"
            );
        }
        checked(text, 0o644, false).unwrap();
    }

    #[test]
    fn a_file_of_others_can_say_what_is_kept_and_claims_nothing() {
        let kept = "[owners.ours]\nwhat = \"kept\"\nname = 'db-.*'\n";
        let ours = "[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]\nsure = true\n";
        let exclusive = "[backends.d]\nkind = \"docker\"\nexclusive = true\n";
        for (mode, project) in [(0o600, true), (0o666, false)] {
            checked(kept, mode, project).unwrap();
            let error = checked(ours, mode, project).unwrap_err();
            assert!(
                error.contains("tbengine.toml:1: somebody else may"),
                "{error}"
            );
            let error = checked(exclusive, mode, project).unwrap_err();
            assert!(
                error.contains("tbengine.toml:3: `exclusive` claims"),
                "{error}"
            );
        }
        for text in [kept, ours, exclusive] {
            checked(text, 0o644, false).unwrap();
        }
    }

    #[test]
    fn a_projects_file_cannot_switch_the_minimum_age_off() {
        let text = "[safeguards]\nmin-age = \"0s\"\n";
        assert!(
            checked(text, 0o600, true)
                .unwrap_err()
                .contains("minimum age")
        );
        checked(text, 0o600, false).unwrap();
    }
}
