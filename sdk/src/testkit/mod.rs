//! The conformance suite: every sentence about behaviour in [`backend`](crate::backend) is a trial here.
//!
//! An author of a backend writes a [`Fixture`], which makes real resources because a
//! [`Backend`](crate::Backend) cannot, and a test target with `harness = false`:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use tbengine_sdk::testkit::{self, Fixture, Made, Wanted};
//! # struct MyFixture;
//! # #[tbengine_sdk::async_trait]
//! # impl Fixture for MyFixture {
//! #     fn backend(&self) -> Arc<dyn tbengine_sdk::Backend> { unimplemented!() }
//! #     async fn make(&self, _: &Wanted) -> Result<Made, String> { Ok(Made::CannotMake) }
//! #     async fn clean_up(&self) -> Result<(), String> { Ok(()) }
//! # }
//! fn main() -> std::process::ExitCode {
//!     testkit::main(|| MyFixture)
//! }
//! ```
//!
//! [`Capabilities`](crate::Capabilities) choose which trials there are; what a fixture cannot make
//! is shown as ignored, with the reason. The modules, in the order data flows:
//!
//! - [`fixture`]: what an author writes
//! - `bench`: what a behaviour gets, and how it becomes a trial
//! - `reaching`, `listing`, `reading`, `stopping`, `archiving`, `deleting`, `sharing`: the behaviours

mod archiving;
mod bench;
mod deleting;
pub mod fixture;
mod listing;
mod reaching;
mod reading;
mod sharing;
mod stopping;

use std::process::ExitCode;
use std::sync::Arc;

pub use fixture::{Fixture, Made, Wanted};
use libtest_mimic::{Arguments, Trial};

use crate::testkit::bench::{Behaviour, Kit};

/// Runs the suite as the main function of a test target, with the arguments of `cargo test`.
///
/// The fixture is made within the kit's tokio runtime, and may begin connections there.
pub fn main<F: Fixture>(fixture: impl FnOnce() -> F) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(fixture)).exit_code()
}

/// The trials that fit what the fixture's backend can do. They take turns, since several compare
/// whole listings; a fixture's backend should see no other traffic meanwhile.
///
/// # Panics
/// If no tokio runtime can be started.
pub fn trials<F: Fixture>(fixture: impl FnOnce() -> F) -> Vec<Trial> {
    let kit = Arc::new(Kit::new(fixture));
    let behaviours: Vec<Behaviour> = [
        reaching::behaviours(),
        listing::behaviours(),
        reading::behaviours(),
        stopping::behaviours(),
        archiving::behaviours(),
        deleting::behaviours(),
        sharing::behaviours(),
    ]
    .into_iter()
    .flatten()
    .collect();
    behaviours
        .into_iter()
        .flat_map(|behaviour| behaviour.trials(&kit))
        .collect()
}
