//! The program over the simulated provider: one module per subject.

mod accounts;
mod config;
mod doctor;
mod explain;
mod failures;
mod files;
mod hostile;
mod interrupt;
mod journal;
mod lease;
mod list;
mod opening;
mod owners;
mod plan;
mod plugin;
mod policy;
mod registry;
mod run;
mod saved;
mod slow;
mod usage;
