//! `tbengine reaper`: leases over a socket, as Testcontainers' Ryuk gives them.
//!
//! ```text
//! client ─► doors ─► lines ─► request ─► session (its lease) ─► sweep, second look
//! ```
//!
//! A session begins with its first client and ends when the last one has been gone for a while. What the
//! clients name is the terms of one lease, which is written down before they are told so; where this
//! process is killed, the next `tbengine run` finds the lease over.
//!
//! - [`options`]: what is in force, by flags and by Ryuk's variables
//! - [`place`]: where the lease is written down
//! - [`doors`]: the sockets
//! - [`lines`]: one connection
//! - [`request`]: from a line to a filter
//! - [`session`]: the clients that are there at the same time, and their lease

mod doors;
mod lines;
pub(crate) mod options;
mod place;
mod request;
mod session;

use serde::Serialize;
use tbengine_engine::apply::Control;
use tbengine_store::HeldLease;

use crate::app::{App, block_on};
use crate::args::global::Format;
use crate::args::reaper::ReaperArgs;
use crate::exit::{Code, Error};
use crate::output::span::plain;
use crate::output::swept;
use crate::signals::Signals;
use tbengine_ops::config::Settings;
use tbengine_ops::lease::{SweepEnd, check_listing, end, sweep_those_over};

use doors::Doors;
use options::Options;
use session::Session;

/// What clients wait for in the log.
const STARTED: &str = "tbengine reaper: Started!";

/// Gives leases to whoever connects, until nobody does any more.
pub(crate) fn run(app: &mut App, args: &ReaperArgs) -> Result<Code, Error> {
    let options = Options::new(args, &app.context.world)?;
    let mut settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    let _place = place::settle(app, &mut settings)?;
    let signals = Signals::listen(app.terminal.ignores_hangup)?;
    block_on(async {
        signals
            .unless_stopped(check_listing(&app.context, &settings, &options.backends))
            .await??;
        let mut doors = Some(Doors::open(&options.listen)?);
        tell_started(app, doors.iter().flat_map(Doors::addresses).collect());
        let mut worst = Code::Done;
        while let Some(open) = &mut doors {
            let session = Session::new(app, &settings, &options);
            let held = session.last(open, &signals).await;
            if !options.keep || signals.first().is_some() {
                // Who connects from here on is turned away without an answer.
                doors = None;
            }
            let code = sweep(app, &settings, &options, held).await?;
            if code != Code::Done {
                worst = code;
            }
        }
        Ok::<_, Error>(worst)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Started {
    listening: Vec<String>,
}

fn tell_started(app: &mut App, listening: Vec<String>) {
    // Also with --quiet: clients wait for it.
    app.console.always(&[plain(format!(
        "{STARTED} listening on {}",
        listening.join(", ")
    ))]);
    if app.format() != Format::Table {
        app.out.json_line(&Started { listening });
    }
}

/// Deletes what the clients named, and what predecessors that were killed left to do: their clients have
/// had the time to come back.
async fn sweep(
    app: &mut App,
    settings: &Settings,
    options: &Options,
    held: Option<Box<dyn HeldLease>>,
) -> Result<Code, Error> {
    let control = Control::default();
    let code = match held {
        None => Code::Done,
        Some(mut held) => {
            let ended = end(&app.context, settings, &mut *held, options.looks, &control).await?;
            tell_ended(app, &ended);
            swept::code(&ended)
        }
    };
    let (context, mut front) = app.front(true);
    let backends = &options.backends;
    let others = sweep_those_over(context, settings, backends, &mut front, &control).await?;
    drop(front);
    let others = swept::code_of_left_over(&others);
    Ok(if code == Code::Done { others } else { code })
}

fn tell_ended(app: &mut App, ended: &SweepEnd) {
    swept::tell(&app.console, app.global.verbose > 0, ended);
    if app.format() != Format::Table {
        app.out.json_line(ended);
    }
}
