//! Results for programs.

use serde::Serialize;
use tbengine_engine::decide::Decisions;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::facts::{Quarantine, QuarantineEntry};
use tbengine_engine::plan::{Plan, Refusal, Sealed, Step};
use tbengine_engine::policy::{Fault, LogLine};
use tbengine_engine::report::Report;
use tbengine_ops::lease::{PlannedSweep, SweepEnd};
use tbengine_sdk::Resource;

use super::totals::Totals;
use crate::exit::Code;

/// A resource, with the id that every command takes.
#[derive(Debug, Serialize)]
pub(crate) struct ResourceDocument<'a> {
    id: String,
    #[serde(flatten)]
    resource: &'a Resource,
    /// Why it is parked, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<&'a QuarantineEntry>,
}

impl<'a> ResourceDocument<'a> {
    pub(crate) fn new(resource: &'a Resource, quarantine: &'a Quarantine) -> Self {
        Self {
            id: resource.identity.id().to_string(),
            resource,
            quarantine: quarantine.entry(&resource.identity),
        }
    }
}

/// What `list` answers.
#[derive(Debug, Serialize)]
pub(crate) struct ListDocument<'a> {
    pub(crate) resources: Vec<ResourceDocument<'a>>,
    /// What they take up together.
    pub(crate) usage: Totals,
    pub(crate) failures: &'a [ListFailure],
}

/// What `plan` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PlanDocument<'a> {
    /// With its digest: what is shown whole may be kept, and applied later.
    plan: Sealed<'a>,
    /// What a run would do first.
    sweeps: &'a [PlannedSweep],
    /// How many resources the policy evaluated.
    candidates: usize,
    /// What its deletions free.
    frees: Totals,
    failures: &'a [ListFailure],
    fault: Option<&'a Fault>,
    log: &'a [LogLine],
    exit_code: u8,
}

impl<'a> PlanDocument<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        sweeps: &'a [PlannedSweep],
        decisions: &'a Decisions,
        failures: &'a [ListFailure],
        code: Code,
    ) -> Self {
        Self {
            plan: plan.sealed(),
            sweeps,
            candidates: decisions.candidates,
            frees: Totals::freed_by(&plan.steps),
            failures,
            fault: decisions.fault.as_ref(),
            log: &decisions.log,
            exit_code: code.number(),
        }
    }
}

/// A line of what `plan` answers as JSON lines.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PlanLine<'a> {
    Sweep(&'a PlannedSweep),
    Step(&'a Step),
    Refusal(&'a Refusal),
    Failure(&'a ListFailure),
    Fault(&'a Fault),
}

/// What `run` answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct RunDocument<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) failures: &'a [ListFailure],
    /// Missing where nothing was done.
    pub(crate) report: Option<&'a Report>,
    /// What became of leases that had expired.
    pub(crate) sweeps: Vec<&'a SweepEnd>,
    pub(crate) fault: Option<&'a Fault>,
    pub(crate) exit_code: u8,
}
