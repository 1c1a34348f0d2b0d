//! A stateful server that behaves as Daytona's API (v0) does, ugly parts included.
//!
//! Tests start a [`FakeDaytona`], fill it with [`sandbox()`]es in any condition, plan what goes wrong
//! with a [`FaultPlan`], and compare what tbengine reports with what the [`Record`] knows. Users
//! start the program `fake-daytona` and try tbengine without an account.
//!
//! What the service does is in [`cloud`], which has neither HTTP nor a clock: every rule can be tested
//! by telling it the time. The modules, in the order in which a request meets them:
//!
//! - [`settings`]: what a test chooses about the service; `seed`: the leaked inventory
//! - [`tls`]: the service behind TLS, where that is wanted
//! - [`http`]: connections, the gate, the paths, and the admin interface under `/_fake`
//! - [`faults`]: what goes wrong, and when
//! - [`accounts`], `throttle`: organizations, keys, and how often they may call
//! - [`cloud`]: what callers ask for, and what runners do about it later
//! - `list`, `consistency`: the listing, and how it lags behind
//! - [`mod@sandbox`], [`state`], [`make`], `store`: what there is; [`snapshots`], [`volumes`]: what else
//! - `view`, [`error`]: what is shown
//! - [`oracle`]: what really happened; [`clock`] and `ids` serve all of them

pub mod accounts;
pub mod clock;
pub mod cloud;
mod consistency;
pub mod error;
pub mod faults;
pub mod http;
mod ids;
mod list;
pub mod make;
pub mod oracle;
pub mod sandbox;
mod seed;
pub mod settings;
pub mod snapshots;
pub mod state;
mod store;
mod throttle;
pub mod tls;
mod view;
pub mod volumes;

pub use accounts::permission;
pub use cloud::Cloud;
pub use cloud::change::Change;
pub use error::ApiError;
pub use faults::plan::{Fault, FaultPlan, Outage, Pagination, Rate, Scripted};
pub use http::server::FakeDaytona;
pub use make::{Make, sandbox};
pub use oracle::{By, Destruction, Record};
pub use sandbox::{Fields, Runner, Sandbox};
pub use settings::{FailedAuth, Listing, RetryAfter, RunnerTimes, Settings, Throttle, Throttles};
pub use snapshots::SnapshotState;
pub use state::{Desired, State};
pub use tls::TlsFront;
pub use volumes::VolumeState;
