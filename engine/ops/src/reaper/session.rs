//! The clients that are there at the same time, and the lease that they hold together.

use tbengine_engine::apply::Control;
use tbengine_engine::terms::{Filter, Own};
use tbengine_store::HeldLease;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::connection::{self, Answer, Said};
use super::listeners::Listeners;
use super::{ReaperRequest, filter};
use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice, ReaperNotice};
use crate::lease::{Wanted, take};

/// The label of Ryuk's own containers, and of those in its place: each of them looks after itself.
const REAPER_LABEL: &str = "org.testcontainers.ryuk=true";
/// More filters than this in one session are refused.
const MAX_FILTERS: usize = 1000;
/// Lines that wait for their turn.
const MAX_PENDING_LINES: usize = 64;

/// From the first client to the time after the last one.
pub(super) struct Session<'a> {
    context: &'a Context,
    settings: &'a Settings,
    request: &'a ReaperRequest,
    front: &'a mut dyn Front,
    clients: usize,
    /// Taken with the first filter.
    held: Option<Box<dyn HeldLease>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        context: &'a Context,
        settings: &'a Settings,
        request: &'a ReaperRequest,
        front: &'a mut dyn Front,
    ) -> Self {
        Self {
            context,
            settings,
            request,
            front,
            clients: 0,
            held: None,
        }
    }

    /// Serves clients until nobody is left and nobody comes back, or this process is asked to stop. Gives
    /// the lease to sweep, if anything was named.
    pub(super) async fn last(
        mut self,
        listeners: &mut Listeners,
        control: &Control,
    ) -> Option<Box<dyn HeldLease>> {
        let request = self.request;
        let (say, mut said) = mpsc::channel(MAX_PENDING_LINES);
        // Ends the connections that are left with itself.
        let mut connections = JoinSet::new();
        let mut deadline = Instant::now() + request.connection_timeout;
        let mut is_ending = false;
        loop {
            tokio::select! {
                // In this order: who talks much does not keep it from ending, and who connects at the
                // last moment counts.
                biased;
                () = control.stop.cancelled(), if !is_ending => {
                    is_ending = true;
                    deadline = Instant::now();
                    if self.clients > 0 {
                        self.tell(ReaperNotice::WaitingForClients);
                        deadline += request.shutdown_timeout;
                    }
                }
                Some(said) = said.recv() => match said {
                    Said::Line { line, answer } => {
                        // A client that is gone meanwhile does not wait for it.
                        answer.send(self.note(&line).await).ok();
                    }
                    Said::Gone => {
                        self.clients -= 1;
                        tracing::info!(clients = self.clients, "a client disconnected");
                        if self.clients == 0 {
                            deadline = Instant::now();
                            if !is_ending {
                                deadline += request.reconnection_timeout;
                            }
                        }
                    }
                },
                stream = listeners.next(), if !is_ending => {
                    self.clients += 1;
                    tracing::info!(clients = self.clients, "a client connected");
                    connections.spawn(connection::read(stream, say.clone()));
                }
                Some(_) = connections.join_next() => {}
                () = sleep_until(deadline), if self.clients == 0 || is_ending => break,
            }
        }
        if self.clients > 0 {
            self.tell(ReaperNotice::ClientsStay);
        } else if self.held.is_none() {
            tracing::info!("no filters received");
        }
        self.held
    }

    /// Writes down what a client names, and says whether that was done.
    async fn note(&mut self, line: &[u8]) -> Answer {
        let filter = match filter::read(line) {
            Ok(filter) => filter,
            Err(why) => {
                let why = why.to_string();
                self.tell(ReaperNotice::Refused(&why));
                return Answer::Refused(why);
            }
        };
        tracing::info!(?filter, "a client added a filter");
        let filters = self.held.as_ref().map(|held| &held.lease().terms.filters);
        if filters.is_some_and(|known| known.len() >= MAX_FILTERS && !known.contains(&filter)) {
            return Answer::Refused(format!("at most {MAX_FILTERS} filters per session"));
        }
        match self.add(filter).await {
            Ok(()) => Answer::Acknowledged,
            Err(error) => {
                self.tell(ReaperNotice::NotWritten(&error));
                Answer::Refused(format!("could not save the filter: {error}"))
            }
        }
    }

    async fn add(&mut self, filter: Filter) -> Result<(), Error> {
        let Some(held) = &mut self.held else {
            let wanted = self.wanted(filter);
            self.held = Some(take(self.context, self.settings, wanted).await?);
            return Ok(());
        };
        let mut terms = held.lease().terms.clone();
        if !terms.filters.contains(&filter) {
            terms.filters.push(filter);
            held.change(terms).await?;
        }
        Ok(())
    }

    fn tell(&mut self, notice: ReaperNotice<'_>) {
        self.front.notice(Notice::Reaper(notice));
    }

    fn wanted(&self, filter: Filter) -> Wanted {
        Wanted {
            backends: self.request.backends.clone(),
            filters: vec![filter],
            spared: REAPER_LABEL
                .parse()
                .map(|label| Filter::labels(vec![label]))
                .into_iter()
                .collect(),
            kinds: self.request.kinds.clone(),
            whenever: true,
            own: Own::Named,
            program: Some("reaper".into()),
            ..Wanted::default()
        }
    }
}
