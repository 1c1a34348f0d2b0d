//! `tbengine policy inspect`.

use serde::Serialize;
use tbengine_engine::policy::Description;

use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::view::View;
use tbengine_ops::policies;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Inspected<'a> {
    #[serde(flatten)]
    description: &'a Description,
    digest: &'a str,
    contract: String,
    /// The facts that policies of this version of the contract do not get.
    missing_facts: &'static [&'static str],
    origin: &'a str,
    imports: &'a [String],
}

/// Shows what a policy says of itself.
pub(super) fn inspect(app: &mut App, name: &str) -> Result<Code, Error> {
    let (policy, _) = policies::load(&app.context, name)?;
    let inspected = Inspected {
        description: policy.description(),
        digest: policy.digest(),
        contract: policy.version().to_string(),
        missing_facts: policy.version().missing_facts(),
        origin: policy.origin(),
        imports: policy.imports(),
    };
    app.out.show(app.global.output, &inspected);
    Ok(Code::Done)
}

impl Inspected<'_> {
    /// Its parameters: name, type, default and what they are for.
    fn params(&self) -> impl Iterator<Item = [String; 4]> {
        let default = |default: &Option<String>, required| match default {
            Some(default) => default.clone(),
            None if required => "required".into(),
            None => "unset".into(),
        };
        let word = |kind| {
            serde_json::to_value(kind)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        self.description.params.iter().map(move |param| {
            [
                param.name.clone(),
                word(param.kind),
                default(&param.default, param.required),
                param.doc.clone(),
            ]
        })
    }
}

impl View for Inspected<'_> {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["parameter", "type", "default", "doc"]
    }

    fn rows(&self, rows: &mut Rows) {
        for param in self.params() {
            rows.row(param);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let description = self.description;
        page.line(&[toned(
            Tone::Strong,
            format!("{} {}", description.name, description.version),
        )]);
        page.text(&description.summary);
        page.text(&format!("digest   {}", self.digest));
        page.text(&format!("contract {}", self.contract));
        for fact in self.missing_facts {
            page.text(&format!("         missing: {fact}"));
        }
        page.text(&format!("origin   {}", self.origin));
        page.text(&format!("imports  {}", self.imports.join(", ")));
        for [name, kind, default, doc] in self.params() {
            page.text("");
            page.line(&[
                toned(Tone::Strong, name),
                plain(format!("  {kind}")),
                toned(Tone::Dim, format!("  [{default}]")),
            ]);
            page.text(&format!("  {doc}"));
        }
    }
}
