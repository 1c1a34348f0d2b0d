//! What a policy answers: about recorded inventories, where it is compared with what is expected or with what
//! another one answers, and about a simulated host.
//!
//! - [`recorded`]: recorded inventories, judged by a policy
//! - [`cases`]: recorded inventories with what is expected
//! - [`mod@test`]: the answers, against that
//! - [`mod@diff`]: where two policies differ
//! - [`mod@check`]: a policy against the contract and a simulated host

pub mod cases;
pub mod check;
pub mod diff;
pub mod recorded;
pub mod test;
mod test_scope;

pub use cases::{Advice, Case, Expected, Retry};
pub use check::{CheckEnd, Checked, check};
pub use diff::{Differs, both, diff};
pub use recorded::Said;
pub use test::{Difference, Tested, test};
