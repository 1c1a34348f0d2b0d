//! Stage four: apply the plan.
//!
//! Each file needs only those above it:
//!
//! - [`backoff`]: how long to wait between attempts
//! - `limit`: how many calls at once
//! - `budget`: how many retries in all
//! - `requests`: what the requests of a step may have led to
//! - `another`: whether a reading shows another resource
//! - `attempt`: one attempt of one step; knows no other step and nothing of the run
//! - `retry`: what each kind of error leads to; the retry table, pure
//! - `state`: the state machine of a step, drawn and pure
//! - `lanes`: the queue and the gate of each backend, and all that is counted there
//! - `proofs`: deletions that wait to be proven by one listing
//! - `following`: changes that the backends report meanwhile
//! - `qualified`: backends whose accounts show an id that another one shows too
//! - `units`: the units of which something has changed
//! - `run_loop`: the loop that starts attempts and does what steps want
//! - [`ledger`]: called before and after each request, and may stop the run

mod another;
mod attempt;
pub mod backoff;
mod budget;
mod calls;
mod changed;
mod company;
mod following;
mod lanes;
pub mod ledger;
mod limit;
mod proofs;
mod qualified;
mod question;
mod requests;
mod retry;
mod run_loop;
mod state;
mod units;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::RunClock;
use crate::plan::Plan;
use crate::policy::{Policy, Zone};
use crate::report::{Event, Report, Reporter};
pub use backoff::RetrySchedule;
use ledger::Recording;
pub use ledger::{Halt, Ledger};
pub(crate) use qualified::qualified;
use tbengine_sdk::host::OpenBackend;

/// How to apply a plan.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// When a step is tried again, where the policy has no opinion.
    pub retry: RetrySchedule,
    /// Whether the policy is asked for retry advice. Off where the operator fixed the schedule.
    pub ask_policy: bool,
    /// What a final failure means for the rest.
    pub error_mode: ErrorMode,
    /// How many calls at once per backend, instead of what suits the backend.
    pub concurrency: Option<usize>,
    /// The longest wait for one answer.
    pub call_timeout: Duration,
    /// Time limit for the calls of one step. Grace periods, waits between attempts and pauses
    /// of the backend do not count.
    pub step_deadline: Duration,
    /// How long the run may take, from the start of its clock: listing and applying. What did not get its turn by then is deferred; what is under way gets
    /// [`LAST_CALLS`] more.
    pub deadline: Option<Duration>,
    /// How long a backend may be unreachable before its steps are deferred.
    pub outage_deadline: Duration,
    /// How long an accepted deletion may take before it counts as stuck.
    pub stuck_after: Duration,
    /// The time zone in which policies read the clock.
    pub zone: Zone,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            retry: RetrySchedule::default(),
            ask_policy: true,
            error_mode: ErrorMode::default(),
            concurrency: None,
            call_timeout: tbengine_sdk::backend::CALL_TIMEOUT,
            step_deadline: Duration::from_secs(120),
            deadline: None,
            outage_deadline: Duration::from_secs(600),
            stuck_after: Duration::from_secs(60),
            zone: Zone::default(),
        }
    }
}

/// How long after its deadline a run waits for calls that were under way.
pub const LAST_CALLS: Duration = Duration::from_secs(10);

/// What the first final failure of a step means for the rest of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorMode {
    /// Start nothing more; what is under way finishes.
    FailFast,
    /// Go on, and report every failure at the end.
    #[default]
    Aggregate,
}

/// How the caller ends a run early.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Start nothing more, finish what is under way, report.
    pub stop: CancellationToken,
    /// Drop what is under way, report.
    pub abort: CancellationToken,
}

/// Applies a plan. Every step gets exactly one outcome, also when the run is cut short. With a ledger every
/// request is noted before it is sent, and every outcome when it is known; once the ledger has halted nothing
/// more is done.
///
/// The caller has looked at [`Plan::blast_radius`]; it is not enforced here a second time.
#[expect(
    clippy::too_many_arguments,
    reason = "what a run needs, each of its own kind"
)]
pub async fn apply(
    plan: Plan,
    backends: &[OpenBackend],
    policy: Arc<dyn Policy>,
    options: &ApplyOptions,
    control: &Control,
    clock: RunClock,
    ledger: Option<&Arc<dyn Ledger>>,
    reporter: &mut Reporter<'_>,
) -> Report {
    let Some(ledger) = ledger else {
        return run_loop::RunLoop::new(plan, backends, policy, options, clock, reporter)
            .run(control)
            .await;
    };
    let control = Control {
        stop: control.stop.child_token(),
        abort: control.abort.clone(),
    };
    ledger.stop_with(control.stop.clone());
    let backends = ledger::recorded(backends, ledger);
    let mut recording = Recording::new(&**ledger, reporter);
    let mut see = |event: &Event| recording.see(event);
    let report = run_loop::RunLoop::new(plan, &backends, policy, options, clock, &mut see)
        .run(&control)
        .await;
    recording.finish(report).await
}
