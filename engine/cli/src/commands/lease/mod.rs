//! `tbengine lease`: leases for anyone.
//!
//! - [`hold`]: a lease that holds as long as a pipe is open

pub(crate) mod hold;

use serde::Serialize;
use tbengine_engine::terms::Filter;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_store::{Lease, LeaseEntry, LeaseStatus, Unreadable};

use crate::app::{App, block_on};
use crate::args::global::Format;
use crate::args::lease::{LeaseCommand, TermsArgs, kept_kinds};
use crate::exit::{Code, Error};
use crate::output::csv::Rows;
use crate::output::page::Page;
use crate::output::span::plain;
use crate::output::swept;
use crate::output::table::Table;
use crate::output::view::{Lines, View};
use crate::signals::Signals;
use tbengine_ops::config::Settings;
use tbengine_ops::facts::read_leases;
use tbengine_ops::lease::{Release, SweepEnd, Wanted, abandon, leases, release, take};

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
            let held = block_on(take(&app.context, &settings, wanted))?;
            app.out.show(app.global.output, &Taken(held.lease()));
            Ok(Code::Done)
        }
        LeaseCommand::Renew { id } => {
            let store = leases(&app.context, &settings)?;
            let LeaseEntry { lease, .. } = block_on(store.renew(id))?;
            app.out.show(app.global.output, &Renewed(&lease));
            Ok(Code::Done)
        }
        LeaseCommand::Release { id, abandon: true } => abandon_it(app, &settings, id),
        LeaseCommand::Release { id, abandon: false } => release_it(app, &settings, id),
        LeaseCommand::List => list(app, &settings),
        LeaseCommand::Hold {
            terms,
            settle_time,
            detach,
            adopt,
        } => hold::run(
            app,
            &settings,
            wanted(terms),
            settle_time.after.0,
            *detach,
            adopt.as_deref(),
        ),
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
        claims: terms.claim.clone(),
        kept_kinds: kept_kinds(terms.no_images),
        own: terms.own.own.into(),
        job_dirs: terms.own.job_dir.clone(),
        ..Wanted::default()
    }
}

fn abandon_it(app: &mut App, settings: &Settings, id: &str) -> Result<Code, Error> {
    let ended = block_on(abandon(&app.context, settings, id))?;
    app.console.warning(&match ended {
        true => format!("lease {id} has ended, and nothing was deleted"),
        false => format!("lease {id} has already ended"),
    });
    Ok(Code::Done)
}

fn release_it(app: &mut App, settings: &Settings, id: &str) -> Result<Code, Error> {
    let signals = Signals::listen(app.terminal.ignores_hangup)?;
    let ended = match block_on(release(&app.context, settings, id, &signals.control))? {
        Release::Swept(ended) => ended,
        Release::EndedBefore => {
            app.console
                .warning(&format!("lease {id} has already ended"));
            return Ok(Code::Done);
        }
        Release::SetAside { why, aside } => {
            app.console.error(
                &format!(
                    "{why}; nothing was deleted, because what was created under it is unknown"
                ),
                &[format!("its record was moved to {aside}")],
            );
            return Ok(Code::Failed);
        }
    };
    if app.format() == Format::Table {
        swept::print_sweep(&app.console, app.global.verbose > 0, &ended);
    }
    app.out.show(app.global.output, &ended);
    Ok(swept::code(&ended))
}

/// A lease as `lease list` shows it, or one whose record cannot be read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
enum LeaseView<'a> {
    Readable {
        status: &'static str,
        label: String,
        #[serde(flatten)]
        lease: &'a Lease,
    },
    Unreadable {
        status: &'static str,
        label: String,
        id: &'a str,
        error: String,
    },
}

/// The word for a lease whose record cannot be read.
const UNREADABLE: &str = "unreadable";

fn list(app: &mut App, settings: &Settings) -> Result<Code, Error> {
    let all = block_on(read_leases(settings, &app.context.world.host))?;
    let leases = Leases { all };
    app.out.show(app.global.output, &leases);
    app.out.flush();
    let unreadable: Vec<_> = leases
        .all
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    for one in &unreadable {
        let hint = format!(
            "nothing is deleted until then; if nothing runs under it any more: tbengine lease release {}",
            one.id
        );
        app.console.error(&one.to_string(), &[hint]);
    }
    Ok(match unreadable.is_empty() {
        true => Code::Done,
        false => Code::Failed,
    })
}

/// The leases in the state directory.
struct Leases {
    all: Vec<Result<LeaseEntry, Unreadable>>,
}

impl Leases {
    fn views(&self) -> impl Iterator<Item = LeaseView<'_>> {
        let label = |id| format!("{RUN_ID_LABEL}={id}");
        self.all.iter().map(move |lease| match lease {
            Ok(LeaseEntry { lease, status, .. }) => LeaseView::Readable {
                status: word(*status),
                label: label(&lease.id),
                lease,
            },
            Err(unreadable) => LeaseView::Unreadable {
                status: UNREADABLE,
                label: label(&unreadable.id),
                id: &unreadable.id,
                error: unreadable.why.to_string(),
            },
        })
    }
}

impl View for Leases {
    fn document(&self) -> impl Serialize {
        self.views().collect::<Vec<_>>()
    }

    fn lines(&self, lines: &mut Lines<'_>) {
        lines.each(self.views());
    }

    fn columns(&self) -> &'static [&'static str] {
        &["id", "status", "created", "expires", "backends", "command"]
    }

    fn rows(&self, rows: &mut Rows) {
        for lease in &self.all {
            rows.row(row(lease));
        }
    }

    fn page(&self, page: &mut Page<'_>) {
        if self.all.is_empty() {
            page.text("No leases.");
        }
        let mut table = Table::new(&["ID", "STATUS", "CREATED", "EXPIRES", "BACKENDS", "COMMAND"]);
        for lease in &self.all {
            table.row(row(lease).map(plain));
        }
        page.table(&table);
    }
}

/// A lease that was taken.
struct Taken<'a>(&'a Lease);

impl View for Taken<'_> {
    fn document(&self) -> impl Serialize {
        self.0
    }

    fn columns(&self) -> &'static [&'static str] {
        &["id", "since", "backends"]
    }

    fn rows(&self, rows: &mut Rows) {
        let lease = self.0;
        let since = lease.since.to_string();
        rows.row([&lease.id, &since, &lease.terms.backends.join(" ")]);
    }

    fn page(&self, page: &mut Page<'_>) {
        page.word(&self.0.id);
    }
}

/// A lease that was renewed.
struct Renewed<'a>(&'a Lease);

impl View for Renewed<'_> {
    fn document(&self) -> impl Serialize {
        self.0
    }

    fn columns(&self) -> &'static [&'static str] {
        Taken(self.0).columns()
    }

    fn rows(&self, rows: &mut Rows) {
        Taken(self.0).rows(rows);
    }

    /// Nothing: the caller gave the id.
    fn page(&self, _: &mut Page<'_>) {}
}

impl View for SweepEnd {
    fn document(&self) -> impl Serialize {
        self
    }

    fn columns(&self) -> &'static [&'static str] {
        &["lease", "ended", "deleted", "failed", "unproven"]
    }

    fn rows(&self, rows: &mut Rows) {
        rows.row([
            self.lease.clone(),
            self.ended.to_string(),
            self.deleted.to_string(),
            self.failed.to_string(),
            self.unproven.to_string(),
        ]);
    }

    /// Nothing: what there is to say goes to the standard error.
    fn page(&self, _: &mut Page<'_>) {}
}

fn row(lease: &Result<LeaseEntry, Unreadable>) -> [String; 6] {
    let nothing = || "-".to_owned();
    let LeaseEntry {
        lease,
        status,
        left,
        ..
    } = match lease {
        Ok(entry) => entry,
        Err(Unreadable { id, .. }) => {
            let status = UNREADABLE.to_owned();
            let id = id.clone();
            return [id, status, nothing(), nothing(), nothing(), nothing()];
        }
    };
    let expires = match (left, status) {
        (None, LeaseStatus::Live) => "when released".into(),
        (Some(left), LeaseStatus::Live) => crate::output::human::span(*left),
        _ => nothing(),
    };
    [
        lease.id.clone(),
        word(*status).into(),
        lease.since.to_string(),
        expires,
        lease.terms.backends.join(" "),
        lease.terms.program.clone().unwrap_or_else(nothing),
    ]
}

fn word(status: LeaseStatus) -> &'static str {
    match status {
        LeaseStatus::Live => "live",
        LeaseStatus::Over => "expired",
        LeaseStatus::Ended => "ended",
    }
}
