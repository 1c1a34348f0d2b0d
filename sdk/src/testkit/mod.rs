//! The conformance suite: every sentence about behaviour in [`backend`](mod@crate::backend) is a trial here.
//!
//! An author of a backend writes a [`Fixture`], which makes real resources because a
//! [`Backend`](crate::Backend) cannot, and a test target with `harness = false`:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use tbengine_sdk::testkit::{self, Fixture, Made, Wanted};
//! # use tbengine_sdk::{Backend, OpenRequest, Registration, Timestamp};
//! # struct MyFixture(Arc<dyn Backend>);
//! # impl MyFixture {
//! #     fn start() -> Self {
//! #         let request = OpenRequest {
//! #             name: "mine".into(),
//! #             config: serde_json::json!({}),
//! #             environment: Arc::default(),
//! #             now: Timestamp::from_unix_seconds(0),
//! #         };
//! #         let backend = (Registration::all()[0].open)(request).expect("it opens");
//! #         Self(backend.into())
//! #     }
//! # }
//! # #[tbengine_sdk::async_trait]
//! # impl Fixture for MyFixture {
//! #     fn backend(&self) -> Arc<dyn Backend> { Arc::clone(&self.0) }
//! #     async fn make(&self, _: &Wanted) -> Result<Made, String> { Ok(Made::CannotMake) }
//! #     async fn clean_up(&self) -> Result<(), String> { Ok(()) }
//! # }
//! fn main() -> std::process::ExitCode {
//!     testkit::main(MyFixture::start)
//! }
//! ```
//!
//! [`Capabilities`](crate::Capabilities) choose which trials there are. What a provider does not have, and
//! what a fixture cannot make, is shown as ignored, with the reason; where [`LEFT_OUT`] names a file, each
//! such trial adds a line to it. The modules, in the order data flows:
//!
//! - [`fixture`]: what an author writes
//! - [`case`]: a trial, for any runner
//! - `bench`: what a behaviour gets, and how it becomes a trial
//! - [`left_out`]: telling which trials did not take place
//! - [`wire`]: the fixture of a plugin outside of this program
//! - `reaching`, `listing`, `reading`, `stopping`, `archiving`, `deleting`, `sharing`: the behaviours

mod archiving;
mod bench;
pub mod case;
mod deleting;
pub mod fixture;
pub mod left_out;
mod listing;
mod powers;
mod reaching;
mod reading;
pub mod schema;
mod sharing;
mod stopping;
pub mod wire;

use std::process::ExitCode;
use std::sync::Arc;

pub use case::{Case, CaseEnd};
pub use fixture::{Fixture, Made, Wanted};
pub use left_out::{LEFT_OUT, completion};
use libtest_mimic::{Arguments, Trial};

use crate::kind::Kind;
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
    let trial = |case: Case| {
        let run = case.run;
        let kind = case.kind.map(Kind::word).unwrap_or_default();
        let trial = Trial::ignorable_test(case.name, move || completion(kind, case.name, run()));
        trial.with_kind(kind)
    };
    cases(fixture).into_iter().map(trial).collect()
}

/// The same as [`trials`], to be run and shown by someone else.
///
/// # Panics
/// If no tokio runtime can be started.
pub fn cases<F: Fixture>(fixture: impl FnOnce() -> F) -> Vec<Case> {
    let kit = Arc::new(Kit::new(fixture));
    let behaviours: Vec<Behaviour> = [
        reaching::behaviours(),
        listing::behaviours(),
        reading::behaviours(),
        stopping::behaviours(),
        archiving::behaviours(),
        deleting::behaviours(),
        sharing::behaviours(),
        powers::behaviours(),
    ]
    .into_iter()
    .flatten()
    .collect();
    behaviours
        .into_iter()
        .flat_map(|behaviour| behaviour.cases(&kit))
        .collect()
}

/// The names of the cases that change nothing at the provider, whatever fixture they are given.
pub const READ_ONLY: [&str; 17] = [
    "check_changes_nothing",
    "check_answers_the_same_account_at_every_call",
    "the_pages_together_hold_each_resource_once_whatever_the_page_size",
    "a_cursor_that_was_never_given_is_invalid",
    "a_kind_that_is_not_among_the_capabilities_is_unsupported",
    "get_shows_what_the_listing_shows",
    "get_of_what_does_not_exist_is_none",
    "get_never_finds_by_name",
    "get_never_finds_by_prefix",
    "fifty_calls_at_once_all_answer",
    "a_call_that_is_dropped_leaves_the_backend_usable",
    "what_kinds_can_fits_the_methods_that_are_offered",
    "a_method_that_is_not_offered_does_nothing",
    "rights_are_answered_only_for_what_was_asked",
    "disks_have_names_and_no_more_free_than_there_is",
    "find_finds_by_name_and_by_id",
    "find_never_invents",
];
