//! `tbengine policy inspect`.

use serde::Serialize;
use tbengine_engine::policy::Description;

use crate::app::App;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::span::{Tone, plain, toned};
use crate::policies;

#[derive(Debug, Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    description: &'a Description,
    digest: &'a str,
    contract: String,
    origin: &'a str,
    imports: &'a [String],
}

/// Shows what a policy says of itself.
pub(super) fn inspect(app: &mut App, name: &str) -> Result<Code, Error> {
    let (policy, _) = policies::load(app, name)?;
    let description = policy.description();
    let inspected = Inspected {
        description,
        digest: policy.digest(),
        contract: policy.version().to_string(),
        origin: policy.origin(),
        imports: policy.imports(),
    };
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
    let params = description.params.iter().map(|param| {
        [
            param.name.clone(),
            word(param.kind),
            default(&param.default, param.required),
            param.doc.clone(),
        ]
    });
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&inspected),
        Format::Jsonl => out.json_line(&inspected),
        Format::Csv => csv::write(out, ["parameter", "type", "default", "doc"], params),
        Format::Table => {
            out.line(&[toned(
                Tone::Strong,
                format!("{} {}", description.name, description.version),
            )]);
            out.text(&description.summary);
            out.text(&format!("digest   {}", policy.digest()));
            out.text(&format!("contract {}", policy.version()));
            out.text(&format!("origin   {}", policy.origin()));
            out.text(&format!("imports  {}", policy.imports().join(", ")));
            for [name, kind, default, doc] in params {
                out.text("");
                out.line(&[
                    toned(Tone::Strong, name),
                    plain(format!("  {kind}")),
                    toned(Tone::Dim, format!("  [{default}]")),
                ]);
                out.text(&format!("  {doc}"));
            }
        }
    }
    Ok(Code::Done)
}
