//! What a policy answers about recorded inventories, and what is expected of it.
//!
//! - [`recorded`]: recorded inventories, judged by a policy
//! - [`cases`]: recorded inventories with what is expected

pub mod cases;
pub mod recorded;

pub use cases::{Advice, Case, Expected, Retry};
pub use recorded::Said;
