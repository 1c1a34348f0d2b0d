//! The other members of a step's unit, which are compared with the plan before the first request of the step.

use std::sync::Arc;

use futures_util::future::join_all;
use tbengine_sdk::{Error, Timestamp};

use super::calls::Calls;
use super::changed::changed;
use super::requests::Requests;
use super::state::StepNo;
use crate::plan::Step;

/// How many members are compared at most. All together, the steps of a large unit would else read each member as often
/// as the unit has members. Those that come next in the plan are compared, so that none is acted on unseen.
pub(super) const MOST_COMPANIONS: usize = 8;

/// Another member of a step's unit that can run. It may have been started since it was listed: then the unit is in
/// use, and what is to be ended or deleted of it stays.
pub(super) struct Companion {
    pub(super) no: StepNo,
    pub(super) step: Arc<Step>,
    pub(super) requests: Arc<Requests>,
}

/// Looks for a member that is not as the plan saw it.
///
/// # Errors
/// That a member cannot be read: it may have changed.
pub(super) async fn first_changed(
    company: &[Companion],
    calls: &Calls,
    now: Timestamp,
) -> Result<Option<StepNo>, Error> {
    let looks = company.iter().map(|companion| companion.look(calls, now));
    let looks = join_all(looks).await;
    let is_changed = |look: &Result<Option<StepNo>, Error>| matches!(look, Ok(Some(_)));
    // One that has changed decides, whatever cannot be read.
    let decides = looks.iter().position(is_changed);
    let decides = decides.or_else(|| looks.iter().position(Result::is_err));
    decides.map_or(Ok(None), |index| looks[index].clone())
}

impl Companion {
    /// Its own number if it has changed.
    async fn look(&self, calls: &Calls, now: Timestamp) -> Result<Option<StepNo>, Error> {
        let Step { target, name, .. } = &*self.step;
        let read = calls.get(target).await.map_err(|error| Error {
            message: format!("cannot read `{name}` of the same unit: {}", error.message),
            ..error
        })?;
        // What was asked to end or go meanwhile is as we made it. One that is gone does not run: another cleaner may be
        // at work on the unit.
        let is_changed = !self.requests.were_sent()
            && read.is_some_and(|resource| changed(&self.step, &resource, now).is_some());
        Ok(is_changed.then_some(self.no))
    }
}
