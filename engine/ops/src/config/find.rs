//! Which configuration file is read: `--config`, `$TBENGINE_CONFIG`, `./tbengine.toml`,
//! `$XDG_CONFIG_HOME/tbengine/tbengine.toml`, the first there is.

use std::path::{Path, PathBuf};

use crate::world::World;

/// What the file is called.
pub const NAME: &str = "tbengine.toml";

/// Where the file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLocation {
    /// Its path.
    pub path: PathBuf,
    /// Whether it was found in the working directory without being named. A repository brings such a
    /// file along, so it is not the operator's word.
    pub project: bool,
}

/// Finds the file. One that was named counts even if it is not there, so that reading it fails.
pub fn find(world: &World, named: Option<&Path>) -> Option<ConfigLocation> {
    if let Some(path) = named {
        return Some(ConfigLocation {
            path: path.to_owned(),
            project: false,
        });
    }
    let project = PathBuf::from(NAME);
    if exists(&project) {
        return Some(ConfigLocation {
            path: project,
            project: true,
        });
    }
    let user = user_file(world)?;
    exists(&user).then_some(ConfigLocation {
        path: user,
        project: false,
    })
}

/// Where the user's own file lies or would lie.
pub fn user_file(world: &World) -> Option<PathBuf> {
    Some(world.directory("XDG_CONFIG_HOME", ".config")?.join(NAME))
}

/// Whether something is there; what cannot be looked at is, and reading it will say why.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}
