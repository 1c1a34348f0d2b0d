//! What shows the events of a run as they happen: JSON lines, the log, the progress bar.

use std::sync::Arc;

use tbengine_engine::report::log::log;
use tbengine_engine::report::{Event, EventKind};

use super::console::Console;
use super::human;
use super::out::Out;
use super::span::plain;

/// Shows events.
pub(crate) struct Watcher<'a> {
    out: &'a mut Out,
    console: Arc<Console>,
    /// Whether events are the result, as JSON lines.
    stream: bool,
    /// Whether events are logged.
    log: bool,
    finished: usize,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(out: &'a mut Out, console: Arc<Console>, stream: bool, log: bool) -> Self {
        Self {
            out,
            console,
            stream,
            log,
            finished: 0,
        }
    }

    /// Where results go.
    pub(crate) fn out(&mut self) -> &mut Out {
        self.out
    }

    /// Events are not the result.
    pub(crate) fn streams_nothing(&mut self) {
        self.stream = false;
    }

    /// Shows one event.
    pub(crate) fn on_event(&mut self, event: &Event) {
        if self.stream {
            self.out.json_line(event);
        }
        if self.log && !is_reported_by_command(&event.kind) {
            log(event);
        }
        self.show(&event.kind);
    }

    fn show(&mut self, kind: &EventKind) {
        match kind {
            // What a key may not do is reported before anything is tried.
            EventKind::BackendListed {
                backend, account, ..
            } if !self.log => {
                for warning in &account.warnings {
                    self.console
                        .warning(&format!("backend `{backend}`: {warning}"));
                }
            }
            EventKind::AccountShared(shared) => self.console.warning(&shared.to_string()),
            EventKind::RunStarted { steps, .. } if !self.stream => self.console.start_bar(*steps),
            EventKind::StepFinished(outcome) => {
                self.finished += 1;
                self.console.move_bar(self.finished, &outcome.name);
            }
            EventKind::RunFinished(_) => self.console.end_bar(),
            // Who waits for minutes wants to know for what.
            EventKind::BackendPaused {
                backend,
                error,
                delay_ms,
            } if !self.log => {
                let delay = human::seconds(*delay_ms);
                self.console.line(&[plain(format!(
                    "backend `{backend}`: {error}; retrying in {delay}"
                ))]);
            }
            // The command reports it at the end, with a hint.
            EventKind::RunHalted { .. } => {}
            EventKind::RunInterrupted { in_flight } if !self.log => {
                let steps = human::count(*in_flight, "step");
                self.console.line(&[plain(format!(
                    "stopping: waiting for {steps} in progress (press Ctrl-C again to abort)"
                ))]);
            }
            _ => {}
        }
    }
}

/// Whether the command itself reports it as an error, with hints.
fn is_reported_by_command(kind: &EventKind) -> bool {
    match kind {
        EventKind::ListFailed(_) | EventKind::PolicyFailed(_) | EventKind::AccountShared(_) => true,
        EventKind::PlanMade { blast_radius, .. } => blast_radius.is_some(),
        _ => false,
    }
}
