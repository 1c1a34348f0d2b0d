//! `tbengine policy test`: what a policy answers, against what is expected.

use std::path::Path;

use serde::Serialize;
use tbengine_ops::policy_tests::{self, Tested};

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::plan::print_fault;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};

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
        &["case", "about", "name", "expected", "answered"]
    }

    /// One for each difference: a case that is as expected has none.
    fn rows(&self, rows: &mut Rows) {
        for one in &self.cases {
            for differs in &one.differences {
                rows.row([
                    &one.case,
                    &differs.about,
                    &differs.name,
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
        let failed = self.cases.iter().filter(|one| !one.ok).count();
        let ok = self.cases.len() - failed;
        page.line(&[toned(Tone::Strong, format!("{ok} ok, {failed} failed"))]);
    }
}

/// Judges every case of a folder.
pub(super) fn test(
    app: &mut App,
    policy: &str,
    folder: &Path,
    update: bool,
) -> Result<Code, Error> {
    let testing = policy_tests::test(&app.context, policy, folder, update);
    let tests = Tests {
        cases: block_on(testing)?,
        updated: update,
    };
    app.out.show(app.global.output, &tests);
    app.out.flush();
    let tested = tests.cases;
    for fault in tested.iter().filter_map(|one| one.fault.as_ref()) {
        print_fault(&app.console, fault);
    }
    let failed = tested.iter().filter(|one| !one.ok).count();
    if failed > 0 {
        let all = tested.len();
        app.console.error(
            &format!("{failed} of {all} cases failed"),
            &["if the new decisions are right, accept them with --update".to_owned()],
        );
        return Ok(Code::Failed);
    }
    Ok(Code::Done)
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
        let id = &difference.about;
        let name = match difference.name.is_empty() || id.ends_with(&difference.name) {
            true => String::new(),
            false => format!("{}: ", difference.name),
        };
        page.line(&[
            plain("  "),
            toned(Tone::Strong, name),
            toned(Tone::Strong, id.clone()),
        ]);
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
