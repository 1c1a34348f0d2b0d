//! `tbengine lease`: leases for anyone.
//!
//! - [`hold`]: a lease that holds as long as a pipe is open

pub(crate) mod hold;

use serde::Serialize;
use tbengine_engine::lease::{Claim, Filter, Lease, Standing, Store};
use tbengine_sdk::owner::RUN_ID_LABEL;

use crate::app::{App, block_on};
use crate::args::global::Format;
use crate::args::lease::{LeaseCommand, TermsArgs};
use crate::config::Settings;
use crate::exit::{Code, Error};
use crate::leases::taking::state;
use crate::leases::{Looks, Wanted, end, take};
use crate::output::csv;
use crate::output::span::plain;
use crate::output::table::Table;
use crate::signals::Signals;

/// Does what is asked with leases.
pub(crate) fn run(app: &mut App, command: &LeaseCommand) -> Result<Code, Error> {
    let settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    match command {
        LeaseCommand::Acquire { ttl, terms } => {
            let wanted = Wanted {
                ttl: Some(ttl.0),
                ..wanted(terms)
            };
            let held = block_on(take(app, &settings, wanted))?;
            match app.format() {
                Format::Table => app.out.text(&held.lease().id),
                _ => app.out.json(held.lease()),
            }
            Ok(Code::Done)
        }
        LeaseCommand::Renew { id } => {
            let lease = Store::open(&state(&settings)?).renew(id, &app.world.host)?;
            if app.format() != Format::Table {
                app.out.json(&lease);
            }
            Ok(Code::Done)
        }
        LeaseCommand::Release { id } => release(app, &settings, id),
        LeaseCommand::List => list(app, &settings),
        LeaseCommand::Hold {
            terms,
            second_look,
            detach,
            adopt,
        } => {
            let looks = second_look.looks();
            hold::run(app, &settings, terms, looks, *detach, adopt.as_deref())
        }
    }
}

/// The lease that these arguments describe.
pub(crate) fn wanted(terms: &TermsArgs) -> Wanted {
    let filters = match terms.label.is_empty() {
        true => Vec::new(),
        false => vec![Filter::labels(terms.label.clone())],
    };
    Wanted {
        id: terms.run_id.clone(),
        backends: terms.backends.backend.clone(),
        filters,
        own: terms.own.own.into(),
        job_dirs: terms.own.job_dir.clone(),
        ..Wanted::default()
    }
}

fn release(app: &mut App, settings: &Settings, id: &str) -> Result<Code, Error> {
    let signals = Signals::listen(app.world.ignores_hangup)?;
    let Some(mut held) = Store::open(&state(settings)?).release(id)? else {
        app.console.warning(&format!("lease {id} has ended before"));
        return Ok(Code::Done);
    };
    let ended = block_on(end(
        app,
        settings,
        &mut held,
        Looks::default(),
        &signals.control,
    ))?;
    if app.format() == Format::Table {
        ended.tell(app);
    } else {
        app.out.json(&ended);
    }
    Ok(ended.code())
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct LeaseView<'a> {
    standing: &'static str,
    label: String,
    #[serde(flatten)]
    lease: &'a Lease,
}

fn list(app: &mut App, settings: &Settings) -> Result<Code, Error> {
    let state = super::apply::existing_state(settings)?;
    let all = match &state {
        Some(state) => Store::open(state).all(&app.world.host)?,
        None => Vec::new(),
    };
    let uptime = (app.world.host.uptime)();
    let rows: Vec<[String; 6]> = all
        .iter()
        .map(|(lease, standing)| row(lease, *standing, uptime))
        .collect();
    match app.format() {
        Format::Table if rows.is_empty() => app.out.text("There are no leases."),
        Format::Table => {
            let mut table =
                Table::new(&["ID", "STANDING", "SINCE", "HOLDS", "BACKENDS", "PROGRAM"]);
            for row in rows {
                table.row(row.into_iter().map(plain));
            }
            table.write(&mut app.out);
        }
        Format::Csv => {
            let columns = ["id", "standing", "since", "holds", "backends", "program"];
            csv::write(&mut app.out, columns, rows);
        }
        Format::Json | Format::Jsonl => {
            let views = all.iter().map(|(lease, standing)| LeaseView {
                standing: word(*standing),
                label: format!("{RUN_ID_LABEL}={}", lease.id),
                lease,
            });
            app.out.json(&views.collect::<Vec<_>>());
        }
    }
    Ok(Code::Done)
}

fn row(lease: &Lease, standing: Standing, uptime: std::time::Duration) -> [String; 6] {
    let holds = match (&lease.claim, standing) {
        (Claim::Lock, Standing::Live) => "while held".into(),
        (Claim::Time { expires_ms, .. }, Standing::Live) => {
            let left = std::time::Duration::from_millis(*expires_ms).saturating_sub(uptime);
            crate::output::human::span(left)
        }
        _ => "-".into(),
    };
    [
        lease.id.clone(),
        word(standing).into(),
        lease.since.to_string(),
        holds,
        lease.terms.backends.join(" "),
        lease.terms.program.clone().unwrap_or_else(|| "-".into()),
    ]
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Live => "live",
        Standing::Over => "over",
        Standing::Ended => "ended",
    }
}
