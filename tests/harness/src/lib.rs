//! What the end-to-end tests have in common: a home for the program, what came of it, and patience.
//!
//! - [`surroundings`]: what a process inherits, the same regardless of who started the tests
//! - [`mod@home`]: a home directory, and the program there
//! - [`ended`]: what a program that has ended left
//! - [`running`]: a program that is under way
//! - [`processes`]: looking for processes, and telling them to end
//! - [`strace`]: watching its system calls, failing one, and ending the program at one
//! - [`system_call`]: one of them
//! - [`terminal`]: a terminal, for what is asked there
//! - [`waiting`]: for what happens in another process
//! - [`mod@steady`]: text without what differs from run to run
//! - [`leave_out`]: tells that a trial cannot be tried on this machine

pub mod ended;
pub mod home;
pub mod processes;
pub mod running;
pub mod steady;
pub mod strace;
pub mod surroundings;
pub mod system_call;
pub mod terminal;
pub mod waiting;

pub use ended::{Ended, count};
pub use home::{Home, Moment};
pub use running::Running;
pub use steady::steady;
pub use strace::{Injected, Strace, Traced};
pub use system_call::SystemCall;
pub use tbengine_sdk::testkit::left_out::leave_out;
pub use waiting::eventually;
