//! Plugins that are dynamic libraries: the host's side of the C interface.
//!
//! A library is loaded once per process and never unloaded, because its threads and destructors would
//! outlive it. What a plugin gives back is looked up and never followed: a request and an opening are numbers,
//! and the host's table is compared with those that were lent. So a late, double or invented answer is counted
//! and harmless. The table of requests keeps the instance until the answer comes, and only the keeper, a thread
//! of this side, cancels and closes: so nothing here runs on the plugin's stack.
//!
//! - [`elsewhere`]: loading a library in another process first
//! - [`library`]: loading a library, and exchanging tables with it
//! - [`host_table`]: the host's table, which plugins call
//! - [`instance`]: opening a backend
//! - [`channel`]: requests to an open backend

mod channel;
pub(crate) mod elsewhere;
mod host_table;
mod instance;
mod library;

pub(crate) use elsewhere::Elsewhere;
pub(crate) use library::{Library, linked, load};
