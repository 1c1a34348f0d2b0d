//! `tbengine lease hold`: a lease that holds as long as a pipe is open. It is the process that outlives
//! its client: what the client was about is deleted whatever becomes of that.

use std::io::{self, BufReader};
use std::time::Duration;

use tbengine_ops::config::Settings;
use tbengine_ops::guard::keeper::{Keep, Taken, adopt, go_on_alone, keep, leave_group};
use tbengine_ops::lease::Wanted;

use crate::app::{App, block_on};
use crate::exit::{Code, Error};
use crate::output::swept;

/// Holds a lease, its own or one that is handed over.
pub(crate) fn run(
    app: &mut App,
    settings: &Settings,
    wanted: Wanted,
    settle_time: Duration,
    detach: bool,
    handed_over: Option<&str>,
) -> Result<Code, Error> {
    if detach {
        let start = |source| Error::start("hold the lease", source);
        let program = std::env::current_exe().map_err(start)?;
        go_on_alone(&program, std::env::args_os().skip(1)).map_err(start)?;
        return Ok(Code::Done);
    }
    let ended = match handed_over {
        Some(id) => {
            let ended = block_on(adopt(&app.context, settings, id, settle_time))?;
            if let Some(ended) = &ended {
                swept::print_sweep(&app.console, app.global.verbose > 0, ended);
            }
            ended
        }
        None => {
            leave_group();
            let App { context, out, .. } = &mut *app;
            let (lease, client) = (Keep::New(Box::new(wanted)), BufReader::new(io::stdin()));
            let keeping = keep(context, settings, lease, settle_time, client, |held| {
                out.json_line(&Taken::of(held));
            });
            let ended = block_on(keeping)?;
            if let Some(ended) = &ended {
                app.out.json_line(ended);
            }
            ended
        }
    };
    Ok(ended.as_ref().map_or(Code::Done, swept::code))
}
