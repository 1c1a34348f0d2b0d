//! The Daytona backend: sandboxes, snapshots and volumes of one organization.
//!
//! The modules, in the order data flows:
//!
//! - `backend`: the `Backend` implementation
//! - `config`: the backend's table of the configuration, and the environment
//! - `credential`: the key or token, and where it comes from
//! - `client`: the service at one endpoint, by the kit of the sdk
//! - `service`: what the service says otherwise than most, and what each status means, in one table
//! - `error`: the errors that no answer of the service brings
//! - `wire`: the service's JSON, as far as we read it, and no stricter
//! - `native`: which ids are ids
//! - `recent`: reads of the last moment
//! - `poller`: one poller for all sandboxes whose deletion was accepted
//! - `undeletable`: sandboxes that the service cannot delete in the state they are in
//! - `account_scope`: the organization and what of it is listed; becomes part of identities
//! - `account`: the organization behind the credential, and what the key may do
//! - `sandboxes`, `snapshots`, `volumes`: the requests of each kind, and from JSON to `Resource`
//! - `state`: from the service's states to ours
//!
//! What is peculiar to Daytona, and holds everywhere here:
//!
//! - A deletion is accepted, not done. Only a read by id proves that a sandbox is gone.
//! - Deleting a sandbox in `error` or `build_failed` answers 200 and only hides it; the service itself
//!   throws the row away days later. Such sandboxes are listed as `failed` with the fact
//!   `hidden=true`, and deleting them ends as `stuck`, never as `deleted`.
//! - Stopping an ephemeral sandbox (`ephemeral=true`) deletes it, and so it is never archived.
//! - Listings may lag behind. The engine reads every resource again before it acts.

mod account;
mod account_scope;
mod backend;
mod busy;
mod client;
mod config;
mod credential;
mod error;
mod links;
mod native;
mod poller;
mod recent;
mod sandboxes;
mod service;
mod snapshots;
mod state;
mod undeletable;
mod volumes;
mod wire;

pub use backend::Daytona;
pub use config::Config;

tbengine_sdk::backend!(
    "daytona",
    "Daytona cloud sandboxes, hosted or self-hosted",
    Daytona::open,
    variables = ["DAYTONA_API_KEY", "DAYTONA_JWT_TOKEN"]
);
