//! Where the lease is written down. In a container that nothing can be written to there may be no place
//! that lasts; then it is one in memory, which goes with this process.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use tbengine_store::{DirError, Host, SqliteStore, StoreError};

use crate::config::Settings;
use crate::config::settings::Source;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice, ReaperNotice};

/// Where things can be written in most containers, also where the image cannot be.
const IN_MEMORY: [&str; 2] = ["/dev/shm", "/tmp"];

/// The state directory, which is removed with this if it was made for this process alone.
#[derive(Debug)]
pub(super) struct StateDir {
    temporary: Option<PathBuf>,
}

impl Drop for StateDir {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            // What is left lies in memory, and is nobody else's.
            fs::remove_dir_all(path).ok();
        }
    }
}

/// Sees to it that there is a state directory. One that the operator named must be fit.
pub(super) fn settle(
    context: &Context,
    settings: &mut Settings,
    front: &mut dyn Front,
) -> Result<StateDir, Error> {
    let setting = &mut settings.state_dir;
    let why = match &setting.value {
        None => "HOME is not set".to_owned(),
        Some(path) => match is_fit(path, &context.world.host) {
            Ok(()) => return Ok(StateDir { temporary: None }),
            Err(error) if setting.source == Source::Default => error.to_string(),
            Err(error) => return Err(error.into()),
        },
    };
    let Some(temporary) = IN_MEMORY.iter().find_map(|root| make(context, root).ok()) else {
        return Err(Error::config(format!("no directory for leases: {why}"))
            .hint("set one with --state-dir"));
    };
    front.notice(Notice::Reaper(ReaperNotice::InMemory { why: &why }));
    setting.value = Some(temporary.clone());
    Ok(StateDir {
        temporary: Some(temporary),
    })
}

fn is_fit(path: &Path, host: &Host) -> Result<(), StoreError> {
    let store = SqliteStore::create(path, host)?;
    access(store.directory(), Access::WRITE_OK).map_err(|error| StoreError::Directory {
        path: path.to_owned(),
        why: DirError::Io(error.into()),
    })
}

fn make(context: &Context, root: &str) -> io::Result<PathBuf> {
    let path = Path::new(root).join(format!("tbengine-{}", context.world.run));
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}
