//! Whose a resource is, as far as facts prove it.
//!
//! The rules are data: a file is embedded, and the configuration adds a team's own. They are the same for
//! every backend, so no plugin can claim to be proven. What no rule proves is nobody's, which means that it
//! is kept.
//!
//! The modules, from what is written to what comes of it:
//!
//! - [`table`]: owners, rules and facts as they are written
//! - [`example`]: resources of which the file says whose they are
//! - [`line`](mod@line): the line of the file on which something is written
//! - [`complaint`]: what is wrong with a rule, and where
//! - [`what`]: benchmark, product, or kept on purpose
//! - [`placeholder`]: what stands for a value of the resource itself
//! - [`pattern`]: regular expressions with placeholders
//! - [`template`]: the name of a unit
//! - [`subject`]: what a fact is about
//! - [`fact`]: something that may hold of a resource
//! - [`rule`]: the facts that prove an owner together
//! - [`ways`]: how many facts a rule needs at least
//! - [`owner`]: an owner with its rules
//! - [`read`]: from tables to checked rules
//! - [`set`]: all owners
//! - [`seen`]: what rules look at
//! - [`memory`]: what was proven before
//! - `matcher`: the rules, held against many resources
//! - [`judge`]: the owners of the resources of an account
//! - [`explain`]: why a rule holds or does not
//! - [`trials`]: the names of trials

pub mod complaint;
pub mod example;
pub mod explain;
pub mod fact;
pub mod judge;
pub mod line;
mod matcher;
pub mod memory;
pub mod owner;
pub mod pattern;
pub mod placeholder;
pub mod read;
pub mod rule;
pub mod seen;
pub mod set;
pub mod subject;
pub mod table;
pub mod template;
pub mod trials;
pub mod ways;
pub mod what;

pub use complaint::{Complaint, OwnersError};
pub use explain::{Explained, Looked};
pub use judge::{Learned, Proof, Proven};
pub use line::line_of;
pub use memory::{Memory, NoMemory, Remembered};
pub use owner::KnownOwner;
pub use read::Trust;
pub use rule::Rule;
pub use seen::{Account, Seen};
pub use set::Owners;
pub use table::{FactTable, OwnerTable, RuleTable};
pub use what::What;
