//! What a reaper has to say.

use serde::Serialize;
use tbengine_ops::ReaperNotice;

use super::console::Console;
use super::out::Out;
use super::span::plain;
use super::swept;
use crate::args::global::Format;
use crate::exit;

/// What clients wait for in the log.
const STARTED: &str = "tbengine reaper: Started!";

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Started<'a> {
    listening: &'a [String],
}

/// Tells it, and writes the results among it.
pub(crate) fn print_notice(
    console: &Console,
    out: &mut Out,
    format: Format,
    verbose: bool,
    notice: ReaperNotice<'_>,
) {
    let is_table = format == Format::Table;
    match notice {
        ReaperNotice::InMemory { why } => console.warning(&format!(
            "filters are kept in memory only, so nothing is cleaned up if this process is killed: {why}"
        )),
        ReaperNotice::Listening(listening) => {
            let at = listening.join(", ");
            // Also with --quiet: clients wait for it.
            console.always(&[plain(format!("{STARTED} listening on {at}"))]);
            if !is_table {
                out.json_line(&Started { listening });
            }
        }
        ReaperNotice::Refused(why) => {
            console.warning(&format!("rejected a client's filter: {why}"));
        }
        ReaperNotice::NotWritten(error) => {
            let why = exit::text(error);
            let message = format!("it could not be recorded: {why}");
            console.error(&message, &exit::hints(error));
        }
        ReaperNotice::WaitingForClients => {
            console.warning("waiting for clients to disconnect; press Ctrl-C again to exit now");
        }
        ReaperNotice::ClientsStay => {
            console.warning("shutdown timeout reached with clients connected");
        }
        ReaperNotice::Swept(end) => {
            swept::print_sweep(console, verbose, end);
            if !is_table {
                out.json_line(end);
            }
        }
    }
}
