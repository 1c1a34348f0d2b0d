//! The plugins that the configuration names: loading them, and finding the one that has a kind.
//!
//! - `spec`: plugins as they are configured
//! - `descriptor`: what a plugin says about itself
//! - `plugin`: one that is loaded
//! - `providers`: all of them, and who brings which kind
//! - `error`: why one is not used
//! - `log`: what they tell

mod descriptor;
mod error;
mod log;
mod plugin;
mod providers;
mod spec;

pub(crate) use descriptor::descriptor;
pub use error::PluginError;
pub(crate) use log::told;
pub use plugin::{Opening, Plugin};
pub use providers::Plugins;
pub use spec::{Code, PluginOptions, PluginSpec, Timeouts};
