//! `tbengine lease hold`: a lease that holds as long as a pipe is open. It is the process that outlives
//! its client: what the client was about is deleted whatever becomes of that.

use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::Command;

use serde::Serialize;
use tbengine_engine::apply::Control;
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_store::{Handover, HeldLease};

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::swept;
use tbengine_ops::config::Settings;
use tbengine_ops::guard::keeper::{DONE, READY, RELEASE};
use tbengine_ops::lease::leases;
use tbengine_ops::lease::processes::RUN_ID_VARIABLE;
use tbengine_ops::lease::{Passes, SweepEnd, Wanted, end, take};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Taken<'a> {
    lease: &'a str,
    label: String,
}

/// Holds a lease, its own or one that is handed over.
pub(crate) fn run(
    app: &mut App,
    settings: &Settings,
    wanted: Wanted,
    looks: Passes,
    detach: bool,
    adopt: Option<&str>,
) -> Result<Code, Error> {
    if detach {
        return go_on_alone();
    }
    // Whatever the terminal or the group of the client is told is not meant for this process. It fails
    // only where it already leads a group, and then it is out of the client's.
    rustix::process::setsid().ok();
    let store = leases(&app.context, settings)?;
    let mut held = match adopt {
        Some(id) => {
            let lock = io::stdout().as_fd().try_clone_to_owned();
            let handover = Handover::received(id, lock.map_err(start)?);
            let held = block_on(store.inherit(handover))?;
            // The client may be gone already; that shows in what is read next.
            (&File::from(io::stdin().as_fd().try_clone_to_owned().map_err(start)?))
                .write_all(format!("{READY}\n").as_bytes())
                .ok();
            held
        }
        None => {
            let held = block_on(take(&app.context, settings, wanted))?;
            let id = &held.lease().id;
            app.out.json_line(&Taken {
                lease: id,
                label: format!("{RUN_ID_LABEL}={id}"),
            });
            held
        }
    };
    let said = wait_for_client();
    if said.trim() == DONE {
        return Ok(Code::Done);
    }
    let ended = finish(app, settings, &mut *held, looks)?;
    if adopt.is_some() {
        swept::tell(&app.console, app.global.verbose > 0, &ended);
    } else {
        app.out.json_line(&ended);
    }
    Ok(swept::code(&ended))
}

fn finish(
    app: &App,
    settings: &Settings,
    held: &mut dyn HeldLease,
    looks: Passes,
) -> Result<SweepEnd, Error> {
    block_on(end(
        &app.context,
        settings,
        held,
        looks,
        &Control::default(),
    ))
}

/// The last that the client says, or nothing if it is gone.
fn wait_for_client() -> String {
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let last = lines.find(|line| [DONE, RELEASE].contains(&line.trim()));
    last.unwrap_or_default()
}

/// Starts the same again in a process that is not a child of the client's, nor in its session.
fn go_on_alone() -> Result<Code, Error> {
    let program = std::env::current_exe().map_err(start)?;
    let arguments = std::env::args_os().skip(1).filter(|one| one != "--detach");
    let mut command = Command::new(program);
    // Under another lease, it must not end with that one: this one's resources are still to be deleted.
    command
        .args(arguments)
        .env_remove(RUN_ID_VARIABLE)
        .env_remove("TBENGINE_DETACH");
    command.spawn().map_err(start)?;
    Ok(Code::Done)
}

fn start(source: io::Error) -> Error {
    Error::start("hold the lease", source)
}
