//! Plans for people, and in rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::Planned;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::{Action, Plan, Refusal, Safeguard, Step};
use tbengine_engine::policy::{Fault, Force};
use tbengine_engine::report::Outcome;
use tbengine_ops::lease::PlannedSweep;

use super::console::Console;
use super::csv::Rows;
use super::human::{count, nothing, short_id, with_short_ids};
use super::json::{PlanDocument, PlanLine};
use super::page::Page;
use super::span::{Tone, plain, toned};
use super::table::Table;
use super::totals::Totals;
use super::view::{Lines, View};
use crate::exit::Code;

/// How many refusals of one safeguard are listed.
const REFUSALS_SHOWN: usize = 20;

/// A plan that is shown and not applied.
pub(crate) struct PlanView<'a> {
    pub(crate) planned: &'a Planned,
    /// What a run would do first.
    pub(crate) sweeps: &'a [PlannedSweep],
    /// What could not be listed, or not be read.
    pub(crate) failures: &'a [ListFailure],
    pub(crate) code: Code,
}

impl View for PlanView<'_> {
    fn document(&self) -> impl Serialize {
        let Planned {
            plan, decisions, ..
        } = self.planned;
        PlanDocument::new(plan, self.sweeps, decisions, self.failures, self.code)
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        let plan = &self.planned.plan;
        lines.each(self.sweeps.iter().map(PlanLine::Sweep));
        lines.each(plan.steps.iter().map(|step| PlanLine::Step(step)));
        lines.each(plan.refusals.iter().map(PlanLine::Refusal));
        lines.each(self.failures.iter().map(PlanLine::Failure));
        lines.each(self.planned.decisions.fault.as_ref().map(PlanLine::Fault));
    }

    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn rows(&self, rows: &mut Rows) {
        for sweep in self.sweeps {
            for row in rows_of(&sweep.steps, &sweep.refusals) {
                rows.row(row);
            }
        }
        for row in self::rows(&self.planned.plan) {
            rows.row(row);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let unlisted = !self.failures.is_empty();
        self.sweeps
            .iter()
            .for_each(|sweep| write_sweep(page, sweep));
        let failed = self.planned.decisions.fault.is_some();
        write(page, &self.planned.plan, unlisted, failed);
    }
}

/// Writes what a run would do first: the sweep of an expired lease.
fn write_sweep(page: &mut Page<'_>, sweep: &PlannedSweep) {
    let PlannedSweep { lease, program, .. } = sweep;
    let whose = program
        .as_deref()
        .map_or_else(String::new, |program| format!(" ({program})"));
    let what = match (&sweep.obstacle, sweep.steps.len()) {
        (Some(obstacle), _) => format!("cannot be cleaned up: {obstacle}"),
        (None, 0) => "nothing to clean up".to_owned(),
        (None, many) => format!("cleaned up first, {}", count(many, "step")),
    };
    let head = format!("Lease {lease}{whose} has expired: {what}");
    page.line(&[toned(Tone::Strong, head)]);
    steps(page, &sweep.steps, false);
    refusals(page, &sweep.refusals, false);
}

/// Whether a plan, or what became of it, is about several backends, so that it matters which one a resource is of.
pub(super) fn has_several_backends(plan: &Plan, outcomes: &[Outcome]) -> bool {
    let answered = plan.header.accounts.keys();
    let planned = plan.steps.iter().map(|step| &step.target.backend);
    let refused = plan.refusals.iter().map(|refusal| &refusal.target.backend);
    let done = outcomes.iter().map(|outcome| &outcome.id.0.backend);
    let mut all = answered.chain(planned).chain(refused).chain(done);
    let first = all.next();
    all.any(|other| Some(other) != first)
}

/// Writes a plan: steps, refusals by safeguard, and how many of each. `unlisted` says whether something
/// could not be listed, and `failed` whether the policy could not decide.
pub(crate) fn write(page: &mut Page<'_>, plan: &Plan, unlisted: bool, failed: bool) {
    let with_backend = has_several_backends(plan, &[]);
    steps(page, &plan.steps, with_backend);
    refusals(page, &plan.refusals, with_backend);
    let policy = &plan.header.policy;
    let mut summary = match plan.steps.len() {
        0 => nothing(unlisted, failed),
        steps => count(steps, "step"),
    };
    let frees = Totals::freed_by(&plan.steps).to_string();
    if !frees.is_empty() {
        summary += &format!(", {frees}");
    }
    if !plan.refusals.is_empty() {
        summary += &format!(", {} refused by safeguards", plan.refusals.len());
    }
    summary += &format!("; policy {} {}", policy.name, policy.version);
    page.line(&[toned(Tone::Strong, summary)]);
}

fn steps(page: &mut Page<'_>, steps: &[Arc<Step>], with_backend: bool) {
    let mut header = vec!["ACTION", "ID", "KIND", "NAME", "STATE", "REASON"];
    if with_backend {
        header.insert(1, "BACKEND");
    }
    let mut table = Table::new(&header);
    for step in steps {
        let mut row = vec![
            toned(Tone::Bad, action(step)),
            plain(short_id(&step.target.native)),
            plain(step.target.kind.word()),
            plain(&step.name),
            plain(step.state.word()),
            plain(reason(step)),
        ];
        if with_backend {
            row.insert(1, plain(&*step.target.backend));
        }
        table.row(row);
    }
    if !steps.is_empty() {
        page.table(&table);
        page.text("");
    }
}

/// Why, and what goes along.
pub(super) fn reason(step: &Step) -> String {
    match along(step) {
        Some(along) => format!("{}; {along}", step.reason),
        None => step.reason.clone(),
    }
}

/// What a deletion deletes as well, or leaves.
pub(super) fn along(step: &Step) -> Option<String> {
    if step.alone {
        return Some("without its volumes, whose owner is unknown".into());
    }
    let named = step.along.iter().map(|id| {
        let mut parts = id.splitn(3, '/').skip(1);
        let (kind, native) = (parts.next(), parts.next());
        format!(
            "{} {}",
            kind.unwrap_or_default(),
            short_id(native.unwrap_or(id))
        )
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("with {}", named.join(", ")))
}

/// The action, and whether it ends something that runs.
fn action(step: &Step) -> &'static str {
    match step.action {
        Action::Stop { .. } => "stop",
        Action::Archive { .. } if step.state.is_running() => "stop, archive",
        Action::Archive { .. } => "archive",
        Action::Delete {
            force: Force::Never,
            ..
        } => "delete",
        Action::Delete { .. } if step.state.is_running() => "kill, delete",
        Action::Delete { .. } => "delete",
    }
}

/// Writes what is parked, by itself: it stays until somebody looks at it.
pub(super) fn parked(page: &mut Page<'_>, plan: &Plan, with_backend: bool) {
    let parked = plan.refusals.iter();
    refusals(
        page,
        parked.filter(|one| one.safeguard == Safeguard::Quarantined),
        with_backend,
    );
}

fn refusals<'a>(
    page: &mut Page<'_>,
    refusals: impl IntoIterator<Item = &'a Refusal>,
    with_backend: bool,
) {
    let mut by_safeguard: BTreeMap<Safeguard, Vec<&Refusal>> = BTreeMap::new();
    for refusal in refusals {
        by_safeguard
            .entry(refusal.safeguard)
            .or_default()
            .push(refusal);
    }
    for (safeguard, refused) in by_safeguard {
        page.line(&[toned(
            Tone::Warn,
            format!("Refused by {safeguard} ({})", refused.len()),
        )]);
        for refusal in refused.iter().take(REFUSALS_SHOWN) {
            let id = short_id(&refusal.target.native);
            let mut line = vec![
                plain(format!("  {} {} ", refusal.action, refusal.target.kind)),
                plain(id.clone()),
            ];
            if refusal.name != id && refusal.name != refusal.target.native {
                line.push(toned(Tone::Dim, format!(" {}", refusal.name)));
            }
            if with_backend {
                line.push(plain(format!(" of {}", refusal.target.backend)));
            }
            line.push(plain(format!(": {}", with_short_ids(&refusal.detail))));
            page.line(&line);
        }
        if refused.len() > REFUSALS_SHOWN {
            let more = refused.len() - REFUSALS_SHOWN;
            page.line(&[toned(
                Tone::Dim,
                format!("  and {more} more; --output json lists them all"),
            )]);
        }
        page.text("");
    }
}

/// Says why the policy could not decide, with everything its author needs.
pub(crate) fn print_fault(console: &Console, fault: &Fault) {
    let hints = ["nothing is deleted while the policy fails".to_owned()];
    console.error(
        &format!(
            "policy `{}` failed in `{}`: {}",
            fault.policy, fault.function, fault.message
        ),
        &hints,
    );
    let section = |title: &'static str, lines: &mut dyn Iterator<Item = String>| {
        for (place, line) in lines.enumerate() {
            if place == 0 {
                console.always(&[toned(Tone::Strong, title)]);
            }
            console.always(&[plain("  "), plain(line)]);
        }
    };
    section("backtrace:", &mut fault.backtrace.iter().cloned());
    section(
        "standard error:",
        &mut fault.stderr.lines().map(str::to_owned),
    );
    section(
        "log:",
        &mut fault
            .log
            .iter()
            .map(|line| format!("{}: {}", line.level, line.message)),
    );
}

/// The columns of [`rows`].
pub(crate) const COLUMNS: [&str; 8] = [
    "planned",
    "action",
    "id",
    "kind",
    "name",
    "reason",
    "safeguard",
    "detail",
];

/// Steps and refusals as rows.
pub(crate) fn rows(plan: &Plan) -> impl Iterator<Item = [String; 8]> {
    rows_of(&plan.steps, &plan.refusals)
}

fn rows_of(steps: &[Arc<Step>], refusals: &[Refusal]) -> impl Iterator<Item = [String; 8]> {
    let steps = steps.iter().map(|step| {
        [
            "step".into(),
            step.action.kind().to_string(),
            step.target.id().to_string(),
            step.target.kind.to_string(),
            step.name.clone(),
            reason(step),
            String::new(),
            String::new(),
        ]
    });
    let refusals = refusals.iter().map(|refusal| {
        [
            "refused".into(),
            refusal.action.to_string(),
            refusal.target.id().to_string(),
            refusal.target.kind.to_string(),
            refusal.name.clone(),
            refusal.reason.clone(),
            refusal.safeguard.to_string(),
            refusal.detail.clone(),
        ]
    });
    steps.chain(refusals)
}
