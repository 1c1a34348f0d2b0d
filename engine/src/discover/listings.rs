//! The backends that are being listed, and how long each is waited for.
//!
//! Each may take as long as it gives answers. One that gives none is given up after the time of one call; once
//! another backend has been listed, and so has something to wait with, already after [`MAX_LAG`].

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tbengine_sdk::Progress;
use tbengine_sdk::host::OpenBackend;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accounts::Accounts;
use super::{Asking, DiscoverOptions, Found, Inventory, MAX_LAG, inventory_of};
use crate::scope::Scope;

/// How long no further listing has to come before those that have come are the first. A fifth of the time until then,
/// if that is longer.
const QUIET_TIME: Duration = Duration::from_secs(2);
/// The same when at most one in [`STRAGGLER_RATIO`] is missing.
const QUIET_TIME_FOR_STRAGGLERS: Duration = Duration::from_millis(300);
/// One in so many backends may be missing for [`QUIET_TIME_FOR_STRAGGLERS`] to apply.
const STRAGGLER_RATIO: usize = 10;

/// How often to check whether backends give answers.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The answers that a backend has given, to all that it was asked.
#[derive(Clone, Default)]
pub(super) struct Signs(Arc<Mutex<Vec<Progress>>>);

impl Signs {
    /// Where one request notes its answers.
    pub(super) fn another(&self) -> Progress {
        let progress = Progress::default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(progress.clone());
        progress
    }

    fn count(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(Progress::count).sum()
    }
}

/// All backends that are being listed.
pub struct Listings<'a> {
    asked: FuturesUnordered<BoxFuture<'a, Found>>,
    /// What has come and was not taken yet.
    came: Vec<Found>,
    /// The accounts of all that were taken.
    accounts: Accounts,
    /// By the index of a backend, while it is waited for.
    waiting: Vec<Option<Waiting>>,
    /// How many are asked.
    count: usize,
    /// How many have been listed, or failed for a reason of their own.
    done: usize,
    begun: Instant,
    /// When the last one came.
    last: Instant,
    lag: Duration,
    until: Option<Instant>,
}

/// One that is waited for.
struct Waiting {
    signs: Signs,
    seen: u64,
    /// When it last gave an answer, or began to have others wait.
    active: Instant,
    late: CancellationToken,
    why: Arc<OnceLock<String>>,
}

impl<'a> Listings<'a> {
    /// Asks all that are in scope.
    pub(crate) fn begin(
        backends: &'a [OpenBackend],
        scope: &'a Scope,
        options: DiscoverOptions,
    ) -> Self {
        let now = Instant::now();
        let asked = FuturesUnordered::new();
        let mut waiting = Vec::with_capacity(backends.len());
        for (index, open) in backends.iter().enumerate() {
            if !scope.admits_backend(&open.name) {
                waiting.push(None);
                continue;
            }
            let one = Waiting {
                signs: Signs::default(),
                seen: 0,
                active: now,
                late: CancellationToken::new(),
                why: Arc::default(),
            };
            let asking = Asking {
                index,
                open,
                scope,
                options,
                signs: one.signs.clone(),
                late: one.late.clone(),
                why: one.why.clone(),
            };
            let asking: BoxFuture<'_, Found> = Box::pin(async move { asking.ask().await });
            asked.push(asking);
            waiting.push(Some(one));
        }
        // Finding out sizes is one long silence.
        let lag = match options.sizes {
            true => options.call_timeout,
            false => MAX_LAG.min(options.call_timeout),
        };
        // Most of the time that a run has is for what was listed.
        let lag = match options.until {
            Some(until) => lag.min(until.saturating_duration_since(now) / 4),
            None => lag,
        };
        Self {
            count: asked.len(),
            asked,
            waiting,
            came: Vec::new(),
            accounts: Accounts::default(),
            done: 0,
            begun: now,
            last: now,
            lag,
            until: options.until,
        }
    }

    /// Waits for those that are about as fast as the others: until all have come, or some have and no further one
    /// for a while. The others go on being listed whenever this or [`rest`](Self::rest) is awaited.
    pub async fn first(&mut self) {
        loop {
            let is_some = self.came.iter().any(|found| found.account.is_some());
            let quiet = match self.asked.len() * STRAGGLER_RATIO <= self.count {
                true => QUIET_TIME_FOR_STRAGGLERS,
                false => QUIET_TIME,
            };
            let quiet_at = self.last + quiet.max((self.last - self.begun) / 5);
            if is_some && Instant::now() >= quiet_at {
                return;
            }
            if !self.step().await {
                return;
            }
        }
    }

    /// Waits for all that have not come, as long as each may take.
    pub async fn rest(&mut self) {
        while self.step().await {}
    }

    /// Whether there is nothing more to wait for, and everything was taken.
    pub fn is_finished(&self) -> bool {
        self.asked.is_empty() && self.came.is_empty()
    }

    /// Takes what has come since the last time.
    pub(crate) fn take(&mut self) -> Inventory {
        inventory_of(std::mem::take(&mut self.came), &mut self.accounts)
    }

    /// Waits for the next that comes, or looks after those that do not. `false` if there is none to wait for.
    async fn step(&mut self) -> bool {
        tokio::select! {
            biased;
            found = self.asked.next() => {
                let Some(found) = found else {
                    return false;
                };
                self.last = Instant::now();
                if let Some(one) = self.waiting[found.index].take()
                    && !one.late.is_cancelled()
                {
                    self.done += 1;
                    self.first_done();
                }
                self.came.push(found);
                true
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                self.look();
                true
            }
        }
    }

    /// From now on the others are waited for.
    fn first_done(&mut self) {
        if self.done == 1 {
            let now = Instant::now();
            for one in self.waiting.iter_mut().flatten() {
                one.active = now;
            }
        }
    }

    /// Gives up those that are too late.
    fn look(&mut self) {
        let now = Instant::now();
        let is_finished = self.until.is_some_and(|until| now >= until);
        for one in self.waiting.iter_mut().flatten() {
            let count = one.signs.count();
            if count != one.seen {
                (one.seen, one.active) = (count, now);
            }
            let why = if is_finished {
                "it was not listed before the run's deadline".to_owned()
            } else if self.done > 0 && now - one.active >= self.lag {
                let lag = humantime::format_duration(self.lag);
                format!("it gave no answer for {lag}, while others had been listed")
            } else {
                continue;
            };
            one.why.set(why).ok();
            one.late.cancel();
        }
    }
}
