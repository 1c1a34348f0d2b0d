//! `tbengine list`: the resources on all backends.

use std::path::Path;

use serde::Serialize;
use tbengine_engine::clocks::Clocks;
use tbengine_engine::discover::{Inventory, ListFailure};
use tbengine_engine::facts::Quarantine;
use tbengine_engine::record::Record;
use tbengine_engine::report::Event;
use tbengine_engine::scope::Scope;
use tbengine_ops::discover::discover;
use tbengine_sdk::{Resource, Timestamp};

use crate::app::{App, block_on};
use crate::args::ListArgs;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::console::Console;
use crate::output::csv::Rows;
use crate::output::human::{age, count, short_id, size, state};
use crate::output::json::{ListDocument, ResourceDocument};
use crate::output::obstacles::print_failures;
use crate::output::page::Page;
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::totals::Totals;
use crate::output::view::{Lines, View};
use crate::output::watcher::Watcher;

/// Lists what is in scope.
pub(crate) fn run(app: &mut App, args: &ListArgs) -> Result<Code, Error> {
    let scope = args.scope.scope();
    let settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    let (inventory, with_backend) = block_on(async {
        let engine = app.lister(scope.clone(), args.sizes).await?;
        let with_backend = engine.backends().len() > 1;
        let mut watcher = Watcher::new(
            &mut app.out,
            app.console.clone(),
            false,
            app.global.verbose > 0,
        );
        let world = &app.context.world;
        let mut see = |event: &Event| watcher.on_event(event);
        let inventory = discover(&engine, &settings, world, &mut see).await;
        Ok::<_, Error>((inventory, with_backend))
    })?;
    let quarantine = block_on(async { Ok::<_, Error>(app.quarantine(&settings).await) })?;
    let (now, failures) = (app.context.world.now, &inventory.failures[..]);
    let resources = inventory.resources.iter();
    let listed = Listed {
        resources: resources
            .filter(|resource| scope.admits(resource, inventory.now_of(resource, now)))
            .collect(),
        clocks: &inventory.clocks,
        failures,
        quarantine: &quarantine,
        now,
        with_backend,
    };
    app.out.show(app.global.output, &listed);
    if app.global.output == Format::Table {
        listed.print_summary(&app.console);
    }
    app.out.flush();
    if let Some(path) = &args.record {
        record(app, &inventory, &scope, path)?;
    }
    print_failures(&app.console, &inventory.failures);
    Ok(if inventory.failures.is_empty() {
        Code::Done
    } else {
        Code::Incomplete
    })
}

/// Writes what is in scope to a file.
fn record(app: &App, inventory: &Inventory, scope: &Scope, path: &Path) -> Result<(), Error> {
    let now = app.context.world.now;
    let listed = inventory.resources.iter();
    let is_in = |resource: &&Resource| scope.admits(resource, inventory.now_of(resource, now));
    let listed = listed.filter(is_in);
    let record = Record::new(listed, &inventory.failures, &inventory.kinds, now)
        .with_clocks(inventory.clocks.clone());
    let failed = |source| Error::write(path, source);
    let mut text = serde_json::to_string_pretty(&record).map_err(|error| failed(error.into()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(failed)?;
    app.console
        .line(&[toned(Tone::Dim, format!("recorded in {}", path.display()))]);
    Ok(())
}

/// What is in scope.
struct Listed<'a> {
    resources: Vec<&'a Resource>,
    clocks: &'a Clocks,
    failures: &'a [ListFailure],
    quarantine: &'a Quarantine,
    now: Timestamp,
    /// Whether there are several backends, so that it matters which one a resource is of.
    with_backend: bool,
}

impl Listed<'_> {
    /// Says how many there are, and which of them are parked.
    fn print_summary(&self, console: &Console) {
        let listed = &self.resources;
        if listed.is_empty() && self.failures.is_empty() {
            console.line(&[plain("nothing in scope")]);
        } else {
            let mut summary = count(listed.len(), "resource");
            let usage = self.usage().to_string();
            if !usage.is_empty() {
                summary += &format!(": {usage}");
            }
            console.line(&[toned(Tone::Dim, summary)]);
        }
        for resource in listed {
            if let Some(entry) = self.quarantine.entry(&resource.identity) {
                let id = short_id(&resource.identity.native);
                let name = &resource.name;
                console.line(&[
                    toned(Tone::Warn, "in quarantine"),
                    plain(format!(": {id} {name}: {entry}")),
                ]);
            }
        }
    }

    /// What they take up together.
    fn usage(&self) -> Totals {
        let resources = self.resources.iter();
        Totals::of(resources.map(|resource| (resource.state, &resource.usage)))
    }

    fn documents(&self) -> impl Iterator<Item = ResourceDocument<'_>> {
        let resources = self.resources.iter();
        resources.map(|resource| ResourceDocument::new(resource, self.quarantine))
    }
}

impl View for Listed<'_> {
    fn document(&self) -> impl Serialize {
        ListDocument {
            resources: self.documents().collect(),
            usage: self.usage(),
            failures: self.failures,
        }
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(self.documents());
    }

    fn columns(&self) -> &'static [&'static str] {
        &COLUMNS
    }

    fn rows(&self, rows: &mut Rows) {
        for resource in &self.resources {
            rows.row(row(resource));
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        let now_of = |one: &Resource| self.clocks.now_at(&one.identity.backend, self.now);
        page.table(&table(&self.resources, now_of, self.with_backend));
    }
}

fn table(
    listed: &[&Resource],
    now_of: impl Fn(&Resource) -> Timestamp,
    with_backend: bool,
) -> Table {
    let mut header = vec![
        "ID", "KIND", "NAME", "STATE", "AGE", "OWNER", "UNIT", "SIZE",
    ];
    if with_backend {
        header.insert(0, "BACKEND");
    }
    let mut table = Table::new(&header);
    for resource in listed {
        let tone = if resource.state.is_running() {
            Tone::Good
        } else {
            Tone::Plain
        };
        let backend = with_backend.then(|| plain(&*resource.identity.backend));
        let row = [
            plain(short_id(&resource.identity.native)),
            plain(resource.identity.kind.word()),
            plain(&resource.name),
            toned(tone, state(resource)),
            plain(age(resource, now_of(resource))),
            plain(resource.owner.to_string()),
            plain(resource.unit.as_ref().map_or("", |unit| &unit.0)),
            plain(resource.usage.disk_bytes.map(size).unwrap_or_default()),
        ];
        table.row(backend.into_iter().chain(row));
    }
    table
}

const COLUMNS: [&str; 11] = [
    "id",
    "backend",
    "kind",
    "name",
    "state",
    "exit-code",
    "created",
    "finished",
    "owner",
    "unit",
    "disk-bytes",
];

fn row(resource: &Resource) -> [String; 11] {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let identity = &resource.identity;
    [
        identity.id().to_string(),
        identity.backend.to_string(),
        identity.kind.to_string(),
        resource.name.clone(),
        resource.state.to_string(),
        resource
            .exit_code
            .map(|code| code.to_string())
            .unwrap_or_default(),
        time(identity.created.or(resource.arrived)),
        time(resource.finished),
        resource.owner.to_string(),
        resource
            .unit
            .as_ref()
            .map(|unit| unit.0.clone())
            .unwrap_or_default(),
        resource
            .usage
            .disk_bytes
            .map(|bytes| bytes.to_string())
            .unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tbengine_sdk::{Identity, Kind, Owner, State, Unit};

    use super::*;
    use crate::output::escape::is_forbidden;

    proptest! {
        /// Whatever a provider calls things, one resource is one safe row.
        #[test]
        fn hostile_names_make_no_rows(wild in "\\PC{0,20}|[\\x00-\\x1f\u{80}-\u{9f}\u{200b}-\u{202e}\u{2066}-\u{2069}]{0,20}") {
            let identity = Identity {
                backend: "docker".into(),
                account: "a".into(),
                kind: Kind::CONTAINER,
                native: wild.clone(),
                created: None,
            };
            let mut resource = Resource::new(identity, wild.clone(), State::Exited);
            resource.owner = Owner::Other(wild.clone());
            resource.unit = Some(Unit(wild));
            for width in [None, Some(80)] {
                let table = table(&[&resource], |_| Timestamp::from_unix_ms(0), true);
                let lines: Vec<_> = table.lines(width).collect();
                prop_assert_eq!(lines.len(), 2);
                for span in lines.iter().flatten() {
                    prop_assert!(!span.text.contains(is_forbidden));
                }
            }
        }
    }
}
