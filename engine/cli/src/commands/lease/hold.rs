//! `tbengine lease hold`: a lease that holds as long as a pipe is open. It is the process that outlives
//! its client: what the client was about is deleted whatever becomes of that.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use tbengine_ops::config::Settings;
use tbengine_ops::guard::keeper::{Keep, READY, Taken, go_on_alone, keep};
use tbengine_ops::lease::Wanted;
use tbengine_store::Handover;

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::swept;

/// Holds a lease, its own or one that is handed over.
pub(crate) fn run(
    app: &mut App,
    settings: &Settings,
    wanted: Wanted,
    second_look: Duration,
    detach: bool,
    adopt: Option<&str>,
) -> Result<Code, Error> {
    if detach {
        let program = std::env::current_exe().map_err(start)?;
        go_on_alone(&program, std::env::args_os().skip(1)).map_err(start)?;
        return Ok(Code::Done);
    }
    // Whatever the terminal or the group of the client is told is not meant for this process. It fails
    // only where it already leads a group, and then it is out of the client's.
    rustix::process::setsid().ok();
    let lease = match adopt {
        Some(id) => {
            let lock = io::stdout().as_fd().try_clone_to_owned();
            Keep::HandedOver(Handover::received(id, lock.map_err(start)?))
        }
        None => Keep::New(wanted),
    };
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(start)?);
    let App { context, out, .. } = &mut *app;
    let client = BufReader::new(io::stdin());
    let keeping = keep(context, settings, lease, second_look, client, |held| {
        if adopt.is_some() {
            // The client may be gone already; that shows in what is read next.
            input.write_all(format!("{READY}\n").as_bytes()).ok();
        } else {
            out.json_line(&Taken::of(held));
        }
    });
    let Some(ended) = block_on(keeping)? else {
        return Ok(Code::Done);
    };
    if adopt.is_some() {
        swept::tell(&app.console, app.global.verbose > 0, &ended);
    } else {
        app.out.json_line(&ended);
    }
    Ok(swept::code(&ended))
}

fn start(source: io::Error) -> Error {
    Error::start("hold the lease", source)
}
