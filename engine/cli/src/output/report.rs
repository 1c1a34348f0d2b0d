//! Reports for people, and in rows.

use tbengine_engine::plan::Plan;
use tbengine_engine::report::{Outcome, Report, StepResult};

use super::console::Console;
use super::human::{nothing, short_id, took};
use super::out::Out;
use super::span::{Tone, plain, toned};
use super::table::Table;

/// Writes what became of every step, and how many ended in which way. `unlisted` says whether something
/// could not be listed.
pub(crate) fn write(out: &mut Out, report: &Report, plan_refusals: usize, unlisted: bool) {
    let mut table = Table::new(&["RESULT", "ID", "KIND", "NAME", "DETAIL"]);
    for outcome in &report.outcomes {
        table.row([
            toned(tone(outcome.result), outcome.result.word()),
            plain(short_id(&outcome.id.0.native)),
            plain(outcome.id.0.kind.word()),
            plain(&outcome.name),
            plain(detail(outcome)),
        ]);
    }
    if !report.outcomes.is_empty() {
        table.write(out);
        out.text("");
    }
    let mut counts: Vec<String> = report
        .counts()
        .iter()
        .map(|(result, number)| format!("{number} {result}"))
        .collect();
    if plan_refusals > 0 {
        counts.push(format!("{plan_refusals} refused by guards"));
    }
    let what = if counts.is_empty() {
        nothing(unlisted)
    } else {
        counts.join(", ")
    };
    let ended = if report.interrupted {
        "interrupted after"
    } else {
        "took"
    };
    out.line(&[toned(
        Tone::Strong,
        format!("{what}; {ended} {}", took(report.took_ms)),
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
    match result {
        StepResult::Deleted
        | StepResult::AlreadyGone
        | StepResult::Stopped
        | StepResult::Archived => Tone::Good,
        StepResult::Changed | StepResult::Deferred | StepResult::Cancelled => Tone::Warn,
        StepResult::Blocked | StepResult::Denied | StepResult::Stuck | StepResult::Failed => {
            Tone::Bad
        }
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

/// Outcomes as rows, and what the guards refused.
pub(crate) fn rows(report: &Report, plan: &Plan) -> Vec<[String; 8]> {
    let outcomes = report.outcomes.iter().map(|outcome| {
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
    });
    let refusals = plan.refusals.iter().map(|refusal| {
        [
            refusal.target.id().to_string(),
            refusal.target.kind.to_string(),
            refusal.name.clone(),
            refusal.action.to_string(),
            "refused".into(),
            "0".into(),
            "0".into(),
            format!("{}: {}", refusal.guard, refusal.detail),
        ]
    });
    outcomes.chain(refusals).collect()
}
