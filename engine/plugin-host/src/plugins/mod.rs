//! The plugins that the configuration names: loading them, and finding the one that has a kind. Only here it is
//! known that a plugin is a library or a program.
//!
//! - `spec`: plugins as they are configured
//! - `plugin`: one that is loaded
//! - `providers`: all of them, and who brings which kind

mod plugin;
mod providers;
mod spec;

pub use plugin::{Opening, Plugin};
pub use providers::Plugins;
pub use spec::{Code, PluginOptions, PluginSpec};
