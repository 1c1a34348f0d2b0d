//! The Docker backend: containers, networks, volumes and images of one Docker Engine or Podman.
//!
//! The modules, in the order data flows:
//!
//! - `backend`: the `Backend` implementation, and the order of requests in each of its methods
//! - `config`: the backend's table of the configuration
//! - `context`: which daemon is meant: `DOCKER_HOST`, contexts, TLS files
//! - `connect`: a socket to that daemon
//! - `transport`: requests on it: API version, size limit, refusals
//! - `connection`: the transport, and bollard on it
//! - `api_version`: a version of the API, and which ones this backend supports
//! - `native`: which ids are full ids
//! - `wire`: the daemon's JSON, as far as we read it
//! - `account_ref`: the daemon, as the identities of its resources name it
//! - `containers`, `networks`, `volumes`, `images`: from JSON to `Resource`
//! - `disks`: the disk that the data lies on, if it can be seen from here
//! - `events`: changes that the daemon reports
//! - `finding`: what people mean by a name
//! - `item`: reading one item of many, in its own time
//! - `unit`: what belongs together, and the labels of images
//! - `refusal`: what each status means, in one table
//! - `error`: what broken connections and bodies mean
//! - [`labelling`]: apart from the backend, a socket that labels what others create through it
//!
//! Actions (kill, delete) and inspections of networks and volumes are bollard's, on our transport, which lets nothing
//! leave but the requests of a short list, and bounds each reply on the socket itself. The other reads decode the JSON
//! themselves. What those cost more through bollard, by `--example reads`, and what else is against it:
//!
//! | read | more through bollard | |
//! |---|---|---|
//! | `GET /networks/ID` | 5 µs of dockerd's 320 | bollard's |
//! | `GET /volumes/NAME` | 1 to 4 µs of dockerd's 65 | bollard's |
//! | `GET /images/ID/json` | 6 µs of dockerd's 300 | ours, with the types of the listing, for the walk over its parents |
//! | `GET /containers/ID/json` | 22 µs of dockerd's 180 | environment variables would be kept in memory; a state of Podman's that it does not know is an error |
//! | `GET /containers/json`, 1,000 and 5,000 | 3.5 and 5 times as long | one state that it does not know refuses all |
//! | `GET /images/json` | 1.0 times | a size that is null refuses all |
//! | `GET /networks` | 1.4 times | a subnet in another form refuses all |
//! | `GET /volumes` | 1.3 to 1.5 times | a scope that it does not know refuses all; so does `GET /system/df` |
//! | `GET /_ping`, `/info`, `/version` | | what is wanted of them is in headers, which bollard does not show |
//!
//! Listings are not bollard's whatever they cost, because one odd item must cost that item. The figures are the least of
//! 15 rounds in alternation, of recorded answers that are given at once; dockerd's time is that of a request among eight.

mod account_ref;
mod api_version;
mod backend;
mod config;
mod connect;
mod connection;
mod containers;
mod context;
mod disks;
mod error;
mod events;
mod finding;
mod images;
mod item;
pub mod labelling;
mod names;
mod native;
mod networks;
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
    guard = labelling::GUARDING,
    variables = ["DOCKER_HOST", "DOCKER_CONTEXT"]
);
