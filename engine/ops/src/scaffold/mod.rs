//! What policies and plugins begin with: projects that work, written from templates.
//!
//! - [`mod@policy`]: a policy
//! - `templates`: its templates, by language
//! - [`mod@plugin`]: a plugin

pub mod plugin;
pub mod policy;
mod templates;

pub use plugin::{Language, Sdk, plugin};
pub use policy::policy;
