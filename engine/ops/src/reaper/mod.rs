//! What a reaper is: leases over a socket, as Testcontainers' Ryuk gives them.
//!
//! ```text
//! client ─► listeners ─► connection ─► filter ─► session (its lease) ─► sweep, second sweep
//! ```
//!
//! A session begins with its first client and ends when the last one has been gone for a while. What the
//! clients name is the terms of one lease, which is recorded before they get an answer; where this
//! process is killed, the next run finds the lease over.
//!
//! - `address`: where clients connect
//! - `state_dir`: where the lease is written down
//! - `listeners`: the sockets
//! - `connection`: one connection
//! - `filter`: from a line to a filter
//! - `session`: the clients that are there at the same time, and their lease

mod address;
mod connection;
mod filter;
mod listeners;
mod session;
mod state_dir;

use std::time::Duration;

use tbengine_engine::apply::Control;
use tbengine_sdk::Kind;
use tbengine_store::HeldLease;

use crate::config::Settings;
use crate::context::Context;
use crate::error::Error;
use crate::front::{Front, Notice, ReaperNotice};
use crate::lease::{LeftOver, Passes, SweepEnd, check_listing, end, sweep_expired_leases};
use crate::run::unless_stopped;

pub use address::Address;
use listeners::Listeners;
use session::Session;

/// Whom a reaper listens to, and for how long.
#[derive(Clone, Debug)]
pub struct ReaperRequest {
    /// Where clients connect.
    pub listen: Vec<Address>,
    /// The backends, if the operator narrowed them.
    pub backends: Vec<String>,
    /// How long to wait for the first client.
    pub connection_timeout: Duration,
    /// How long to wait for another one after the last.
    pub reconnection_timeout: Duration,
    /// How long clients may stay connected after a request to stop.
    pub shutdown_timeout: Duration,
    /// How often it is looked for what is left.
    pub passes: Passes,
    /// Whether another session follows, until the reaper is asked to stop.
    pub keep: bool,
    /// The kinds that may be deleted; all, if none is named.
    pub kinds: Vec<Kind>,
}

/// How a session ended.
#[derive(Debug)]
pub struct SessionEnd {
    /// What became of what its clients named; `None` if they named nothing.
    pub swept: Option<SweepEnd>,
    /// What became of leases that were found over.
    pub left_over: Vec<LeftOver>,
}

impl SessionEnd {
    /// Whether nothing is left of it that this process can see.
    pub fn is_clean(&self) -> bool {
        self.swept.as_ref().is_none_or(|swept| swept.ended)
            && self.left_over.iter().all(LeftOver::is_clean)
    }
}

/// Serves leases to clients, until no more connect or it is asked to stop. Gives the last session that
/// did not end clean, if there was one.
///
/// # Errors
/// Why nobody can connect, or what clients named could not be swept at all.
pub async fn reap(
    context: &Context,
    settings: &Settings,
    request: &ReaperRequest,
    front: &mut dyn Front,
    control: &Control,
) -> Result<Option<SessionEnd>, Error> {
    let mut settings = settings.clone();
    let _state_dir = state_dir::settle(context, &mut settings, front)?;
    let listing = check_listing(context, &settings, &request.backends);
    unless_stopped(control, listing).await??;
    let opened = Listeners::open(&request.listen)?;
    let addresses: Vec<String> = opened.addresses().collect();
    front.notice(Notice::Reaper(ReaperNotice::Listening(&addresses)));
    let mut listeners = Some(opened);
    let mut unclean = None;
    while let Some(open) = &mut listeners {
        let session = Session::new(context, &settings, request, front);
        let held = session.last(open, control).await;
        if !request.keep || control.stop.is_cancelled() {
            // Clients that connect from here on are refused without an answer.
            listeners = None;
        }
        let ended = sweep(context, &settings, request, held, front).await?;
        if !ended.is_clean() {
            unclean = Some(ended);
        }
    }
    Ok(unclean)
}

/// Deletes what the clients named, and what predecessors that were killed left to do: their clients have
/// had the time to come back.
async fn sweep(
    context: &Context,
    settings: &Settings,
    request: &ReaperRequest,
    held: Option<Box<dyn HeldLease>>,
    front: &mut dyn Front,
) -> Result<SessionEnd, Error> {
    let control = Control::default();
    let swept = match held {
        None => None,
        Some(mut held) => {
            let swept = end(context, settings, &mut *held, request.passes, &control).await?;
            front.notice(Notice::Reaper(ReaperNotice::Swept(&swept)));
            Some(swept)
        }
    };
    let backends = &request.backends;
    let left_over = sweep_expired_leases(context, settings, backends, front, &control).await?;
    Ok(SessionEnd { swept, left_over })
}
