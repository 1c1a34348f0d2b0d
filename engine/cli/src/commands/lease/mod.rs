//! `tbengine lease`: leases for anyone.
//!
//! - [`hold`]: a lease that holds as long as a pipe is open

pub(crate) mod hold;

use std::time::Duration;

use serde::Serialize;
use tbengine_engine::terms::Filter;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_store::lease::{Claim, Lease, LeaseError, Standing, Store, Unreadable};

use crate::app::{App, block_on, read_leases};
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
            let looks = Looks::again_after(second_look.after.0);
            hold::run(
                app,
                &settings,
                wanted(terms),
                looks,
                *detach,
                adopt.as_deref(),
            )
        }
    }
}

/// The lease that these arguments describe.
fn wanted(terms: &TermsArgs) -> Wanted {
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
    let store = Store::open(&state(settings)?);
    if let Err(unreadable @ (LeaseError::Io { .. } | LeaseError::Directory(_))) = store.read(id) {
        let aside = store.set_aside(id)?;
        app.console.error(
            &format!(
                "{unreadable}; nothing was deleted, since nobody knows what was made under it"
            ),
            &[format!("its record lies in {} now", aside.display())],
        );
        return Ok(Code::Failed);
    }
    let Some(mut held) = store.release(id)? else {
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

/// A lease as `lease list` shows it, or one whose record cannot be read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
enum LeaseView<'a> {
    Readable {
        standing: &'static str,
        label: String,
        #[serde(flatten)]
        lease: &'a Lease,
    },
    Unreadable {
        standing: &'static str,
        label: String,
        id: &'a str,
        error: String,
    },
}

/// The word for a lease whose record cannot be read.
const UNREADABLE: &str = "unreadable";

fn list(app: &mut App, settings: &Settings) -> Result<Code, Error> {
    let all = read_leases(settings, &app.world.host)?;
    let uptime = (app.world.host.uptime)();
    let rows: Vec<[String; 6]> = all.iter().map(|lease| row(lease, uptime)).collect();
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
            let label = |id| format!("{RUN_ID_LABEL}={id}");
            let views = all.iter().map(|lease| match lease {
                Ok((lease, standing)) => LeaseView::Readable {
                    standing: word(*standing),
                    label: label(&lease.id),
                    lease,
                },
                Err(unreadable) => LeaseView::Unreadable {
                    standing: UNREADABLE,
                    label: label(&unreadable.id),
                    id: &unreadable.id,
                    error: unreadable.why.to_string(),
                },
            });
            app.out.json(&views.collect::<Vec<_>>());
        }
    }
    app.out.flush();
    let unreadable: Vec<_> = all.iter().filter_map(|one| one.as_ref().err()).collect();
    for one in &unreadable {
        let hint = format!(
            "until then nothing is deleted; if nothing runs under it any more: tbengine lease release {}",
            one.id
        );
        app.console.error(&one.to_string(), &[hint]);
    }
    Ok(match unreadable.is_empty() {
        true => Code::Done,
        false => Code::Failed,
    })
}

fn row(lease: &Result<(Lease, Standing), Unreadable>, uptime: Duration) -> [String; 6] {
    let nothing = || "-".to_owned();
    let (lease, standing) = match lease {
        Ok(lease) => lease,
        Err(Unreadable { id, .. }) => {
            let standing = UNREADABLE.to_owned();
            let id = id.clone();
            return [id, standing, nothing(), nothing(), nothing(), nothing()];
        }
    };
    let holds = match (&lease.claim, standing) {
        (Claim::Lock, Standing::Live) => "while held".into(),
        (Claim::Time { expires_ms, .. }, Standing::Live) => {
            let left = Duration::from_millis(*expires_ms).saturating_sub(uptime);
            crate::output::human::span(left)
        }
        _ => nothing(),
    };
    [
        lease.id.clone(),
        word(*standing).into(),
        lease.since.to_string(),
        holds,
        lease.terms.backends.join(" "),
        lease.terms.program.clone().unwrap_or_else(nothing),
    ]
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Live => "live",
        Standing::Over => "over",
        Standing::Ended => "ended",
    }
}
