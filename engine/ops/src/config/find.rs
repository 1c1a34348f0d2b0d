//! Which configuration files are read: the one that `--config` or `$TBENGINE_CONFIG` names, or else
//! `$XDG_CONFIG_HOME/tbengine/tbengine.toml` and on top of it `./tbengine.toml`.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::world::World;

/// What a file is called.
pub const NAME: &str = "tbengine.toml";

/// Where the files lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigLocation {
    /// The one that is the operator's own word: it was named, or lies in the configuration directory of the user.
    pub own: Option<PathBuf>,
    /// The one that was found in the working directory without being named. A repository brings such a file along, so
    /// it is not the operator's word.
    pub project: Option<PathBuf>,
}

/// Finds the files. One that was named counts even if it is not there, so that reading it fails.
pub fn find(world: &World, named: Option<&Path>) -> ConfigLocation {
    if let Some(path) = named {
        return ConfigLocation {
            own: Some(path.to_owned()),
            project: None,
        };
    }
    let own = user_file(world).filter(|path| exists(path));
    let project = Some(PathBuf::from(NAME)).filter(|path| exists(path));
    let project = project.filter(|path| !own.as_deref().is_some_and(|own| are_one(own, path)));
    ConfigLocation { own, project }
}

/// Where the user's own file lies or would lie.
pub fn user_file(world: &World) -> Option<PathBuf> {
    Some(world.directory("XDG_CONFIG_HOME", ".config")?.join(NAME))
}

/// Whether something is there; what cannot be looked at is, and reading it will say why.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Whether two paths lead to one file: the working directory may be that of the user's own file.
fn are_one(one: &Path, other: &Path) -> bool {
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
