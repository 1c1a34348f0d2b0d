//! Reports for people, and in rows.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::plan::{Plan, Step};
use tbengine_engine::report::outcome::Level;
use tbengine_engine::report::{Outcome, Report, StepResult};
use tbengine_sdk::ResourceId;

use super::console::Console;
use super::csv::Rows;
use super::human::{nothing, seconds, short_id, with_short_ids};
use super::json::RunDocument;
use super::page::Page;
use super::plan;
use super::span::{Tone, plain, toned};
use super::table::Table;
use super::view::{Lines, View};

/// What came of a plan.
impl View for RunDocument<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    /// None: the events were the result.
    fn lines(&self, _: &mut Lines<'_>) {}

    fn columns(&self) -> &'static [&'static str] {
        match self.report {
            Some(_) => &COLUMNS,
            None => &plan::COLUMNS,
        }
    }

    fn rows(&self, rows: &mut Rows) {
        match self.report {
            Some(report) => {
                for sweep in &self.sweeps {
                    outcomes(&sweep.outcomes).for_each(|row| rows.row(row));
                }
                self::rows(report, self.plan)
                    .into_iter()
                    .for_each(|row| rows.row(row));
            }
            None => plan::rows(self.plan).for_each(|row| rows.row(row)),
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let unlisted = !self.failures.is_empty();
        match self.report {
            Some(report) => {
                for sweep in &self.sweeps {
                    let head = format!("Lease {} had expired", sweep.lease);
                    if !sweep.outcomes.is_empty() {
                        page.line(&[toned(Tone::Strong, head)]);
                        table_of(page, &sweep.outcomes, &[], false);
                    }
                }
                let with_backend = plan::has_several_backends(self.plan, &report.outcomes);
                plan::parked(page, self.plan, with_backend);
                table_of(page, &report.outcomes, &self.plan.steps, with_backend);
                summary(page, report, self.plan.refusals.len(), unlisted);
            }
            None => plan::write(page, self.plan, unlisted, self.fault.is_some()),
        }
    }
}

/// Writes what became of every step, and what a deletion has deleted as well.
fn table_of(page: &mut Page<'_>, outcomes: &[Outcome], steps: &[Arc<Step>], with_backend: bool) {
    let along: HashMap<ResourceId, String> = steps
        .iter()
        .filter_map(|step| Some((step.target.id(), plan::along(step)?)))
        .collect();
    let detail = |outcome: &Outcome| {
        let along = along.get(&outcome.id.0);
        match along.filter(|_| outcome.result == StepResult::Deleted) {
            None => detail(outcome),
            Some(along) if outcome.detail.is_none() => along.clone(),
            Some(along) => format!("{}; {along}", detail(outcome)),
        }
    };
    let mut header = vec!["RESULT", "ID", "KIND", "NAME", "DETAIL"];
    if with_backend {
        header.insert(1, "BACKEND");
    }
    let mut table = Table::new(&header);
    for outcome in outcomes {
        let mut row = vec![
            toned(tone(outcome.result), outcome.result.word()),
            plain(short_id(&outcome.id.0.native)),
            plain(outcome.id.0.kind.word()),
            plain(&outcome.name),
            plain(with_short_ids(&detail(outcome))),
        ];
        if with_backend {
            row.insert(1, plain(&*outcome.id.0.backend));
        }
        table.row(row);
    }
    if !outcomes.is_empty() {
        page.table(&table);
        page.text("");
    }
}

/// Writes how many steps ended in which way. `unlisted` says whether something could not be listed.
fn summary(page: &mut Page<'_>, report: &Report, plan_refusals: usize, unlisted: bool) {
    let mut counts: Vec<String> = report
        .counts()
        .iter()
        .map(|(result, number)| format!("{number} {result}"))
        .collect();
    if plan_refusals > 0 {
        counts.push(format!("{plan_refusals} refused by safeguards"));
    }
    let what = if counts.is_empty() {
        nothing(unlisted, false)
    } else {
        counts.join(", ")
    };
    let ended = if report.interrupted {
        "interrupted after"
    } else {
        "took"
    };
    page.line(&[toned(
        Tone::Strong,
        format!("{what}; {ended} {}", seconds(report.took_ms)),
    )]);
}

/// Says what looks wrong and what can be done about what failed, each once.
pub(crate) fn advise(console: &Console, report: &Report) {
    for warning in &report.warnings {
        console.warning(warning);
    }
    let mut hints: Vec<&String> = report
        .outcomes
        .iter()
        .filter_map(|outcome| outcome.hint.as_ref())
        .collect();
    hints.sort();
    hints.dedup();
    for hint in hints {
        console.line(&[toned(Tone::Good, "hint"), plain(": "), plain(hint)]);
    }
}

fn tone(result: StepResult) -> Tone {
    match result.level() {
        Level::Good => Tone::Good,
        Level::Open => Tone::Warn,
        Level::Bad => Tone::Bad,
    }
}

fn detail(outcome: &Outcome) -> String {
    let mut detail = outcome.detail.clone().unwrap_or_default();
    if outcome.attempts > 1 {
        let attempts = format!("{} attempts", outcome.attempts);
        detail = if detail.is_empty() {
            attempts
        } else {
            format!("{detail} ({attempts})")
        };
    }
    detail
}

/// The columns of [`rows`].
pub(crate) const COLUMNS: [&str; 8] = [
    "id", "kind", "name", "action", "result", "attempts", "took-ms", "detail",
];

/// Outcomes as rows, and what the safeguards refused.
pub(crate) fn rows(report: &Report, plan: &Plan) -> Vec<[String; 8]> {
    let outcomes = outcomes(&report.outcomes);
    let refusals = plan.refusals.iter().map(|refusal| {
        [
            refusal.target.id().to_string(),
            refusal.target.kind.to_string(),
            refusal.name.clone(),
            refusal.action.to_string(),
            "refused".into(),
            "0".into(),
            "0".into(),
            format!("{}: {}", refusal.safeguard, refusal.detail),
        ]
    });
    outcomes.chain(refusals).collect()
}

fn outcomes(outcomes: &[Outcome]) -> impl Iterator<Item = [String; 8]> {
    outcomes.iter().map(|outcome| {
        [
            outcome.id.to_string(),
            outcome.id.0.kind.to_string(),
            outcome.name.clone(),
            outcome.action.to_string(),
            outcome.result.to_string(),
            outcome.attempts.to_string(),
            outcome.took_ms.to_string(),
            outcome.detail.clone().unwrap_or_default(),
        ]
    })
}
