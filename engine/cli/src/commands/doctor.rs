//! `tbengine doctor`: what is configured, what answers, what is missing and how to fix it.

use serde::Serialize;
use tbengine_ops::doctor::{Condition, Finding, examine};

use crate::app::{App, block_on};
use crate::args::scope::BackendArgs;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::{Lines, View};

/// One thing that was looked at, as it is shown.
#[derive(Debug, Serialize)]
struct Row {
    /// The kind of thing.
    about: &'static str,
    name: String,
    state: Health,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
    #[serde(skip)]
    code: Code,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Health {
    Ok,
    Note,
    Bad,
}

impl Row {
    fn new(finding: Finding) -> Self {
        let (state, detail, hints, code) = match finding.condition {
            Condition::Good(detail) => (Health::Ok, detail, Vec::new(), Code::Done),
            Condition::Note(detail) => (Health::Note, detail, Vec::new(), Code::Done),
            Condition::Unusable(error) => {
                let error = Error::from(error);
                (Health::Bad, error.to_string(), error.hints(), error.code())
            }
            Condition::Unanswered(error) => {
                let hints = error.hint.iter().cloned().collect();
                (Health::Bad, error.to_string(), hints, Code::Incomplete)
            }
        };
        Self {
            about: finding.subject.word(),
            name: finding.name,
            state,
            detail,
            hints,
            code,
        }
    }
}

/// Looks at everything, or at some backends and all that is not one.
pub(crate) fn run(app: &mut App, args: &BackendArgs) -> Result<Code, Error> {
    let settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    let examining = async { Ok::<_, Error>(examine(&app.context, &settings, &args.backend).await) };
    let findings = block_on(examining)?.into_iter().map(Row::new);
    let findings = Findings(findings.collect());
    app.out.show(app.global.output, &findings);
    // A backend that does not answer outranks the rest, since a run would end so too.
    let codes: Vec<Code> = findings.0.iter().map(|finding| finding.code).collect();
    let worst = [Code::Incomplete, Code::Usage, Code::Failed]
        .into_iter()
        .find(|code| codes.contains(code));
    Ok(worst.unwrap_or(Code::Done))
}

/// Everything that was looked at.
struct Findings(Vec<Row>);

impl View for Findings {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["about", "name", "state", "detail", "hint"]
    }

    fn rows(&self, rows: &mut Rows) {
        for finding in &self.0 {
            let state = serde_json::to_value(finding.state).unwrap_or_default();
            rows.row([
                finding.about,
                &finding.name,
                state.as_str().unwrap_or_default(),
                &finding.detail,
                &finding.hints.join("; "),
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        for finding in &self.0 {
            let mark = match finding.state {
                Health::Ok => toned(Tone::Good, "ok   "),
                Health::Note => toned(Tone::Warn, "note "),
                Health::Bad => toned(Tone::Bad, "error"),
            };
            let subject = format!(" {} {}: ", finding.about, finding.name);
            page.line(&[mark, plain(subject), plain(&finding.detail)]);
            for hint in &finding.hints {
                page.line(&[
                    plain("      "),
                    toned(Tone::Good, "hint"),
                    plain(": "),
                    plain(hint),
                ]);
            }
        }
    }
}
