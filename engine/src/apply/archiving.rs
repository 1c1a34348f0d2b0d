//! The moves of a step that archives: what runs is ended first, then moved to cold storage.

use std::time::Duration;

use tbengine_sdk::{Error, ErrorKind, Resource, State};

use super::executor::{Move, Moved, failed, refused_or_lost};
use crate::report::StepResult;

impl Move {
    /// Archives a resource, or ends it if that has to come first.
    pub(super) async fn archive(&self, resource: &Resource, grace: Duration) -> Moved {
        if resource.state == State::Archived {
            return Moved::Ended(StepResult::Archived, None);
        }
        let backend = &self.open.backend;
        let runs = resource.state.is_running();
        // Asked of what runs as well: nothing is to be ended that cannot be archived afterwards.
        match self
            .call("archive", backend.archive(&self.step.target))
            .await
        {
            Ok(()) => self.watch_archiving().await,
            Err(error) if error.kind == ErrorKind::Conflict && runs => self.end(grace).await,
            Err(error) if error.kind == ErrorKind::NotFound => self.verify_gone(self.sent).await,
            Err(error) => refused_or_lost(error),
        }
    }

    /// Looks whether what was accepted is in cold storage.
    pub(super) async fn watch_archiving(&self) -> Moved {
        match self.read().await {
            Ok(None) => self.gone(true),
            Ok(Some(resource)) if resource.identity != self.step.target => self.gone(true),
            Ok(Some(resource)) => match resource.state {
                State::Archived => Moved::Ended(StepResult::Archived, None),
                State::Removing => Moved::Removing { by_us: false },
                // Whoever started it again wants it.
                state if state.is_running() => {
                    let detail = format!("its archiving was accepted, and it is {state} now");
                    Moved::Ended(StepResult::Changed, Some(detail))
                }
                State::Failed => {
                    let message = "its archiving was accepted, and has failed";
                    failed(Error::new(ErrorKind::Stuck, message), false)
                }
                _ => Moved::Archiving,
            },
            Err(error) => failed(error, true),
        }
    }
}
