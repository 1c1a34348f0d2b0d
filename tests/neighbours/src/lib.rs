//! Stories of a shared machine: who made what, and what tbengine may do to it.
//!
//! A seed makes a story, and from there on nothing is left to chance: the story is played, line by line, against the engine with
//! its rules about owners and its built-in policies. Only the ledger knows whose a thing is, since those who make things
//! write it; the engine has to find out from labels and names, as it does on a real machine. What it removes is compared
//! with what an operator is [entitled] to.
//!
//! | | invariant |
//! |---|---|
//! | N1 | what tbengine ends or removes, the operator was entitled to have removed, when tbengine read it last |
//! | N2 | nothing of it had changed since the plan, and tbengine read it before it acted |
//! | N3 | it was not too young, by true time (part of N1) |
//! | N4 | nothing else is missing |
//! | N5 | what was removed is reported, and what is reported as removed is gone |
//! | N6 | without faults, two runs remove everything whose maker is gone and whose owner is proven |
//! | N7 | where nothing fails, a run takes no more requests than its listings and steps need |
//!
//! The modules, in the order data flows:
//!
//! - [`act`]: what people and programs do
//! - [`story`]: what happens, line by line
//! - [`make`]: a story from a seed
//! - [`ledger`]: who made what
//! - [`draft`]: what is to be made
//! - [`provider`]: where it is made
//! - [`machine`]: a machine, and the ledger of what is on it
//! - [`simulated`]: the simulated provider
//! - [`entitled`]: what an operator is entitled to
//! - [`watch`]: what tbengine does, compared with the ledger
//! - [`cost`]: how many requests a run may take
//! - [`counts`]: what occurred
//! - [`drive`]: plays stories in simulated time
//! - [`mod@real`]: plays them on a real dockerd
//! - [`shrink`]: what of a story is needed for its failure

pub mod act;
pub mod cost;
pub mod counts;
pub mod draft;
pub mod drive;
pub mod entitled;
pub mod ledger;
pub mod machine;
pub mod make;
pub mod provider;
pub mod real;
pub mod shrink;
pub mod simulated;
pub mod story;
pub mod watch;

pub use drive::play;
pub use make::from_seed;
pub use story::Story;
