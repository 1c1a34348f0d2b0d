//! Labels what the command makes in Docker: its `DOCKER_HOST` leads through a socket of the guard's.

use std::path::PathBuf;

use tbengine_docker::labelling::{Created, LabellingSocket};
use tbengine_engine::terms::Own;
use tbengine_store::HeldLease;

use crate::app::App;
use crate::args::lease::GuardedArgs;
use tbengine_ops::world;

const DOCKER: &str = "docker";
/// The address of a unix socket holds no longer path, with the byte that ends it.
const LONGEST_PATH: usize = 107;

/// The socket, if there is one.
pub(super) struct Labels {
    socket: Option<LabellingSocket>,
}

impl Labels {
    /// Listens, if a Docker is among the lease's backends. Without labels the command runs as well; then
    /// only less can be proven, so that is told.
    pub(super) async fn start(app: &App, args: &GuardedArgs, held: &dyn HeldLease) -> Self {
        if args.no_docker_labels || kinds(app, held).all(|kind| kind != DOCKER) {
            return Self { socket: None };
        }
        // What the command itself would reach, whatever the configuration calls by that name.
        let config = tbengine_docker::Config::default();
        let environment = &app.context.world.environment;
        let listening = async {
            let path = path(held).map_err(|error| error.to_string())?;
            let observations = held.observations().map_err(|error| error.to_string())?;
            let observer = Box::new(move |created: &Created| {
                if let Err(error) = observations.note(created.kind, &created.native) {
                    tracing::warn!(%error, "what was created cannot be noted");
                }
            });
            let run = &held.lease().id;
            LabellingSocket::listen(&path, &config, environment, run, observer)
                .await
                .map_err(|error| error.to_string())
        };
        match listening.await {
            Ok(socket) => Self {
                socket: Some(socket),
            },
            Err(error) => {
                app.console.warning(&format!(
                    "what the command makes in Docker gets no label by itself: {error}"
                ));
                Self { socket: None }
            }
        }
    }

    /// What to change in the environment of the command.
    pub(super) fn environment(&self, app: &App) -> Vec<(&'static str, Option<String>)> {
        let Some(socket) = &self.socket else {
            return Vec::new();
        };
        let mut changes = socket.environment();
        let before = changes.iter().map(|(name, _)| {
            let value = app.context.world.environment.get(*name).cloned();
            ((*name).to_owned(), value)
        });
        let before = world::outside(&before.collect());
        changes.push((world::OUTSIDE_VARIABLE, Some(before)));
        changes
    }

    /// Whether nothing that can be proven to be the run's own may still be on its way: everything goes
    /// through the socket, and nobody asked for anything there.
    pub(super) fn are_all_that_can_come(&self, held: &dyn HeldLease) -> bool {
        let terms = &held.lease().terms;
        let only_docker = matches!(&terms.backends[..], [only] if only == DOCKER);
        let is_unused = self.socket.as_ref().is_some_and(LabellingSocket::is_unused);
        only_docker && is_unused && terms.own == Own::Proven && terms.job_dirs.is_empty()
    }
}

/// The kinds of the lease's backends.
fn kinds<'a>(app: &'a App, held: &'a dyn HeldLease) -> impl Iterator<Item = &'a str> {
    let names = held.lease().terms.backends.iter();
    names.map(|name| {
        let table = app.context.config.file.backends.get(name);
        table.map_or(name.as_str(), |table| table.kind.as_str())
    })
}

/// Beside the lease, where a sweep removes it; elsewhere if that path is too long for a socket.
fn path(held: &dyn HeldLease) -> std::io::Result<PathBuf> {
    let beside = held.scratch().socket();
    if beside.as_os_str().len() <= LONGEST_PATH {
        return Ok(beside);
    }
    let directory = tempfile::Builder::new().prefix("tbengine-").tempdir()?;
    Ok(directory.keep().join("docker.sock"))
}
