//! `tbengine policy test`: what a policy answers, against what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::policy::{CompiledPolicy, Fault, Limits, Policy};
use tbengine_engine::scope::Scope;

use super::files::write;
use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::plan::tell_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};
use tbengine_ops::policies;
use tbengine_ops::policy_tests::{Case, Expected, Said, cases, recorded};

/// How one case ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Tested {
    case: String,
    ok: bool,
    resources: usize,
    decisions: usize,
    retries: usize,
    differences: Vec<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
}

/// How all cases ended.
struct Tests {
    cases: Vec<Tested>,
    /// Whether what was answered is now expected.
    updated: bool,
}

impl View for Tests {
    fn document(&self) -> impl Serialize {
        &self.cases
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.cases);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["case", "about", "expected", "answered"]
    }

    /// One for each difference: a case that is as expected has none.
    fn rows(&self, rows: &mut Rows) {
        for one in &self.cases {
            for differs in &one.differences {
                rows.row([
                    &one.case,
                    &differs.about,
                    &differs.expected,
                    &differs.answered,
                ]);
            }
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for one in &self.cases {
            show(page, one, self.updated);
        }
    }
}

/// Where an answer is not as expected.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Difference {
    /// A resource, or a failed attempt.
    about: String,
    expected: String,
    answered: String,
}

/// Judges every case of a folder.
pub(super) fn test(
    app: &mut App,
    policy: &str,
    folder: &Path,
    update: bool,
) -> Result<Code, Error> {
    let (compiled, found) = policies::load(&app.context, policy)?;
    let mut tested = Vec::new();
    for case in cases::find(folder)? {
        tested.push(run(&compiled, &found.params, &found.limits, case, update)?);
    }
    let tests = Tests {
        cases: tested,
        updated: update,
    };
    app.out.show(app.global.output, &tests);
    app.out.flush();
    let tested = tests.cases;
    for fault in tested.iter().filter_map(|one| one.fault.as_ref()) {
        tell_fault(&app.console, fault);
    }
    let failed = tested.iter().filter(|one| !one.ok).count();
    if failed > 0 {
        let all = tested.len();
        app.console.error(
            &format!("{failed} of {all} cases are not as expected"),
            &["if the answers are right, write them down with --update".to_owned()],
        );
        return Ok(Code::Failed);
    }
    Ok(Code::Done)
}

fn run(
    compiled: &CompiledPolicy,
    configured: &BTreeMap<String, String>,
    limits: &Limits,
    case: Case,
    update: bool,
) -> Result<Tested, Error> {
    let record = recorded::read(&case.inventory)?;
    if case.expected.is_none() && !update {
        return Err(Error::config(format!(
            "nothing is expected of {}: there is no {}",
            case.inventory.display(),
            case.file.display()
        ))
        .hint("write down what the policy answers with --update, and read it"));
    }
    let expected = case.expected.unwrap_or_default();
    let mut params = configured.clone();
    params.extend(expected.params.clone());
    let policy: Arc<dyn Policy> = Arc::new(compiled.configure(&params, limits.clone())?);
    let inventory = Arc::new(record.inventory());
    let context = recorded::context(record.recorded, expected.claimed);
    let judging = recorded::judge(
        policy.clone(),
        inventory.clone(),
        Scope::default(),
        context.clone(),
    );
    let decisions = block_on(async { Ok::<_, Error>(judging.await) })?;
    let mut tested = Tested {
        case: case.file.display().to_string(),
        ok: false,
        resources: inventory.resources.len(),
        decisions: decisions.made.len(),
        retries: expected.retries.len(),
        differences: Vec::new(),
        fault: decisions.fault,
    };
    let said = |decision| {
        let place: &tbengine_engine::decide::Decision = decision;
        let id = inventory.resources[place.resource].identity.id();
        (id.to_string(), Said::new(decision))
    };
    let mut answered = Expected {
        decisions: decisions.made.iter().map(said).collect(),
        ..expected.clone()
    };
    for retry in &mut answered.retries {
        match policy.retry(&context, &retry.question()) {
            Ok(advice) => retry.advice = advice.into(),
            Err(fault) => tested.fault = tested.fault.or(Some(fault)),
        }
    }
    if tested.fault.is_some() {
        return Ok(tested);
    }
    if update {
        let mut text = serde_json::to_string_pretty(&answered)
            .map_err(|error| Error::config(error.to_string()))?;
        text.push('\n');
        write(&case.file, text.as_bytes(), true)?;
    } else {
        tested.differences = differences(&expected, &answered);
    }
    tested.ok = tested.differences.is_empty();
    Ok(tested)
}

fn differences(expected: &Expected, answered: &Expected) -> Vec<Difference> {
    let ids: BTreeSet<&String> = expected
        .decisions
        .keys()
        .chain(answered.decisions.keys())
        .collect();
    let decisions = ids.into_iter().filter_map(|id| {
        let (wanted, got) = (expected.decisions.get(id), answered.decisions.get(id));
        (wanted != got).then(|| Difference {
            about: id.clone(),
            expected: Said::text(wanted),
            answered: Said::text(got),
        })
    });
    let retries = expected.retries.iter().zip(&answered.retries);
    let retries = retries
        .filter(|(wanted, got)| wanted != got)
        .map(|(wanted, got)| Difference {
            about: format!(
                "{}, attempt {} failed: {}",
                wanted.id.0, wanted.attempt, wanted.failure
            ),
            expected: wanted.advice.text(),
            answered: got.advice.text(),
        });
    decisions.chain(retries).collect()
}

fn show(page: &mut Page<'_>, one: &Tested, updated: bool) {
    let (tone, word) = match (one.ok, updated) {
        (false, _) => (Tone::Bad, "failed "),
        (true, true) => (Tone::Good, "wrote  "),
        (true, false) => (Tone::Good, "ok     "),
    };
    page.line(&[
        toned(tone, word),
        plain(format!(
            "{}: {} resources, {} decisions, {} retries",
            one.case, one.resources, one.decisions, one.retries
        )),
    ]);
    for difference in &one.differences {
        page.line(&[plain("  "), toned(Tone::Strong, difference.about.clone())]);
        page.line(&[
            toned(Tone::Dim, "    expected  "),
            plain(difference.expected.clone()),
        ]);
        page.line(&[
            toned(Tone::Dim, "    answered  "),
            plain(difference.answered.clone()),
        ]);
    }
}
