//! The Docker backend: containers, networks, volumes and images of one Docker Engine or Podman.
//!
//! The modules, in the order data flows:
//!
//! - `backend`: the `Backend` implementation, and the order of requests in each of its methods
//! - `config`: the backend's table of the configuration
//! - `context`: which daemon is meant: `DOCKER_HOST`, contexts, TLS files
//! - `connect`: a socket to that daemon
//! - `transport`: requests on it: API version, size limit, refusals
//! - `api_version`: a version of the API, and which ones this backend speaks
//! - `native`: which ids are full ids
//! - `wire`: the daemon's JSON, as far as we read it
//! - `place`: the daemon, as the identities of its resources name it
//! - `containers`, `networks`, `volumes`, `images`: from JSON to `Resource`
//! - `disks`: the disk that the data lies on, if it can be seen from here
//! - `events`: what the daemon tells of changes
//! - `finding`: what people mean by a name
//! - `unit`: what belongs together, and the labels of images
//! - `refusal`: what each status means, in one table
//! - `error`: what broken connections and bodies mean
//! - [`labelling`]: apart from the backend, a socket that labels what others create through it
//!
//! Actions (kill, delete) are bollard's, on our transport. Reads decode the JSON themselves, because
//! bollard's models refuse a whole listing for one state that they do not know, and would keep
//! environment variables in memory.

mod api_version;
mod backend;
mod config;
mod connect;
mod containers;
mod context;
mod disks;
mod error;
mod events;
mod finding;
mod images;
pub mod labelling;
mod names;
mod native;
mod networks;
mod place;
mod refusal;
mod transport;
mod unit;
mod volumes;
mod wire;

pub use backend::Docker;
pub use config::Config;

tbengine_sdk::backend!(
    "docker",
    "Docker Engine or Podman, local or remote",
    Docker::open,
    guard = labelling::GUARDING
);
