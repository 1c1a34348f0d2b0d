//! Sessions with providers in which all is well, to be damaged one value after the other.
//!
//! - [`session`]: what is answered to each request, and what changes by deleting
//! - [`server`]: answers so
//! - [`docker`], [`daytona`], [`e2b`], [`plugin`]: one healthy session each, with something for each safeguard
//! - [`spot`]: one place of one answer, and what is wrong with it
//! - [`excuse`]: what may be missing without anyone noticing
//! - [`policies`]: what wants everything gone
//! - [`trial`]: lists, plans and applies over a session
//! - [`law`]: what must hold of a damaged session
//! - [`provider`]: the providers that have a session
//! - [`systematic`]: every damage to every value, one after the other

pub mod daytona;
pub mod docker;
pub mod e2b;
pub mod excuse;
pub mod law;
pub mod plugin;
pub mod policies;
pub mod provider;
pub mod server;
pub mod session;
pub mod spot;
pub mod systematic;
pub mod trial;
