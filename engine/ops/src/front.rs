//! The caller that an operation works for: the command line, a service, a program that embeds this.

use std::time::Duration;

use async_trait::async_trait;
use tbengine_engine::discover::ListFailure;
use tbengine_engine::report::Event;
use tbengine_store::{Lease, StoreError};

use crate::draft::Draft;
use crate::error::Error;
use crate::sweep_end::SweepEnd;

/// Hears what happens, and says whether a plan may be applied.
#[async_trait]
pub trait Front: Send {
    /// Takes an event of the engine, in the order in which they happen.
    fn event(&mut self, event: &Event);

    /// Takes what is said and is not an event of the engine.
    fn notice(&mut self, _notice: Notice<'_>) {}

    /// Whether somebody looks at the plan before it is applied, who is then shown one plan of everything. Who does
    /// not ask has what is listed soon applied while slow backends are still being listed.
    fn asks(&self) -> bool {
        true
    }

    /// Says what is to become of a plan that would do something. Dropped when the operation is stopped.
    async fn approve(&mut self, draft: &Draft) -> Approval;
}

/// What is to become of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It is applied.
    Apply,
    /// It is left alone.
    Leave,
}

/// What is said and is not an event of the engine: data, no words.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A lease has expired and its holder did not clean up, so that is done now.
    LeaseOver(&'a Lease),
    /// A lease has expired, and only the later version of tbengine that wrote it can sweep it.
    LeaseLater(&'a StoreError),
    /// A lease has expired and could not be swept at all, and why.
    LeaseFailed(&'a Lease, &'a Error),
    /// An expired lease has been swept.
    Swept(&'a SweepEnd),
    /// A plan was made or revised: what could not be listed, whether the policy failed, and what refuses the
    /// plan as a whole.
    Drafted(&'a Draft),
    /// The plan is applied without a journal.
    NoJournal,
    /// What a guarded command creates in this product gets no label by itself.
    NotLabelled {
        /// As people call it.
        product: &'a str,
        /// Why not.
        why: &'a str,
    },
    /// The deadline of a guarded command has passed.
    TimeOver {
        /// Whether it is killed, because it did not exit when it was asked to.
        killed: bool,
    },
    /// What a guarded command left behind cannot be deleted now, because backends cannot be reached. They are
    /// waited for.
    Unreachable {
        /// What could not be listed.
        failures: &'a [ListFailure],
        /// For how long.
        wait: Duration,
    },
    /// What a guarded command left behind is being deleted, and a signal came. One more leaves that to the
    /// background.
    CleaningUp,
    /// Something of a reaper.
    Reaper(ReaperNotice<'a>),
}

/// What is said of a reaper.
#[derive(Debug)]
pub enum ReaperNotice<'a> {
    /// What clients name is kept in memory only, so nobody goes on if this process is killed.
    InMemory {
        /// Why there is no place that lasts.
        why: &'a str,
    },
    /// Clients can connect to these addresses. The ports are those that the system chose.
    Listening(&'a [String]),
    /// A client's filter is refused, and why.
    Refused(&'a str),
    /// A client's filter could not be written down, and why.
    NotWritten(&'a Error),
    /// The reaper was asked to exit, and waits for its clients to disconnect.
    WaitingForClients,
    /// The shutdown timeout has passed, and clients are still connected.
    ClientsStay,
    /// What the clients of a session named has been swept.
    Swept(&'a SweepEnd),
}

/// A front that says nothing to anyone, and approves of nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

#[async_trait]
impl Front for Silent {
    fn event(&mut self, event: &Event) {
        tracing::debug!(kind = ?event.kind, "event");
    }

    async fn approve(&mut self, _: &Draft) -> Approval {
        Approval::Leave
    }
}
