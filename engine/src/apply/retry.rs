//! What each kind of error leads to: the retry table.
//!
//! Pure: it sees a step only as a [`Situation`], so every row has a test.

use std::time::Duration;

use tbengine_sdk::{Error, ErrorKind};

use super::attempt::Next;
use super::backoff::{MAX_ATTEMPTS, MAX_DELAY};
use super::{ErrorMode, RetrySchedule};
use crate::plan::ActionKind;
use crate::policy::RetryAdvice;
use crate::report::StepResult;

/// A step whose connection breaks so often in a row, while the backend answers others, pays an attempt.
const LOST_IN_ROW_OF_STEP: u32 = 10;
/// After so many attempts that only asked it to end, what may be killed on a retry is.
const GENTLE_ATTEMPTS: u32 = 2;
/// After so many attempts that were clearly refused in the same way, only the second round is left.
const SAME_REFUSALS: u32 = 5;
/// How often something that is still in use is tried again once nothing goes before it any more.
const DEPENDENCY_TRIES: u32 = 5;
/// The first wait for something that is still in use; each further one is twice as long.
const DEPENDENCY_PAUSE: Duration = Duration::from_millis(250);

/// The retry table of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryTable {
    /// When a step is tried again where the policy has no opinion.
    pub(super) schedule: RetrySchedule,
    /// What a final failure means for the rest.
    pub(super) error_mode: ErrorMode,
}

/// What a step has tried so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tries {
    /// Attempts begun, over both rounds.
    pub(super) all: u32,
    /// Attempts begun in this round: the schedule counts these.
    pub(super) in_round: u32,
    /// How often it was still in use although nothing went before it any more.
    pub(super) dependency: u32,
    /// Moves in a row, up to this one, that the backend did not answer although it answers others.
    pub(super) lost_in_row: u32,
}

/// An attempt that failed, and what decides what comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) error: &'a Error,
    /// Whether every attempt so far, this one included, got the same answer of the provider: it may well be for ever.
    pub(super) always_the_same: bool,
    /// What the step is to do.
    pub(super) action: ActionKind,
    pub(super) tries: Tries,
    /// Whether the step has failed for good, and this was to see what is true.
    pub(super) last_look: bool,
    /// Whether something that goes before it in the order of deletion is not finished.
    pub(super) others_first: bool,
    /// Whether the backend is unreachable or held back, or is so from now on.
    pub(super) backend_is_out: bool,
    /// Whether nothing more is begun in this run.
    pub(super) is_ending: bool,
}

/// What a failure leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// A further attempt after a wait.
    Retry {
        after: Duration,
        /// Whether it may kill from now on.
        escalate: bool,
        /// Whether the budget of the backend has to pay for it.
        budgeted: bool,
    },
    /// Further attempts once nothing else is left to do at its backend.
    SecondRound {
        /// Whether they may kill.
        escalate: bool,
    },
    /// The same attempt, at once and for nothing.
    RetrySame,
    /// The same attempt for nothing, once the backend has had its time.
    PauseBackend {
        /// Whether the backend has to answer a probe first.
        probe: bool,
    },
    /// This look after a while, for nothing: the change is under way already.
    Watch(Next),
    /// A further attempt for nothing, behind what uses it.
    Behind {
        after: Duration,
        /// Whether this counts among the tries that such a step has.
        counts: bool,
    },
    /// It ends: something that stays still uses it.
    Blocked,
    /// It ends: it is not what the plan saw.
    Changed,
    /// It ends: no further attempt can help.
    GiveUp {
        result: StepResult,
        /// Why the policy wants no more of it.
        reason: Option<String>,
    },
    /// It ends as it was to end before the last look, which showed nothing.
    Unseen,
    /// It ends, and all of its backend with it.
    StopBackend,
}

impl RetryTable {
    /// What a failed attempt leads to.
    pub(super) fn decide(
        &self,
        at: &Situation<'_>,
        advice: RetryAdvice,
        random: &mut fastrand::Rng,
    ) -> RetryDecision {
        let kind = at.error.kind;
        if at.last_look && !kind.gates_backend() && !kind.is_critical() {
            return RetryDecision::Unseen;
        }
        match kind {
            ErrorKind::Transient | ErrorKind::NotFound => self.passing(at, advice, random),
            ErrorKind::InProgress => RetryDecision::Watch(match at.action {
                ActionKind::Stop => Next::WatchEnd,
                ActionKind::Archive => Next::WatchArchiving,
                ActionKind::Delete => Next::WatchRemoval,
            }),
            ErrorKind::Conflict => {
                advised(at, advice, StepResult::Changed).unwrap_or(RetryDecision::Changed)
            }
            ErrorKind::Dependency => behind(at, advice),
            ErrorKind::RateLimited => RetryDecision::PauseBackend { probe: false },
            // One call without an answer is a lost connection: the step is read again. Several in a row are
            // an outage.
            ErrorKind::Unavailable if at.backend_is_out => {
                RetryDecision::PauseBackend { probe: true }
            }
            ErrorKind::Unavailable if at.tries.lost_in_row < LOST_IN_ROW_OF_STEP => {
                RetryDecision::RetrySame
            }
            ErrorKind::Unavailable if at.last_look => RetryDecision::Unseen,
            // The backend answers others: it is this resource that breaks the connection.
            ErrorKind::Unavailable => self.passing(at, advice, random),
            ErrorKind::Denied | ErrorKind::Invalid => RetryDecision::StopBackend,
            ErrorKind::Forbidden => RetryDecision::fail_permanently(StepResult::Denied),
            ErrorKind::Stuck => advised(at, advice, StepResult::Stuck)
                .unwrap_or(RetryDecision::fail_permanently(StepResult::Stuck)),
            _ => RetryDecision::fail_permanently(StepResult::Failed),
        }
    }

    /// A passing fault costs an attempt. The policy may shorten or lengthen the wait and give up, but
    /// not go beyond the engine's bounds.
    fn passing(
        &self,
        at: &Situation<'_>,
        advice: RetryAdvice,
        random: &mut fastrand::Rng,
    ) -> RetryDecision {
        let tried = at.tries.in_round;
        let (delay, escalate) = match advice {
            RetryAdvice::GiveUp(reason) => {
                return RetryDecision::GiveUp {
                    result: StepResult::Failed,
                    reason: Some(reason),
                };
            }
            RetryAdvice::After { delay, escalate } => {
                let delay = (tried < MAX_ATTEMPTS).then_some(delay.min(MAX_DELAY));
                (delay, escalate)
            }
            RetryAdvice::NoOpinion => (
                self.schedule.delay(tried.max(1), random),
                at.tries.all >= GENTLE_ATTEMPTS,
            ),
        };
        let is_fixed = matches!(self.schedule, RetrySchedule::Fixed { .. });
        let first_round = at.tries.all == tried;
        let is_refusal = at.error.is_refusal();
        let delay = match advice {
            // What always gets the same answer is tried once more when all else is done, and not for a whole round; what is
            // clearly refused, not even for a whole first one.
            RetryAdvice::NoOpinion if at.always_the_same && !is_fixed => {
                let most = if is_refusal { SAME_REFUSALS } else { u32::MAX };
                delay.filter(|_| first_round && tried < most)
            }
            _ => delay,
        };
        if let Some(delay) = delay {
            return RetryDecision::Retry {
                // What the provider asks for can only lengthen the wait.
                after: delay.max(at.error.retry_after.unwrap_or_default().min(MAX_DELAY)),
                escalate,
                // A schedule that the operator fixed is kept to, and a clear refusal is no sign of a backend that is sick.
                budgeted: !is_fixed && !at.is_ending && !is_refusal,
            };
        }
        // Every attempt failed. Once all else is done, a second round tries again, unless the operator
        // fixed the schedule or wants to hear of the first failure.
        let aggregate = self.error_mode == ErrorMode::Aggregate;
        if !is_fixed && first_round && aggregate && !at.is_ending {
            return RetryDecision::SecondRound { escalate };
        }
        RetryDecision::fail_permanently(StepResult::Failed)
    }
}

impl RetryDecision {
    fn fail_permanently(result: StepResult) -> Self {
        Self::GiveUp {
            result,
            reason: None,
        }
    }
}

/// What the policy wants done about a failure that is final otherwise, as `result`; nothing if it has no opinion.
fn advised(at: &Situation<'_>, advice: RetryAdvice, result: StepResult) -> Option<RetryDecision> {
    match advice {
        RetryAdvice::NoOpinion => None,
        RetryAdvice::GiveUp(reason) => Some(RetryDecision::GiveUp {
            result,
            reason: Some(reason),
        }),
        RetryAdvice::After { delay, escalate } => {
            (at.tries.in_round < MAX_ATTEMPTS).then(|| RetryDecision::Retry {
                after: delay.min(MAX_DELAY),
                escalate,
                budgeted: !at.is_ending,
            })
        }
    }
}

/// Something still uses it: it comes behind what goes before it, and then has a few tries, because
/// providers take a moment to notice that a user is gone.
fn behind(at: &Situation<'_>, advice: RetryAdvice) -> RetryDecision {
    let tries = at.tries.dependency + u32::from(!at.others_first);
    let (most, after) = match advice {
        RetryAdvice::GiveUp(reason) => {
            return RetryDecision::GiveUp {
                result: StepResult::Blocked,
                reason: Some(reason),
            };
        }
        RetryAdvice::After { delay, .. } => (MAX_ATTEMPTS, delay.min(MAX_DELAY)),
        RetryAdvice::NoOpinion => (
            DEPENDENCY_TRIES,
            DEPENDENCY_PAUSE * (1 << tries.min(DEPENDENCY_TRIES)),
        ),
    };
    if tries >= most {
        return RetryDecision::Blocked;
    }
    RetryDecision::Behind {
        after,
        counts: !at.others_first,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const JITTERED: RetryTable = RetryTable {
        schedule: RetrySchedule::Jittered {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(5),
            attempts: 8,
        },
        error_mode: ErrorMode::Aggregate,
    };
    const FIXED: RetryTable = RetryTable {
        schedule: RetrySchedule::Fixed {
            delay: Duration::from_secs(2),
            factor: 2.0,
            retries: 3,
        },
        error_mode: ErrorMode::Aggregate,
    };
    const FAIL_FAST: RetryTable = RetryTable {
        error_mode: ErrorMode::FailFast,
        ..JITTERED
    };

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "what the provider says")
    }

    /// The first attempt of a step failed, and nothing else is special.
    fn first(error: &Error) -> Situation<'_> {
        Situation {
            error,
            always_the_same: false,
            action: ActionKind::Delete,
            tries: Tries {
                all: 1,
                in_round: 1,
                dependency: 0,
                lost_in_row: 0,
            },
            last_look: false,
            others_first: false,
            backend_is_out: false,
            is_ending: false,
        }
    }

    /// So many attempts in this round, and so many before it.
    fn tried(in_round: u32, before: u32) -> Tries {
        Tries {
            all: before + in_round,
            in_round,
            ..Tries::default()
        }
    }

    fn by_itself(table: RetryTable, at: &Situation<'_>) -> RetryDecision {
        let mut random = fastrand::Rng::with_seed(1);
        table.decide(at, RetryAdvice::NoOpinion, &mut random)
    }

    fn retry(seconds: u64) -> RetryDecision {
        RetryDecision::Retry {
            after: Duration::from_secs(seconds),
            escalate: false,
            budgeted: false,
        }
    }

    fn after(delay: Duration, escalate: bool) -> RetryAdvice {
        RetryAdvice::After { delay, escalate }
    }

    /// Each kind, on the first attempt, with a fixed schedule, so that nothing is left to chance.
    #[rstest]
    #[case::not_found(ErrorKind::NotFound, retry(2))]
    #[case::transient(ErrorKind::Transient, retry(2))]
    #[case::in_progress(ErrorKind::InProgress, RetryDecision::Watch(Next::WatchRemoval))]
    #[case::conflict(ErrorKind::Conflict, RetryDecision::Changed)]
    #[case::dependency(
        ErrorKind::Dependency,
        RetryDecision::Behind { after: Duration::from_millis(500), counts: true },
    )]
    #[case::rate_limited(ErrorKind::RateLimited, RetryDecision::PauseBackend { probe: false })]
    #[case::unavailable(ErrorKind::Unavailable, RetryDecision::RetrySame)]
    #[case::denied(ErrorKind::Denied, RetryDecision::StopBackend)]
    #[case::invalid(ErrorKind::Invalid, RetryDecision::StopBackend)]
    #[case::forbidden(
        ErrorKind::Forbidden,
        RetryDecision::fail_permanently(StepResult::Denied)
    )]
    #[case::unsupported(
        ErrorKind::Unsupported,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    #[case::stuck(ErrorKind::Stuck, RetryDecision::fail_permanently(StepResult::Stuck))]
    #[case::internal(
        ErrorKind::Internal,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    fn every_kind_has_its_row(#[case] kind: ErrorKind, #[case] leads_to: RetryDecision) {
        assert_eq!(by_itself(FIXED, &first(&error(kind))), leads_to);
    }

    /// What is in progress is the change that the step asked for, or its removal, which each look sees.
    #[rstest]
    #[case::stop(ActionKind::Stop, Next::WatchEnd)]
    #[case::archive(ActionKind::Archive, Next::WatchArchiving)]
    #[case::delete(ActionKind::Delete, Next::WatchRemoval)]
    fn what_is_in_progress_is_watched(#[case] action: ActionKind, #[case] next: Next) {
        let error = error(ErrorKind::InProgress);
        let at = Situation {
            action,
            ..first(&error)
        };
        assert_eq!(by_itself(JITTERED, &at), RetryDecision::Watch(next));
    }

    /// A step that has failed for good is not tried again: only what concerns its backend still counts.
    #[rstest]
    #[case::not_found(ErrorKind::NotFound, RetryDecision::Unseen)]
    #[case::transient(ErrorKind::Transient, RetryDecision::Unseen)]
    #[case::in_progress(ErrorKind::InProgress, RetryDecision::Unseen)]
    #[case::conflict(ErrorKind::Conflict, RetryDecision::Unseen)]
    #[case::dependency(ErrorKind::Dependency, RetryDecision::Unseen)]
    #[case::rate_limited(ErrorKind::RateLimited, RetryDecision::PauseBackend { probe: false })]
    #[case::unavailable(ErrorKind::Unavailable, RetryDecision::RetrySame)]
    #[case::denied(ErrorKind::Denied, RetryDecision::StopBackend)]
    #[case::invalid(ErrorKind::Invalid, RetryDecision::StopBackend)]
    #[case::forbidden(ErrorKind::Forbidden, RetryDecision::Unseen)]
    #[case::unsupported(ErrorKind::Unsupported, RetryDecision::Unseen)]
    #[case::stuck(ErrorKind::Stuck, RetryDecision::Unseen)]
    #[case::internal(ErrorKind::Internal, RetryDecision::Unseen)]
    fn the_last_look_is_not_tried_again(#[case] kind: ErrorKind, #[case] leads_to: RetryDecision) {
        let error = error(kind);
        let at = Situation {
            last_look: true,
            ..first(&error)
        };
        assert_eq!(by_itself(JITTERED, &at), leads_to);
    }

    #[rstest]
    #[case::the_first(JITTERED, tried(1, 0), false, true)]
    #[case::the_last_but_one(JITTERED, tried(7, 0), false, true)]
    #[case::one_of_the_second_round(JITTERED, tried(1, 8), false, true)]
    #[case::with_fail_fast(FAIL_FAST, tried(1, 0), false, true)]
    #[case::at_the_end_of_the_run(JITTERED, tried(1, 0), true, false)]
    #[case::of_a_fixed_schedule(FIXED, tried(3, 0), false, false)]
    fn a_passing_fault_is_tried_again(
        #[case] table: RetryTable,
        #[case] tries: Tries,
        #[case] is_ending: bool,
        #[case] paid_for: bool,
    ) {
        let error = error(ErrorKind::Transient);
        let at = Situation {
            tries,
            is_ending,
            ..first(&error)
        };
        let RetryDecision::Retry {
            after,
            escalate,
            budgeted,
        } = by_itself(table, &at)
        else {
            panic!("{:?}", by_itself(table, &at));
        };
        assert_eq!(budgeted, paid_for);
        assert_eq!(escalate, tries.all >= 2, "the third attempt may kill");
        let mut random = fastrand::Rng::with_seed(1);
        let scheduled = table.schedule.delay(tries.in_round, &mut random);
        assert_eq!(Some(after), scheduled);
    }

    #[rstest]
    #[case::after_the_first_round(
        JITTERED,
        tried(8, 0),
        false,
        RetryDecision::SecondRound { escalate: true },
    )]
    #[case::after_the_second(
        JITTERED,
        tried(8, 8),
        false,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    #[case::at_the_end(
        JITTERED,
        tried(8, 0),
        true,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    #[case::fail_fast(
        FAIL_FAST,
        tried(8, 0),
        false,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    #[case::fixed(
        FIXED,
        tried(4, 0),
        false,
        RetryDecision::fail_permanently(StepResult::Failed)
    )]
    fn when_every_attempt_has_failed(
        #[case] table: RetryTable,
        #[case] tries: Tries,
        #[case] is_ending: bool,
        #[case] leads_to: RetryDecision,
    ) {
        let error = error(ErrorKind::Transient);
        let at = Situation {
            tries,
            is_ending,
            ..first(&error)
        };
        assert_eq!(by_itself(table, &at), leads_to);
    }

    /// A watched step may have had its one attempt given back.
    #[test]
    fn without_an_attempt_the_schedule_begins_at_its_beginning() {
        let error = error(ErrorKind::Transient);
        let at = Situation {
            tries: Tries::default(),
            ..first(&error)
        };
        assert_eq!(by_itself(FIXED, &at), retry(2));
    }

    #[rstest]
    #[case::a_wait(after(Duration::from_secs(1), false), 1, Duration::from_secs(1), false)]
    #[case::escalation(after(Duration::from_secs(1), true), 1, Duration::from_secs(1), true)]
    #[case::too_long_a_wait(after(MAX_DELAY * 2, false), 1, MAX_DELAY, false)]
    #[case::more_than_the_schedule(
        after(Duration::ZERO, false),
        MAX_ATTEMPTS - 1,
        Duration::ZERO,
        false
    )]
    fn the_policy_says_when(
        #[case] advice: RetryAdvice,
        #[case] attempts: u32,
        #[case] wait: Duration,
        #[case] kills: bool,
    ) {
        let error = error(ErrorKind::Transient);
        let at = Situation {
            tries: tried(attempts, 0),
            ..first(&error)
        };
        let decision = JITTERED.decide(&at, advice, &mut fastrand::Rng::with_seed(1));
        let expected = RetryDecision::Retry {
            after: wait,
            escalate: kills,
            budgeted: true,
        };
        assert_eq!(decision, expected);
    }

    #[test]
    fn the_policy_cannot_try_for_ever_and_what_it_escalated_stays_so() {
        let error = error(ErrorKind::Transient);
        let at = Situation {
            tries: tried(MAX_ATTEMPTS, 0),
            ..first(&error)
        };
        let advice = after(Duration::ZERO, true);
        let decision = JITTERED.decide(&at, advice, &mut fastrand::Rng::with_seed(1));
        assert_eq!(decision, RetryDecision::SecondRound { escalate: true });
    }

    #[test]
    fn the_policy_may_give_up() {
        let error = error(ErrorKind::Transient);
        let advice = RetryAdvice::GiveUp("enough".into());
        let decision = JITTERED.decide(&first(&error), advice, &mut fastrand::Rng::with_seed(1));
        let expected = RetryDecision::GiveUp {
            result: StepResult::Failed,
            reason: Some("enough".into()),
        };
        assert_eq!(decision, expected);
    }

    #[rstest]
    #[case::longer(3, 3)]
    #[case::never_shorter(1, 2)]
    #[case::within_bounds(3600, 300)]
    fn the_provider_can_only_lengthen_the_wait(#[case] asked: u64, #[case] waits: u64) {
        let error = error(ErrorKind::Transient).with_retry_after(Duration::from_secs(asked));
        assert_eq!(by_itself(FIXED, &first(&error)), retry(waits));
    }

    #[rstest]
    #[case::others_first(0, true, Some((250, false)))]
    #[case::others_first_and_tried_before(4, true, Some((4000, false)))]
    #[case::first_try(0, false, Some((500, true)))]
    #[case::second_try(1, false, Some((1000, true)))]
    #[case::last_try(3, false, Some((4000, true)))]
    #[case::no_more(4, false, None)]
    fn what_is_in_use_comes_behind_what_uses_it(
        #[case] dependency: u32,
        #[case] others_first: bool,
        #[case] waits: Option<(u64, bool)>,
    ) {
        let error = error(ErrorKind::Dependency);
        let at = Situation {
            tries: Tries {
                dependency,
                ..tried(1, 0)
            },
            others_first,
            ..first(&error)
        };
        let expected = waits.map_or(RetryDecision::Blocked, |(after, counts)| {
            RetryDecision::Behind {
                after: Duration::from_millis(after),
                counts,
            }
        });
        assert_eq!(by_itself(JITTERED, &at), expected);
    }

    #[rstest]
    #[case::lost_once(1, false, false, RetryDecision::RetrySame)]
    #[case::lost_nine_times(9, false, false, RetryDecision::RetrySame)]
    #[case::always_this_one(10, false, false, retry(2))]
    #[case::an_outage(1, true, false, RetryDecision::PauseBackend { probe: true })]
    #[case::an_outage_after_many(10, true, false, RetryDecision::PauseBackend { probe: true })]
    #[case::last_look(9, false, true, RetryDecision::RetrySame)]
    #[case::last_look_at_this_one(10, false, true, RetryDecision::Unseen)]
    #[case::last_look_in_an_outage(10, true, true, RetryDecision::PauseBackend { probe: true })]
    fn a_call_without_an_answer(
        #[case] lost_in_row: u32,
        #[case] backend_is_out: bool,
        #[case] last_look: bool,
        #[case] leads_to: RetryDecision,
    ) {
        let error = error(ErrorKind::Unavailable);
        let at = Situation {
            tries: Tries {
                lost_in_row,
                ..tried(1, 0)
            },
            last_look,
            backend_is_out,
            ..first(&error)
        };
        assert_eq!(by_itself(FIXED, &at), leads_to);
    }

    #[test]
    fn only_a_schedule_with_jitter_takes_chance() {
        let mut random = fastrand::Rng::with_seed(1);
        for kind in [
            ErrorKind::InProgress,
            ErrorKind::Dependency,
            ErrorKind::Unavailable,
            ErrorKind::RateLimited,
            ErrorKind::Stuck,
        ] {
            JITTERED.decide(&first(&error(kind)), RetryAdvice::NoOpinion, &mut random);
        }
        let error = error(ErrorKind::Transient);
        FIXED.decide(&first(&error), RetryAdvice::NoOpinion, &mut random);
        JITTERED.decide(&first(&error), after(Duration::ZERO, false), &mut random);
        assert_eq!(random.get_seed(), 1);
        JITTERED.decide(&first(&error), RetryAdvice::NoOpinion, &mut random);
        assert_ne!(random.get_seed(), 1);
    }

    /// What is final by itself is tried again where the policy wants that, within the engine's bounds.
    #[rstest]
    #[case::conflict(ErrorKind::Conflict, StepResult::Changed, RetryDecision::Changed)]
    #[case::stuck(
        ErrorKind::Stuck,
        StepResult::Stuck,
        RetryDecision::fail_permanently(StepResult::Stuck)
    )]
    fn the_policy_may_want_what_is_final_tried_again(
        #[case] kind: ErrorKind,
        #[case] result: StepResult,
        #[case] in_the_end: RetryDecision,
    ) {
        let error = error(kind);
        let mut random = fastrand::Rng::with_seed(1);
        let mut decide = |at: &Situation<'_>, advice| JITTERED.decide(at, advice, &mut random);
        let week = after(Duration::from_secs(7 * 86_400), true);
        let again = RetryDecision::Retry {
            after: MAX_DELAY,
            escalate: true,
            budgeted: true,
        };
        assert_eq!(decide(&first(&error), week.clone()), again);
        let worn_out = Situation {
            tries: tried(MAX_ATTEMPTS, 0),
            ..first(&error)
        };
        assert_eq!(decide(&worn_out, week), in_the_end);
        let given_up = RetryDecision::GiveUp {
            result,
            reason: Some("enough".into()),
        };
        assert_eq!(
            decide(&first(&error), RetryAdvice::GiveUp("enough".into())),
            given_up
        );
    }

    #[test]
    fn the_policy_may_say_how_long_what_is_in_use_waits() {
        let error = error(ErrorKind::Dependency);
        let mut random = fastrand::Rng::with_seed(1);
        let mut decide = |at: &Situation<'_>, advice| JITTERED.decide(at, advice, &mut random);
        let minute = after(Duration::from_secs(60), false);
        let behind = RetryDecision::Behind {
            after: Duration::from_secs(60),
            counts: true,
        };
        let mut at = first(&error);
        assert_eq!(decide(&at, minute.clone()), behind);
        // As often as the engine bounds any advice, and not only as often as it tries by itself.
        at.tries.dependency = DEPENDENCY_TRIES;
        assert_eq!(decide(&at, minute.clone()), behind);
        at.tries.dependency = MAX_ATTEMPTS;
        assert_eq!(decide(&at, minute), RetryDecision::Blocked);
        let given_up = RetryDecision::GiveUp {
            result: StepResult::Blocked,
            reason: Some("enough".into()),
        };
        assert_eq!(decide(&at, RetryAdvice::GiveUp("enough".into())), given_up);
    }

    /// A clear refusal costs the others nothing, and what always gets the same answer is tried once more when all else is
    /// done, not for a whole round.
    #[test]
    fn what_always_gets_the_same_answer_is_tried_once_more() {
        let refusal = error(ErrorKind::Transient).with_code("memory:409");
        let at = Situation {
            always_the_same: true,
            ..first(&refusal)
        };
        let decision = by_itself(JITTERED, &at);
        assert!(
            matches!(
                decision,
                RetryDecision::Retry {
                    budgeted: false,
                    ..
                }
            ),
            "{decision:?}"
        );
        let tries = |all, in_round| Tries {
            all,
            in_round,
            ..Tries::default()
        };
        let last = Situation {
            tries: tries(8, 8),
            ..at
        };
        let decision = by_itself(JITTERED, &last);
        assert!(
            matches!(decision, RetryDecision::SecondRound { .. }),
            "{decision:?}"
        );
        for (attempts, goes_on) in [(4, true), (5, false)] {
            let at = Situation {
                tries: tries(attempts, attempts),
                ..at
            };
            let decision = by_itself(JITTERED, &at);
            assert_eq!(
                matches!(decision, RetryDecision::Retry { .. }),
                goes_on,
                "{decision:?}"
            );
        }
        for (always_the_same, ends) in [(true, true), (false, false)] {
            let again = Situation {
                tries: tries(9, 1),
                always_the_same,
                ..at
            };
            let decision = by_itself(JITTERED, &again);
            assert_eq!(
                matches!(decision, RetryDecision::GiveUp { .. }),
                ends,
                "{decision:?}"
            );
        }
    }
}
