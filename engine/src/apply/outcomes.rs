//! Gives each step its one outcome, and the run its report.

use std::collections::HashMap;
use std::sync::Arc;

use super::dispatcher::{Dispatcher, Ending, rank};
use super::progress::{Next, Phase};
use crate::duration::millis;
use crate::report::{EventKind, Outcome, Report, StepResult};

impl Dispatcher<'_, '_> {
    /// Gives a step its one outcome, and lets those go on that wait for it.
    pub(super) fn finish(
        &mut self,
        place: usize,
        result: StepResult,
        detail: Option<String>,
        hint: Option<String>,
    ) {
        if self.steps[place].phase == Phase::Done {
            return;
        }
        self.set_phase(place, Phase::Done);
        let id = self.id(place);
        let progress = &mut self.steps[place];
        let outcome = Outcome {
            step: place,
            id,
            name: progress.step.name.clone(),
            action: progress.step.action.kind(),
            result,
            detail,
            hint,
            failed_attempts: std::mem::take(&mut progress.failed),
            attempts: progress.attempts,
            took_ms: progress.began.map_or(0, |began| millis(began.elapsed())),
        };
        let dependents = std::mem::take(&mut progress.dependents);
        self.lanes[progress.lane].unfinished -= 1;
        self.lanes[progress.lane].unfinished_of_rank[rank(&progress.step)] -= 1;
        if !result.is_failure() {
            self.lanes[progress.lane].budget.give_back(progress.paid);
        }
        self.unfinished -= 1;
        self.outcomes[place] = Some(outcome.clone());
        self.emit(EventKind::StepFinished(outcome));
        for dependent in dependents {
            self.holder_ended(dependent, place, result);
        }
        if result.is_failure() {
            self.fail_fast();
        }
        self.sweep_again(self.steps[place].lane);
    }

    fn holder_ended(&mut self, place: usize, holder: usize, result: StepResult) {
        if self.steps[place].phase == Phase::Done {
            return;
        }
        if matches!(result, StepResult::Deleted | StepResult::AlreadyGone) {
            self.steps[place].waits_for -= 1;
            if self.steps[place].waits_for == 0 {
                self.make_ready(place, Next::Act);
            }
            return;
        }
        let detail = format!("{} uses it and ended as {result}", self.id(holder));
        let result = match result {
            StepResult::Deferred | StepResult::Cancelled | StepResult::Denied => result,
            _ => StepResult::Blocked,
        };
        self.finish(place, result, Some(detail), None);
    }

    pub(super) fn report(mut self) -> Report {
        let outcomes: Vec<Outcome> = std::mem::take(&mut self.outcomes)
            .into_iter()
            .flatten()
            .collect();
        let report = Report {
            run: self.header.run.clone(),
            warnings: suspicions(&outcomes),
            parked_retries: self.parked_retries,
            outcomes,
            interrupted: self.ending == Some(Ending::Interrupted),
            took_ms: self.elapsed_ms(),
        };
        self.emit(EventKind::RunFinished(report.clone()));
        report
    }
}

/// A whole backend where everything was gone before we came smells of the wrong account or region.
fn suspicions(outcomes: &[Outcome]) -> Vec<String> {
    let mut by_backend: HashMap<&Arc<str>, (usize, usize)> = HashMap::new();
    for outcome in outcomes {
        let (gone, all) = by_backend.entry(&outcome.id.0.backend).or_default();
        *gone += usize::from(outcome.result == StepResult::AlreadyGone);
        *all += 1;
    }
    let mut warnings: Vec<String> = by_backend
        .into_iter()
        .filter(|(_, (gone, all))| gone == all && *all >= 3)
        .map(|(backend, (gone, _))| {
            format!(
                "all {gone} resources of backend `{backend}` were already gone: is it the account and region you meant, or does another cleaner run?"
            )
        })
        .collect();
    warnings.sort();
    warnings
}
