//! What is recorded of runs, and who works on what.
//!
//! A run that was approved is finished, whatever happens to its process. Its record holds the
//! approved plan, durable before anything is done; an intent before each request that may have an effect; an
//! outcome after it. Rows are only ever added. After a crash, a step with an intent and no outcome is
//! *unknown*, and resuming reads the resource before anything else.
//!
//! No row holds a secret, an environment or labels: of a resource only what the plan has of it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use tbengine_engine::apply::{Halt, Ledger};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::Plan;
use tbengine_sdk::Timestamp;

use crate::{Record, Result, StoreError};

/// The runs that were recorded, and their claims on what they work on.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Records an approved plan durably and claims its resources: all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another run works on one of the resources, [`StoreError::RunExists`] if there is
    /// a record of this run, or why nothing can be recorded. Then nothing may be done.
    async fn begin(&self, plan: &Plan, clock: RunClock) -> Result<Box<dyn RunLog>>;

    /// Has a run that did not finish to itself, to continue it.
    ///
    /// # Errors
    /// [`StoreError::Running`] if a process is at it; otherwise as [`record`](Self::record).
    async fn reopen(&self, run: &str) -> Result<Box<dyn ClaimedRun>>;

    /// The record of a run, checked.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] if there is none, [`StoreError::Damaged`] if rows were changed or are missing.
    async fn record(&self, run: &str) -> Result<Record>;

    /// The newest records, newest first, each with what is wrong with it if it cannot be read.
    ///
    /// # Errors
    /// If nothing can be read at all.
    async fn newest(&self, most: usize) -> Result<Vec<Result<Record, Damage>>>;

    /// The id of the one run that begins so.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] or [`StoreError::Ambiguous`].
    async fn find(&self, beginning: &str) -> Result<String>;

    /// Removes the records of runs that began before a time and that no process is at. Returns how many. A
    /// record whose name does not say when it began stays, and so does one that cannot be removed.
    ///
    /// # Errors
    /// If the records cannot be listed, or what is known of them cannot be changed.
    async fn prune(&self, before: Timestamp) -> Result<usize>;
}

/// The record and the claims of a run that is in progress. Dropping it lets go of both, once no executor
/// has a move of the run any more; a run that did not finish can then be resumed.
pub trait RunLog: Send + Sync + Debug {
    /// The run.
    fn run(&self) -> &Arc<str>;

    /// The record as what the run is applied with.
    fn ledger(&self) -> Arc<dyn Ledger>;

    /// Why the run was stopped, if the record or the claims were lost.
    fn halt(&self) -> Option<Halt>;

    /// Lets the claims run out, as if this process had hung, for tests.
    #[doc(hidden)]
    fn stop_heartbeat(&mut self);
}

/// A run that did not finish, and that nobody else can continue now.
#[async_trait]
pub trait ClaimedRun: Send + Sync + Debug {
    /// What is recorded of it.
    fn record(&self) -> &Record;

    /// Continues it with what is left of its plan, as [`revise`](tbengine_engine::Engine::revise) found it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another run works on one of the resources, or why nothing can be recorded.
    async fn resume(self: Box<Self>, left: &Plan, clock: RunClock) -> Result<Box<dyn RunLog>>;

    /// Records the approved plan of a new run, and then that it took the place of this one. Where that fails, or
    /// this process is killed, this one can still be resumed, or the new one can.
    ///
    /// # Errors
    /// As [`Runs::begin`].
    async fn replace_by(self: Box<Self>, plan: &Plan, clock: RunClock) -> Result<Box<dyn RunLog>>;

    /// Notes that there is nothing left to do for it.
    ///
    /// # Errors
    /// If that cannot be recorded.
    async fn replace(self: Box<Self>, at: Timestamp) -> Result<()>;
}

/// A run whose record cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("run {run} cannot be read: {why}")]
pub struct Damage {
    /// Its id.
    pub run: String,
    /// Why.
    pub why: StoreError,
}
