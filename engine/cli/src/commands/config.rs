//! `tbengine config`: the configuration's schema, and what is in force.

use serde::Serialize;
use tbengine_engine::apply::RetrySchedule;

use crate::app::App;
use crate::args::ConfigCommand;
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::view::{Lines, View};
use tbengine_ops::backends;
use tbengine_ops::config::ConfigFile;
use tbengine_ops::config::file::schema;
use tbengine_ops::config::settings::table::Shown;
use tbengine_ops::config::settings::{Setting, Settings, Source};

/// Shows the schema or what is in force.
pub(crate) fn run(app: &mut App, command: &ConfigCommand) -> Result<Code, Error> {
    match command {
        ConfigCommand::Schema => app.out.own(schema().as_bytes()),
        ConfigCommand::Show(args) => {
            let settings = app.settings(&args.policy, &args.safeguards, &args.retry);
            let shown = InForce(rows(app, &settings));
            app.out.show(app.global.output, &shown);
        }
    }
    Ok(Code::Done)
}

#[derive(Debug, Serialize)]
struct Row {
    key: String,
    value: String,
    source: String,
}

/// Every setting in force.
struct InForce(Vec<Row>);

impl View for InForce {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(&self.0);
    }

    fn columns(&self) -> &'static [&'static str] {
        &["key", "value", "source"]
    }

    fn rows(&self, rows: &mut Rows) {
        for row in &self.0 {
            rows.row([&row.key, &row.value, &row.source]);
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let mut table = Table::new(&["KEY", "VALUE", "SOURCE"]);
        for row in &self.0 {
            table.row([
                plain(&row.key),
                plain(&row.value),
                toned(Tone::Dim, &row.source),
            ]);
        }
        page.table(&table);
    }
}

fn rows(app: &App, settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    let config = &app.context.config;
    let from_file = |source: Source| {
        let file = match source {
            Source::File => config.own.as_ref(),
            Source::Project => config.project.as_ref(),
            _ => None,
        };
        match file {
            Some(file) => format!("file {}", file.path.display()),
            None => source.to_string(),
        }
    };
    let source_of = |is_projects: bool| match is_projects {
        true => Source::Project,
        false => Source::File,
    };
    let mut row = |key: &str, value: String, source: Source| {
        rows.push(Row {
            key: key.to_owned(),
            value,
            source: from_file(source),
        });
    };
    for name in backends::names(&app.context.config, &[]) {
        let kind = app
            .context
            .config
            .file
            .backends
            .get(&name)
            .map_or(name.as_str(), |table| &table.kind);
        let source = match config.file.backends.contains_key(&name) {
            true => source_of(
                config
                    .project
                    .as_ref()
                    .is_some_and(|project| project.file.backends.contains_key(&name)),
            ),
            false => Source::Default,
        };
        // The settings of a backend may be secrets.
        row(&format!("backends.{name}.kind"), kind.to_owned(), source);
    }
    let schedule = settings.schedule();
    let mut has_schedule = false;
    for (setting, Setting { value, source }) in settings.all() {
        match setting.shown {
            Shown::Alone => row(setting.key, value.to_string(), source),
            Shown::InSchedule if !std::mem::replace(&mut has_schedule, true) => {
                row("retry", retry(schedule.value), schedule.source);
            }
            Shown::InSchedule | Shown::No => {}
        }
        if setting.key == "policy" {
            params(app, settings, &mut row);
        }
    }
    rows
}

/// The parameters of the policy in use.
fn params(app: &App, settings: &Settings, row: &mut impl FnMut(&str, String, Source)) {
    let config = &app.context.config;
    let name = &settings.policy.value;
    if let Some(table) = config.file.policies.get(name) {
        let is_projects = |project: &ConfigFile| project.file.policies.contains_key(name);
        let source = match config.project.as_ref().is_some_and(is_projects) {
            true => Source::Project,
            false => Source::File,
        };
        for (key, value) in table
            .params
            .iter()
            .filter(|(key, _)| !settings.params.contains_key(*key))
        {
            row(&format!("params.{key}"), value.to_string(), source);
        }
    }
    for (key, setting) in &settings.params {
        row(
            &format!("params.{key}"),
            setting.value.clone(),
            setting.source,
        );
    }
}

fn retry(schedule: Option<RetrySchedule>) -> String {
    let written = humantime::format_duration;
    match schedule {
        None => "as the policy says".into(),
        Some(RetrySchedule::Jittered {
            base,
            cap,
            attempts,
        }) => {
            format!(
                "as the policy says, else {attempts} attempts, {} doubling up to {}",
                written(base),
                written(cap)
            )
        }
        Some(RetrySchedule::Fixed {
            delay,
            factor,
            retries,
        }) => {
            format!("{retries} retries after {}, times {factor}", written(delay))
        }
    }
}
