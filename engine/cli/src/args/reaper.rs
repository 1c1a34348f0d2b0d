//! The arguments of `reaper`.

use clap::Args;
use tbengine_ops::reaper::Address;

use super::lease::SettleTimeArgs;
use super::scope::BackendArgs;
use super::values::{self, Span};

/// The arguments of `reaper`.
#[derive(Debug, Args)]
#[command(after_help = "\
Testcontainers can use it in place of Ryuk: clients connect and write filters like `label=KEY=VALUE&label=KEY`, one per
line; each is answered `ACK` once it is on disk. The connection is the lease. When the last client has been gone for
--reconnection-timeout, every container, network, volume and image that matches a filter is deleted, then those that
were still being created, and the reaper exits. Ryuk's variables (RYUK_PORT, RYUK_CONNECTION_TIMEOUT,
RYUK_RECONNECTION_TIMEOUT, RYUK_SHUTDOWN_TIMEOUT, RYUK_VERBOSE) apply where no flag or TBENGINE_ variable is given.

Examples:
  tbengine reaper                                      on 127.0.0.1:8080, also in a container
  tbengine reaper --keep --listen unix:///run/user/1000/tbengine.sock
  printf 'label=job=7\\n' | nc -U /run/user/1000/tbengine.sock")]
pub(crate) struct ReaperArgs {
    /// Address to listen on: unix:///PATH (this user only) or tcp://ADDRESS:PORT [default:
    /// tcp://127.0.0.1:8080]
    #[arg(
        long,
        value_name = "WHERE",
        env = "TBENGINE_LISTEN",
        value_delimiter = ','
    )]
    pub(crate) listen: Vec<Address>,
    #[command(flatten)]
    pub(crate) backends: BackendArgs,
    /// How long to wait for the first client [default: 1m]
    #[arg(long, value_name = "DURATION", env = "TBENGINE_CONNECTION_TIMEOUT")]
    pub(crate) connection_timeout: Option<Span>,
    /// How long to wait for another client after the last one disconnected [default: 10s]
    #[arg(long, value_name = "DURATION", env = "TBENGINE_RECONNECTION_TIMEOUT")]
    pub(crate) reconnection_timeout: Option<Span>,
    /// How long clients may stay connected after a request to stop [default: 10m]
    #[arg(long, value_name = "DURATION", env = "TBENGINE_SHUTDOWN_TIMEOUT")]
    pub(crate) shutdown_timeout: Option<Span>,
    #[command(flatten)]
    pub(crate) settle_time: SettleTimeArgs,
    /// Keep waiting for clients afterwards, until stopped
    #[arg(long, env = "TBENGINE_KEEP", value_parser = values::boolish())]
    pub(crate) keep: bool,
    /// Exit afterwards; overrides TBENGINE_KEEP
    #[arg(long, env = "TBENGINE_ONCE", value_parser = values::boolish())]
    pub(crate) once: bool,
    /// Never delete images, even those that a client names
    #[arg(long, env = "TBENGINE_NO_IMAGES", value_parser = values::boolish())]
    pub(crate) no_images: bool,
}
