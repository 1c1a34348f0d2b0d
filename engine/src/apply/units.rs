//! The units of a plan: what of them has changed, and who is compared before the first request to a member.

use std::collections::HashMap;
use std::sync::Arc;

use tbengine_sdk::Unit;
use tbengine_sdk::host::OpenBackend;

use super::company::{Companion, MOST_COMPANIONS};
use super::state::{StepNo, Steps};
use crate::plan::Step;

/// The units of a plan. A unit goes or stays as one: where a member has changed, its owner may be at work, so what
/// nothing was sent for yet stays as well.
#[derive(Default)]
pub(super) struct Units {
    units: Vec<Members>,
    by_unit: HashMap<(Arc<str>, Unit), usize>,
    /// By step: its unit.
    of: Vec<Option<usize>>,
}

/// The members of a unit that the plan acts on.
#[derive(Default)]
struct Members {
    /// Those that can run.
    can_run: Vec<StepNo>,
    changed: Option<StepNo>,
}

impl Units {
    /// Adds the next step of the plan.
    pub(super) fn admit(&mut self, no: StepNo, step: &Step, backend: Option<&OpenBackend>) {
        let index = unit_of(step, backend).map(|unit| {
            let next = self.units.len();
            let index = *self.by_unit.entry(unit).or_insert(next);
            if index == next {
                self.units.push(Members::default());
            }
            index
        });
        self.of.push(index);
        let can_run = backend.is_some_and(|open| open.capabilities.can(step.target.kind).stop);
        if let Some(index) = index.filter(|_| can_run) {
            self.units[index].can_run.push(no);
        }
    }

    /// Notes that the resource of a step has changed.
    pub(super) fn note(&mut self, no: StepNo) {
        if let Some(index) = self.of[no.index()] {
            self.units[index].changed.get_or_insert(no);
        }
    }

    /// Another member of the unit of a step that has changed.
    pub(super) fn changed(&self, no: StepNo) -> Option<StepNo> {
        let unit = &self.units[self.of[no.index()]?];
        unit.changed.filter(|changed| *changed != no)
    }

    /// The other members of the unit of a step that can run, as far as they may be unlike what the plan saw.
    pub(super) fn company(
        &self,
        no: StepNo,
        steps: &Steps,
        is_untouched: impl Fn(&Step) -> bool,
    ) -> Vec<Companion> {
        let Some(unit) = self.of[no.index()].map(|index| &self.units[index]) else {
            return Vec::new();
        };
        let others = unit.can_run.iter().filter(|other| **other != no);
        let others = others.map(|other| (*other, &steps[*other]));
        // One that failed before anything was sent is there as well.
        let others = others.filter(|(_, state)| !state.sent() && !is_untouched(state.step()));
        let companions = others.take(MOST_COMPANIONS).map(|(no, state)| Companion {
            no,
            step: state.step().clone(),
            requests: state.requests().clone(),
        });
        companions.collect()
    }
}

/// The account and the unit that a resource lives and dies with. What many units may share belongs to none, and what a
/// lease proves goes with the lease.
fn unit_of(step: &Step, backend: Option<&OpenBackend>) -> Option<(Arc<str>, Unit)> {
    let info = backend?.capabilities.kind(step.target.kind)?;
    let is_part = !info.shared && !step.known.swept;
    let unit = step.unit.as_ref().filter(|_| is_part)?;
    Some((step.target.account.clone(), unit.clone()))
}
