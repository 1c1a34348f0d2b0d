//! What a run, a resume, a sweep, a guard and a lease are: the layer between the engine and its fronts
//! (the command line, a service, a program that embeds it).
//!
//! It reads the files that the configuration or a request names, the processes that carry a lease's id, and
//! the store. It does not read the environment, the wall clock, the terminal, signals or arguments: a front
//! hands those in.
//!
//! - [`world`]: what a process reads of the world, once
//! - [`config`]: the configuration file, and what is in force
//! - [`context`]: what every operation works with
//! - [`backends`], [`plugins`], [`policies`]: opening what the configuration names
//! - [`own`]: what tbengine itself runs in
//! - [`stored`]: opening the store
//! - [`mod@discover`]: what exists, knowing what was proven of owners before
//! - [`facts`]: what the safeguards know
//! - [`front`]: the caller of an operation, which hears events and approves plans
//! - [`sweep_end`]: how sweeping a lease ended
//! - [`draft`]: a plan on its way to being applied
//! - [`guard`]: a command under a lease, and deleting what it left behind
//! - [`holding`]: a lease in the hands of a Rust program
//! - [`explain`]: what is known about one resource
//! - [`history`]: the runs there were
//! - [`doctor`]: what is configured, what answers, and what is missing
//! - [`lease`]: taking a lease, what was made under it, and removing that
//! - [`policy_tests`]: what a policy answers
//! - [`plugin_check`]: the conformance kit over a plugin
//! - [`scaffold`]: what policies and plugins begin with
//! - [`mod@plan`]: what would be done, and why
//! - [`mod@run`]: what a run is
//! - [`mod@resume`]: what a resume is
//! - `returning`: what comes back after each deletion
//! - [`reaper`]: leases over a socket
//! - [`operator`]: the users whose files are believed
//! - [`input`]: files that are read as a whole
//! - [`escape`]: text of others, made safe to show
//! - [`short_id`]: ids as people read them
//! - [`compiling`]: compiling a policy in a process of its own
//! - [`error`]: why an operation could not do its work

pub mod backends;
mod background;
pub mod compiling;
pub mod config;
pub mod context;
pub mod discover;
pub mod doctor;
pub mod draft;
pub mod error;
pub mod escape;
pub mod explain;
pub mod facts;
pub mod front;
pub mod guard;
pub mod history;
pub mod holding;
pub mod input;
pub mod lease;
mod opening;
pub mod operator;
pub mod own;
pub mod plan;
pub mod plugin_check;
pub mod plugins;
pub mod policies;
pub mod policy_tests;
mod private_dir;
pub mod reaper;
pub mod resume;
mod returning;
pub mod run;
pub mod scaffold;
pub mod short_id;
pub mod stored;
pub mod sweep_end;
pub mod world;

pub use context::{Context, Purpose};
pub use draft::Draft;
pub use error::Error;
pub use front::{Approval, Front, Notice, ReaperNotice};
pub use holding::{HoldError, Holding, Released};
pub use plan::plan;
pub use resume::{ResumeEnd, ResumeRequest, Resumed, resume};
pub use run::{RunEnd, RunRequest, SavedPlan, run};
