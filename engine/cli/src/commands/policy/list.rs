//! `tbengine policy list`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::App;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::span::plain;
use crate::output::table::Table;
use crate::policies;

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    origin: String,
    version: String,
    digest: String,
    summary: String,
}

/// Lists the policies that are built in or configured.
pub(super) fn list(app: &mut App) -> Result<Code, Error> {
    let builtins = tbengine_builtins::ALL
        .iter()
        .map(|builtin| (builtin.name.to_owned(), "built in"));
    let configured = app
        .config
        .file
        .policies
        .keys()
        .map(|name| (name.clone(), "configured"));
    let names: BTreeMap<String, &str> = builtins.chain(configured).collect();
    let engine = policies::engine(&app.world)?;
    let mut rows = Vec::new();
    let mut code = Code::Done;
    for (name, origin) in names {
        let loaded = policies::find(app, &name)
            .and_then(|found| Ok(engine.load(&found.bytes, &found.origin)?));
        match loaded {
            Ok(policy) => rows.push(Row {
                name,
                origin: origin.to_owned(),
                version: policy.description().version.clone(),
                digest: policy.digest().to_owned(),
                summary: policy.description().summary.clone(),
            }),
            Err(error) => {
                app.console
                    .error(&format!("policy `{name}`: {error}"), &error.hints());
                code = error.code();
            }
        }
    }
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&rows),
        Format::Jsonl => rows.iter().for_each(|row| out.json_line(row)),
        Format::Csv => {
            let rows = rows
                .into_iter()
                .map(|row| [row.name, row.origin, row.version, row.digest, row.summary]);
            csv::write(
                out,
                ["name", "origin", "version", "digest", "summary"],
                rows,
            );
        }
        Format::Table => {
            let mut table = Table::new(&["NAME", "ORIGIN", "VERSION", "DIGEST", "SUMMARY"]);
            for row in rows {
                let digest: String = row.digest.chars().take(12).collect();
                table.row([row.name, row.origin, row.version, digest, row.summary].map(plain));
            }
            table.write(out);
        }
    }
    Ok(code)
}
