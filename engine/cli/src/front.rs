//! The command line as the front of an operation: shows its events and notices, asks on the terminal.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tbengine_engine::plan::{ActionKind, Plan};
use tbengine_engine::report::Event;
use tbengine_ops::{Approval, Context, Draft, Front, Notice};

use crate::app::App;
use crate::args::global::Format;
use crate::output::console::Console;
use crate::output::human::{count, span};
use crate::output::obstacles::print_obstacles;
use crate::output::out::Out;
use crate::output::watcher::Watcher;
use crate::output::{reaper, swept};
use crate::terminal::Terminal;

/// The command line while an operation works.
pub(crate) struct CommandLine<'a> {
    watcher: Watcher<'a>,
    console: Arc<Console>,
    terminal: Terminal,
    format: Format,
    verbose: bool,
    /// Whether nobody is to be asked.
    yes: bool,
    color: bool,
    width: Option<usize>,
}

impl App {
    /// What an operation works with, and whom it works for. With `yes` nobody is asked.
    pub(crate) fn front(&mut self, yes: bool) -> (&Context, CommandLine<'_>) {
        let format = self.global.output;
        let stream = format == Format::Jsonl;
        let verbose = self.global.verbose > 0;
        let width = self.out.width();
        let front = CommandLine {
            watcher: Watcher::new(&mut self.out, self.console.clone(), stream, verbose),
            console: self.console.clone(),
            terminal: self.terminal,
            format,
            verbose,
            yes,
            color: self.color,
            width,
        };
        (&self.context, front)
    }
}

#[async_trait]
impl Front for CommandLine<'_> {
    fn event(&mut self, event: &Event) {
        self.watcher.on_event(event);
    }

    fn notice(&mut self, notice: Notice<'_>) {
        match notice {
            Notice::LeaseOver(lease) => {
                let what = lease.terms.program.as_deref().unwrap_or("its holder");
                self.console.warning(&format!(
                    "lease {} expired and {what} did not clean up; cleaning up its resources",
                    lease.id
                ));
            }
            Notice::LeaseLater(error) => {
                let hint = "the version of tbengine that created it will clean it up".to_owned();
                self.console.error(&error.to_string(), &[hint]);
            }
            Notice::LeaseFailed(lease, error) => {
                let id = &lease.id;
                let mut hints = crate::exit::hints(error);
                hints.push(format!(
                    "its resources are kept until that works; if its files are damaged, discard it with `tbengine lease release {id}`, and with --abandon in any case"
                ));
                let error = crate::exit::text(error);
                self.console
                    .error(&format!("lease {id} cannot be cleaned up: {error}"), &hints);
            }
            Notice::Swept(end) => swept::print_sweep(&self.console, self.verbose, end),
            Notice::NotLabelled { product, why } => self.console.warning(&format!(
                "resources that the command creates in {product} are not labelled automatically: {why}"
            )),
            Notice::TimeOver { killed: false } => self
                .console
                .warning("timeout reached, sent SIGTERM"),
            Notice::TimeOver { killed: true } => self
                .console
                .warning("the command did not exit, sent SIGKILL"),
            Notice::Unreachable { failures, wait } => {
                let wait = span(wait);
                for failure in failures {
                    let (backend, error) = (&failure.backend, &failure.error);
                    self.console.warning(&format!(
                        "backend `{backend}` cannot be reached, waiting up to {wait}: {error}"
                    ));
                }
            }
            Notice::CleaningUp => self
                .console
                .warning("cleaning up; press Ctrl-C again to continue in the background"),
            Notice::Drafted(draft) => {
                let Draft {
                    plan,
                    failures,
                    fault,
                    ..
                } = draft;
                print_obstacles(&self.console, plan, failures, fault.as_ref());
            }
            Notice::Reaper(notice) => {
                let out = self.watcher.out();
                reaper::print_notice(&self.console, out, self.format, self.verbose, notice);
            }
            Notice::NoJournal => self.console.warning(
                "without a journal this run cannot be resumed, and other runs do not see which resources it works on",
            ),
        }
    }

    fn asks(&self) -> bool {
        !self.yes && self.terminal.interactive
    }

    async fn approve(&mut self, draft: &Draft) -> Approval {
        if !self.asks() || self.ask(&draft.plan).await {
            return Approval::Apply;
        }
        self.console.warning("cancelled; nothing was deleted");
        Approval::Leave
    }
}

impl CommandLine<'_> {
    /// Events are not the result of this command.
    pub(crate) fn shows_no_events(&mut self) {
        self.watcher.streams_nothing();
    }

    /// Shows the plan where the question is asked, and asks.
    async fn ask(&mut self, plan: &Plan) -> bool {
        let mut shown = Out::new(Box::new(io::stderr()), self.color, self.width);
        crate::output::plan::write(&mut shown.page(), plan, false, false);
        shown.finish().ok();
        let console = self.console.clone();
        let question = question(plan);
        let answer = tokio::task::spawn_blocking(move || console.ask(&question));
        answer.await.unwrap_or(false)
    }
}

/// What is asked before a plan is applied.
fn question(plan: &Plan) -> String {
    let steps = count(plan.steps.len(), "resource");
    let these = if plan.steps.len() == 1 {
        "this"
    } else {
        "these"
    };
    let mut actions = plan.steps.iter().map(|step| step.action.kind());
    if actions.all(|action| action == ActionKind::Delete) {
        return format!("Delete {these} {steps}?");
    }
    format!("Apply this plan to {these} {steps}?")
}
