//! `tbengine list`: what is there, whoever made it.

use std::path::Path;

use tbengine_engine::discover::Inventory;
use tbengine_engine::facts::Quarantine;
use tbengine_engine::record::Record;
use tbengine_engine::scope::Scope;
use tbengine_sdk::Resource;

use crate::app::{App, block_on};
use crate::args::ListArgs;
use crate::args::global::Format;
use crate::exit::{Code, Error};
use crate::output::csv;
use crate::output::human::{age, count, short_id, size, state};
use crate::output::json::{ListView, ResourceView};
use crate::output::span::{Tone, plain, toned};
use crate::output::table::Table;
use crate::output::watcher::Watcher;

/// Lists what is in scope.
pub(crate) fn run(app: &mut App, args: &ListArgs) -> Result<Code, Error> {
    let scope = args.scope.scope();
    let (inventory, with_backend) = block_on(async {
        let engine = app.lister(scope.clone(), args.sizes)?;
        let with_backend = engine.backends().len() > 1;
        let mut watcher = Watcher::new(
            &mut app.out,
            app.console.clone(),
            false,
            app.global.verbose > 0,
        );
        let inventory = engine.discover(&mut |event| watcher.see(event)).await;
        Ok((inventory, with_backend))
    })?;
    let settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    let quarantine = app.quarantine(&settings);
    write(app, &inventory, &quarantine, &scope, with_backend);
    app.out.flush();
    if let Some(path) = &args.record {
        record(app, &inventory, &scope, path)?;
    }
    app.tell_failures(&inventory.failures);
    Ok(if inventory.failures.is_empty() {
        Code::Done
    } else {
        Code::Incomplete
    })
}

/// Writes what is in scope to a file.
fn record(app: &App, inventory: &Inventory, scope: &Scope, path: &Path) -> Result<(), Error> {
    let now = app.world.now;
    let listed = inventory.resources.iter();
    let listed = listed.filter(|resource| scope.admits(resource, now));
    let record = Record::new(listed, &inventory.failures, now);
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let mut text = serde_json::to_string_pretty(&record).map_err(|error| failed(error.into()))?;
    text.push('\n');
    std::fs::write(path, text).map_err(failed)?;
    app.console
        .line(&[toned(Tone::Dim, format!("recorded in {}", path.display()))]);
    Ok(())
}

fn write(
    app: &mut App,
    inventory: &Inventory,
    quarantine: &Quarantine,
    scope: &Scope,
    with_backend: bool,
) {
    let now = app.world.now;
    let listed: Vec<&Resource> = inventory
        .resources
        .iter()
        .filter(|resource| scope.admits(resource, now))
        .collect();
    let out = &mut app.out;
    match app.global.output {
        Format::Json => out.json(&ListView {
            resources: listed
                .into_iter()
                .map(|resource| ResourceView::new(resource, quarantine))
                .collect(),
            failures: &inventory.failures,
        }),
        Format::Jsonl => listed
            .into_iter()
            .for_each(|resource| out.json_line(&ResourceView::new(resource, quarantine))),
        Format::Csv => csv::write(out, COLUMNS, listed.into_iter().map(row)),
        Format::Table => {
            table(&listed, now, with_backend).write(out);
            if listed.is_empty() && inventory.failures.is_empty() {
                app.console.line(&[plain("nothing in scope")]);
            } else {
                app.console
                    .line(&[toned(Tone::Dim, count(listed.len(), "resource"))]);
            }
            for resource in listed {
                if let Some(trouble) = quarantine.trouble(&resource.identity) {
                    let id = short_id(&resource.identity.native);
                    let name = &resource.name;
                    app.console.line(&[
                        toned(Tone::Warn, "in quarantine"),
                        plain(format!(": {id} {name}: {trouble}")),
                    ]);
                }
            }
        }
    }
}

fn table(listed: &[&Resource], now: tbengine_sdk::Timestamp, with_backend: bool) -> Table {
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
            plain(age(resource, now)),
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
    let time = |time: Option<tbengine_sdk::Timestamp>| {
        time.map(|time| time.to_string()).unwrap_or_default()
    };
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
        time(identity.created),
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
    use tbengine_sdk::{Identity, Kind, Owner, State, Timestamp, Unit};

    use super::*;
    use crate::output::escape::is_forbidden;

    proptest! {
        /// Whatever a provider calls things, one resource is one safe row.
        #[test]
        fn hostile_names_make_no_rows(wild in "\\PC{0,20}|[\\x00-\\x1f\u{80}-\u{9f}\u{200b}-\u{202e}\u{2066}-\u{2069}]{0,20}") {
            let identity = Identity {
                backend: "docker".into(),
                account: "a".into(),
                kind: Kind::Container,
                native: wild.clone(),
                created: None,
            };
            let mut resource = Resource::new(identity, wild.clone(), State::Exited);
            resource.owner = Owner::Other(wild.clone());
            resource.unit = Some(Unit(wild));
            for width in [None, Some(80)] {
                let table = table(&[&resource], Timestamp::from_unix_ms(0), true);
                let lines: Vec<_> = table.lines(width).collect();
                prop_assert_eq!(lines.len(), 2);
                for span in lines.iter().flatten() {
                    prop_assert!(!span.text.contains(is_forbidden));
                }
            }
        }
    }
}
