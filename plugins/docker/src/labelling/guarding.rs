//! The socket of a guard: its command's `DOCKER_HOST` leads through it.

use std::io;
use std::path::PathBuf;

use tbengine_sdk::creations::Starting;
use tbengine_sdk::{Creations, Error, ErrorKind, GuardOptions, Guarding, Result};

use super::{Created, Images, LabellingSocket};
use crate::config::Config;

/// The address of a unix socket holds no longer path, with the byte that ends it.
const MAX_PATH: usize = 107;

/// How what a guarded command creates gets the label of its run.
pub const GUARDING: Guarding = Guarding {
    product: "Docker",
    start,
};

impl Creations for LabellingSocket {
    fn environment(&self) -> Vec<(String, Option<String>)> {
        let changes = LabellingSocket::environment(self).into_iter();
        changes
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn is_unused(&self) -> bool {
        LabellingSocket::is_unused(self)
    }
}

fn start(options: GuardOptions) -> Starting {
    Box::pin(async move {
        let socket = listen(options).await?;
        Ok(Box::new(socket) as Box<dyn Creations>)
    })
}

async fn listen(options: GuardOptions) -> Result<LabellingSocket> {
    let path = short_enough(options.socket)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let observer = options.observer;
    let observer = Box::new(move |created: &Created| {
        observer(created.kind, &created.native, created.created);
    });
    // What the command itself would reach, whatever the configuration calls by that name.
    let config = Config::default();
    let images = Images {
        label: options.label_images,
        observer: options.image_observer,
    };
    let (environment, run) = (&options.environment, &options.run);
    LabellingSocket::listen_also(&path, &config, environment, run, observer, images)
        .await
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
}

/// This path; another if it is too long for a socket.
fn short_enough(path: PathBuf) -> io::Result<PathBuf> {
    if path.as_os_str().len() <= MAX_PATH {
        return Ok(path);
    }
    let directory = tempfile::Builder::new().prefix("tbengine-").tempdir()?;
    Ok(directory.keep().join("docker.sock"))
}
