//! A unix socket in front of a daemon that labels what is created through it.
//!
//! Nothing that starts containers takes labels from its environment, but everything takes the daemon's
//! address from there. So a run that is to own what its processes create gives them this socket as
//! `DOCKER_HOST`. It passes the API on to the daemon and adds [`RUN_ID_LABEL`] with the run's id to what is
//! created:
//!
//! - containers (`POST /containers/create`), networks (`POST /networks/create`) and volumes
//!   (`POST /volumes/create`), by their JSON;
//! - volumes that a container names (`-v data:/path`) and that do not exist yet: the daemon would
//!   make them along with the container and without a label, so they are created right before it;
//! - images of `POST /build` and `POST /commit`, by a label of their own, [`IMAGE_RUN_ID_LABEL`]: what anyone
//!   runs from an image inherits the image's labels, and must not seem to belong to the run.
//!
//! A resource that has the label already keeps it: of guards inside of each other, the innermost owns
//! what is created. Everything else goes through unchanged and unread, in both directions and
//! without being gathered: build contexts, logs, events, archives of images, attached terminals.
//!
//! What gets no label: images that BuildKit builds through `/grpc` (give `docker buildx build` the
//! label), images that are pulled, loaded or imported, services and what else a swarm holds, and
//! what is created by Podman's own API below `/libpod`. Anonymous volumes have none either; the
//! observer is notified of them. Clients that take over a connection without asking for an upgrade, as none does
//! since Docker 1.9, get the output, and cannot send input.
//!
//! The modules, in the order a request takes:
//!
//! - `socket`: [`LabellingSocket`]: listens, lets in who may connect
//! - `client`: one client's connection: what becomes of each of its requests
//! - `creation`: which requests create something, and what a reply says was created
//! - `label`: the label in JSON and in queries
//! - `volumes`: the volumes that a container would make along with it
//! - `link`: the connection to the daemon that belongs to a client's
//! - `guarding`: the socket of a guard
//! - `failure`: the answer to the client where the daemon cannot answer
//!
//! [`RUN_ID_LABEL`]: tbengine_sdk::owner::RUN_ID_LABEL

mod client;
mod creation;
mod failure;
mod guarding;
mod label;
mod link;
mod socket;
mod volumes;

pub use crate::unit::IMAGE_RUN_ID_LABEL;
pub use creation::Created;
pub use guarding::GUARDING;
pub use socket::{Images, LabellingSocket, ListenError, Observer};
