//! Everything that is written: results to the standard output, the rest to the standard error.
//!
//! - [`escape`]: the one place that makes foreign text safe to show
//! - [`span`]: text with a tone
//! - [`view`]: what a command answers, in every format
//! - [`out`]: the standard output; every line and document goes through it
//! - [`page`]: lines for people
//! - [`console`]: the standard error, with the progress bar and the prompt
//! - [`table`]: rows in columns that fit the terminal
//! - [`json`] and [`csv`]: results for programs
//! - [`human`]: times, sizes and ids for people
//! - [`plan`] and [`report`]: plans and reports for people
//! - [`run`] and [`swept`]: what came of a run, and of a sweep
//! - [`reaper`]: what a reaper has to say
//! - [`obstacles`]: what stands in the way of a plan
//! - [`watcher`]: what shows the events of a run as they happen
//! - [`totals`]: what resources take up together
//! - [`log`]: what writes log records to the standard error

pub(crate) mod console;
pub(crate) mod csv;
pub(crate) mod escape;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod obstacles;
pub(crate) mod out;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod reaper;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod span;
pub(crate) mod swept;
pub(crate) mod table;
pub(crate) mod totals;
pub(crate) mod view;
pub(crate) mod watcher;
