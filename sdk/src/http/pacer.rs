//! Counters of the service's throttlers, so that we slow down before we are refused.
//!
//! All keys and machines of an account share its counters, so what the service says always
//! replaces what we count. As long as much is left, nothing waits; when it gets less, requests are
//! spread over the rest of the window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::counter::{Counter, counters};
use super::wait::Wait;
use crate::answers::Answers;

/// A wait up to this is made here; a longer one is the engine's, so that no call holds a place for it.
const MAX_PACE: Duration = Duration::from_secs(5);
/// The part of a window's rest over which requests are spread. The last ones have to go while there is
/// time to learn how many are left.
const PACED_SHARE: f64 = 0.5;
/// How long a throttler is left alone that refused without saying for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(1);

/// One account's throttlers, as far as answers named them.
#[derive(Default)]
pub(super) struct Pacer {
    throttlers: Mutex<Throttlers>,
    /// Woken when an answer says more: what was closed may be open again before its window ends.
    learned: Notify,
}

#[derive(Default)]
struct Throttlers {
    windows: BTreeMap<String, Window>,
    /// Which throttlers count which traffic, as answers showed.
    counted_by: BTreeMap<&'static str, BTreeSet<String>>,
    /// Until when a kind of traffic is refused.
    refused: BTreeMap<&'static str, Instant>,
    /// Until when everything is.
    all_refused: Option<Instant>,
    /// Whether a refusal that names no throttler is about more than one request.
    answers: Answers,
    in_flight: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct Window {
    limit: Option<u64>,
    /// The least that the service said is left of this window, and when that answer came.
    said: u64,
    as_of: Option<Instant>,
    /// The same without what is on its way.
    remaining: u64,
    ends: Option<Instant>,
    /// The earliest time of the next request, where they are spread.
    next: Option<Instant>,
}

enum Answer {
    /// Go at this time; it is counted.
    Go(Instant),
    /// Ask again at this time.
    Closed(Instant),
}

impl Pacer {
    /// Waits for a request's turn.
    ///
    /// # Errors
    /// How long the turn is away, if that is too long to wait here.
    pub(super) async fn turn(&self, traffic: &'static str) -> Result<Permit<'_>, Duration> {
        let latest = Instant::now() + MAX_PACE;
        loop {
            let now = Instant::now();
            let learned = self.learned.notified();
            // The lock ends with this statement, before anything waits.
            let answer = self.lock().ask(traffic, now);
            match answer {
                Answer::Go(at) => {
                    let mut permit = Permit {
                        pacer: self,
                        traffic,
                        sent: now,
                    };
                    sleep_until(at).await;
                    permit.sent = at;
                    return Ok(permit);
                }
                Answer::Closed(until) if until > latest => return Err(until - now),
                Answer::Closed(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = learned => {}
                },
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Throttlers> {
        self.throttlers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
pub(super) struct Permit<'p> {
    pacer: &'p Pacer,
    traffic: &'static str,
    sent: Instant,
}

impl Permit<'_> {
    /// Learns from an answer's headers what is left at the throttlers that count, and from a refusal how long to wait.
    pub(super) fn learn(
        self,
        headers: &HeaderMap,
        refused: Option<Wait>,
        counts: impl Fn(&str) -> bool,
    ) {
        let mut counters = counters(headers);
        counters.retain(|(throttler, _)| counts(throttler));
        let now = Instant::now();
        let pacer = self.pacer;
        let (traffic, sent) = (self.traffic, self.sent);
        // The request is not in flight any more when others' counts are corrected.
        drop(self);
        let mut throttlers = pacer.lock();
        for (name, counter) in counters {
            throttlers.learn(traffic, name, &counter, sent, now);
        }
        throttlers.answers.note(refused.is_some());
        if let Some(wait) = refused {
            throttlers.refuse(traffic, wait, now);
        }
        drop(throttlers);
        pacer.learned.notify_waiters();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.pacer.lock().in_flight.get_mut(self.traffic) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Throttlers {
    fn ask(&mut self, traffic: &'static str, now: Instant) -> Answer {
        let refused = self.refused.get(traffic).copied().max(self.all_refused);
        if let Some(until) = refused.filter(|until| *until > now) {
            return Answer::Closed(until);
        }
        let names = self.counted_by.get(traffic).cloned().unwrap_or_default();
        for name in &names {
            if let Some(until) = self.windows.get(name).and_then(|window| window.closed(now)) {
                return Answer::Closed(until);
            }
        }
        let mut at = now;
        for name in &names {
            if let Some(window) = self.windows.get_mut(name) {
                at = at.max(window.take(now));
            }
        }
        *self.in_flight.entry(traffic).or_default() += 1;
        Answer::Go(at)
    }

    fn learn(
        &mut self,
        traffic: &'static str,
        name: String,
        counter: &Counter,
        sent: Instant,
        now: Instant,
    ) {
        let (Some(remaining), Some(reset)) = (counter.remaining, counter.reset) else {
            return;
        };
        // What is on its way is not in the service's count yet, or it is: better too careful.
        let in_flight = self.in_flight.get(traffic).copied().unwrap_or_default();
        self.counted_by
            .entry(traffic)
            .or_default()
            .insert(name.clone());
        let window = self.windows.entry(name).or_default();
        window.limit = counter.limit;
        let reported = now + reset;
        match window.ends {
            // A late answer about the last window; none about the new one has come yet.
            Some(ends) if sent < ends && ends <= now && remaining <= window.said => return,
            // The service rounds times up to seconds, so the earliest end that it reported is the most exact one.
            // Answers overtake each other: more is left than before only if the request was sent
            // after the answer before, and then the window is a new one.
            Some(ends)
                if ends > now
                    && (remaining <= window.said
                        || window.as_of.is_some_and(|as_of| sent < as_of)) =>
            {
                if remaining <= window.said {
                    window.said = remaining;
                    window.as_of = Some(now);
                }
                window.ends = Some(ends.min(reported));
            }
            _ => {
                window.said = remaining;
                window.as_of = Some(now);
                window.ends = Some(reported);
                window.next = None;
            }
        }
        window.remaining = window.said.saturating_sub(in_flight);
    }

    fn refuse(&mut self, traffic: &'static str, wait: Wait, now: Instant) {
        // A gateway may refuse a request now and then; its caller sends that one again.
        if wait.throttler.is_none() && self.answers.refuses_by_chance() {
            return;
        }
        if let Some(everything) = wait.everything {
            self.all_refused = self.all_refused.max(Some(now + everything));
        }
        let wait = wait.throttler.or(wait.everything).unwrap_or(UNSAID_WAIT);
        let until = self.refused.entry(traffic).or_insert(now);
        *until = (*until).max(now + wait);
    }
}

impl Window {
    /// Until when nothing more is allowed, if so.
    fn closed(&self, now: Instant) -> Option<Instant> {
        self.ends.filter(|ends| *ends > now && self.remaining == 0)
    }

    /// Counts one request, and says when it may go.
    fn take(&mut self, now: Instant) -> Instant {
        let Some(ends) = self.ends.filter(|ends| *ends > now) else {
            // The window has ended; the next answer describes the new one.
            self.next = None;
            return now;
        };
        let left = self.remaining.max(1);
        self.remaining = self.remaining.saturating_sub(1);
        let plenty = self.limit.is_some_and(|limit| left > limit / 2);
        if plenty {
            self.next = None;
            return now;
        }
        // What is left is spread over the time after the turns that were given already, with a margin
        // at the end: what a window still has when it ends is lost.
        let at = self.next.unwrap_or(now).max(now);
        let rest = ends.saturating_duration_since(at).mul_f64(PACED_SHARE);
        self.next = Some(at + rest / u32::try_from(left).unwrap_or(u32::MAX));
        at
    }
}

#[cfg(test)]
mod tests;
