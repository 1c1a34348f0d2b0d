//! `tbengine policy list`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::App;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::plain;
use crate::output::table::Table;
use crate::output::view::{Lines, View};
use tbengine_ops::policies;

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
        .context
        .config
        .file
        .policies
        .keys()
        .map(|name| (name.clone(), "configured"));
    let names: BTreeMap<String, &str> = builtins.chain(configured).collect();
    let loader = policies::loader(&app.context)?;
    let mut rows = Vec::new();
    let mut code = Code::Done;
    for (name, origin) in names {
        let loaded = policies::find(&app.context, &name).and_then(|found| loader.load(&found));
        match loaded {
            Ok(policy) => rows.push(Row {
                name,
                origin: origin.to_owned(),
                version: policy.description().version.clone(),
                digest: policy.digest().to_owned(),
                summary: policy.description().summary.clone(),
            }),
            Err(error) => {
                let error = Error::from(error);
                app.console
                    .error(&format!("policy `{name}`: {error}"), &error.hints());
                code = error.code();
            }
        }
    }
    app.out.show(app.global.output, &Policies(rows));
    Ok(code)
}

/// The policies that there are.
struct Policies(Vec<Row>);

impl View for Policies {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["name", "origin", "version", "digest", "summary"]
    }

    fn rows(&self, rows: &mut Rows) {
        for row in &self.0 {
            rows.row([
                &row.name,
                &row.origin,
                &row.version,
                &row.digest,
                &row.summary,
            ]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["NAME", "ORIGIN", "VERSION", "DIGEST", "SUMMARY"]);
        for row in &self.0 {
            let digest: String = row.digest.chars().take(12).collect();
            table.row([
                plain(&row.name),
                plain(&row.origin),
                plain(&row.version),
                plain(digest),
                plain(&row.summary),
            ]);
        }
        page.table(&table);
    }
}
