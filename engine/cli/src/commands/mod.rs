//! One module per command.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod guard;
pub(crate) mod history;
pub(crate) mod lease;
pub(crate) mod list;
pub(crate) mod owners;
pub(crate) mod plan;
pub(crate) mod plugin;
pub(crate) mod policy;
#[cfg(feature = "reaper")]
pub(crate) mod reaper;
pub(crate) mod resume;
pub(crate) mod run;
