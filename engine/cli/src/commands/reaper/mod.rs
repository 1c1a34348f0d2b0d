//! `tbengine reaper`: leases over a socket, as Testcontainers' Ryuk gives them.
//!
//! - [`options`]: what is in force, by flags and by Ryuk's variables

pub(crate) mod options;

use tbengine_ops::reaper::{SessionEnd, reap};

use crate::app::{App, block_on};
use crate::args::reaper::ReaperArgs;
use crate::exit::{Code, Error};
use crate::output::swept;

/// Serves leases to clients, until no more connect.
pub(crate) fn run(app: &mut App, args: &ReaperArgs) -> Result<Code, Error> {
    let request = options::request(args, &app.context.world)?;
    let settings = app.settings(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    let signals = app.hear_signals()?;
    let (context, mut front) = app.front(true);
    let reaping = reap(context, &settings, &request, &mut front, &signals.control);
    let unclean = block_on(reaping)?;
    Ok(unclean.map_or(Code::Done, |session| code(&session)))
}

/// The exit code that a session is worth.
fn code(session: &SessionEnd) -> Code {
    match session.swept.as_ref().map_or(Code::Done, swept::code) {
        Code::Done => swept::code_of_left_over(&session.left_over),
        code => code,
    }
}
