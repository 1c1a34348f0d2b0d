//! Counters of the service's throttlers, so that we slow down before we are refused.
//!
//! All keys and machines of an organization share its counters, so what the service says always
//! replaces what we count. As long as much is left, nothing waits; when it gets less, requests are
//! spread over the rest of the window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, sleep_until};

use crate::headers::{self, Counter, Wait};

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traffic {
    /// Deleting, stopping and archiving sandboxes.
    Lifecycle,
    /// Everything else.
    General,
}

/// A wait up to this is made here; a longer one is the engine's, so that no call holds a place for it.
const LONGEST_PACE: Duration = Duration::from_secs(5);
/// The part of a window's rest over which requests are spread.
const USED: f64 = 0.8;
/// How long a throttler is left alone that refused without saying for how long.
const UNSAID_WAIT: Duration = Duration::from_secs(1);

/// One organization's throttlers, as far as answers named them.
#[derive(Default)]
pub(crate) struct Pacer(Mutex<Throttlers>);

#[derive(Default)]
struct Throttlers {
    windows: BTreeMap<String, Window>,
    /// Which throttlers count which traffic, as answers showed.
    counted_by: BTreeMap<Traffic, BTreeSet<String>>,
    /// Until when a kind of traffic is refused.
    refused: BTreeMap<Traffic, Instant>,
    in_flight: BTreeMap<Traffic, u64>,
}

#[derive(Default)]
struct Window {
    limit: Option<u64>,
    /// The least that the service said is left of this window.
    said: u64,
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
    pub(crate) async fn turn(&self, traffic: Traffic) -> Result<Permit<'_>, Duration> {
        let latest = Instant::now() + LONGEST_PACE;
        loop {
            let now = Instant::now();
            // The lock ends with this statement, before anything waits.
            let answer = self.lock().ask(traffic, now);
            match answer {
                Answer::Go(at) => {
                    let permit = Permit {
                        pacer: self,
                        traffic,
                    };
                    sleep_until(at).await;
                    return Ok(permit);
                }
                Answer::Closed(until) if until > latest => return Err(until - now),
                Answer::Closed(until) => sleep_until(until).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Throttlers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
pub(crate) struct Permit<'p> {
    pacer: &'p Pacer,
    traffic: Traffic,
}

impl Permit<'_> {
    /// Learns from an answer's headers; `refused` if it was 429.
    pub(crate) fn learn(self, headers: &HeaderMap, refused: bool) {
        let counters = headers::counters(headers);
        let wait = refused.then(|| headers::wait(headers));
        let now = Instant::now();
        let pacer = self.pacer;
        let traffic = self.traffic;
        // The request is not in flight any more when others' counts are corrected.
        drop(self);
        let mut throttlers = pacer.lock();
        for (name, counter) in counters {
            throttlers.learn(traffic, name, &counter, now);
        }
        if let Some(wait) = wait {
            throttlers.refuse(traffic, wait, now);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.pacer.lock().in_flight.get_mut(&self.traffic) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Throttlers {
    fn ask(&mut self, traffic: Traffic, now: Instant) -> Answer {
        if let Some(until) = self.refused.get(&traffic).filter(|until| **until > now) {
            return Answer::Closed(*until);
        }
        let names = self.counted_by.get(&traffic).cloned().unwrap_or_default();
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

    fn learn(&mut self, traffic: Traffic, name: String, counter: &Counter, now: Instant) {
        let (Some(remaining), Some(reset)) = (counter.remaining, counter.reset) else {
            return;
        };
        // What is on its way is not in the service's count yet, or it is: better too careful.
        let in_flight = self.in_flight.get(&traffic).copied().unwrap_or_default();
        self.counted_by
            .entry(traffic)
            .or_default()
            .insert(name.clone());
        let window = self.windows.entry(name).or_default();
        window.limit = counter.limit;
        let reported = now + reset;
        match window.ends {
            // The service rounds times up to seconds, so the earliest end that it told is the truest.
            // Answers overtake each other; only a clear rise of what is left shows a new window.
            Some(ends) if ends > now && remaining <= window.said + in_flight + 1 => {
                window.said = window.said.min(remaining);
                window.ends = Some(ends.min(reported));
            }
            _ => {
                window.said = remaining;
                window.ends = Some(reported);
                window.next = None;
            }
        }
        window.remaining = window.said.saturating_sub(in_flight);
    }

    fn refuse(&mut self, traffic: Traffic, wait: Wait, now: Instant) {
        let mut close = |traffic, wait: Duration| {
            let until = self.refused.entry(traffic).or_insert(now);
            *until = (*until).max(now + wait);
        };
        if let Some(everything) = wait.everything {
            close(Traffic::Lifecycle, everything);
            close(Traffic::General, everything);
        }
        close(
            traffic,
            wait.throttler.or(wait.everything).unwrap_or(UNSAID_WAIT),
        );
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
            // The window is over; the next answer describes the new one.
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
        let rest = ends.saturating_duration_since(at).mul_f64(USED);
        self.next = Some(at + rest / u32::try_from(left).unwrap_or(u32::MAX));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(limit: u64, remaining: u64, reset: u64) -> HeaderMap {
        [("limit", limit), ("remaining", remaining), ("reset", reset)]
            .into_iter()
            .map(|(field, value)| {
                let name = format!("x-ratelimit-{field}-sandbox-lifecycle");
                (
                    name.parse::<http::HeaderName>().unwrap(),
                    http::HeaderValue::from(value),
                )
            })
            .collect()
    }

    async fn elapsed(future: impl Future<Output = ()>) -> Duration {
        let began = Instant::now();
        future.await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn while_much_is_left_nothing_waits() {
        let pacer = Pacer::default();
        let waited = elapsed(async {
            for sent in 0..50 {
                let permit = pacer.turn(Traffic::Lifecycle).await.unwrap();
                permit.learn(&headers(100, 99 - sent, 60), false);
            }
        })
        .await;
        assert_eq!(waited, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_spread_over_the_window() {
        let pacer = Pacer::default();
        let first = pacer.turn(Traffic::Lifecycle).await.unwrap();
        first.learn(&headers(100, 10, 4), false);
        let waited = elapsed(async {
            for _ in 0..10 {
                drop(pacer.turn(Traffic::Lifecycle).await.unwrap());
            }
        })
        .await;
        assert!(waited >= Duration::from_secs(3), "{waited:?}");
        assert!(waited <= Duration::from_secs(4), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_whose_times_are_rounded_up_is_used_in_full() {
        // A service that admits 100 in each second, and answers after 20 ms.
        let pacer = Pacer::default();
        let mut window = (Instant::now(), 0);
        let began = Instant::now();
        for _ in 0..1000 {
            let permit = pacer.turn(Traffic::Lifecycle).await.unwrap();
            let now = Instant::now();
            if now >= window.0 + Duration::from_secs(1) {
                window = (now, 0);
            }
            window.1 += 1;
            assert!(window.1 <= 100, "one too many");
            permit.learn(&headers(100, 100 - window.1, 1), false);
        }
        let took = began.elapsed();
        assert!(took < Duration::from_millis(10_500), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn when_nothing_is_left_the_next_window_is_waited_for() {
        let pacer = Pacer::default();
        let first = pacer.turn(Traffic::Lifecycle).await.unwrap();
        first.learn(&headers(100, 0, 4), false);
        let waited = elapsed(async {
            drop(pacer.turn(Traffic::Lifecycle).await.unwrap());
        })
        .await;
        assert_eq!(waited, Duration::from_secs(4));
        // Other traffic has its own throttler.
        let general = elapsed(async { drop(pacer.turn(Traffic::General).await.unwrap()) }).await;
        assert_eq!(general, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_the_engines() {
        let pacer = Pacer::default();
        let first = pacer.turn(Traffic::Lifecycle).await.unwrap();
        first.learn(&headers(100, 0, 60), false);
        let away = pacer.turn(Traffic::Lifecycle).await.err().unwrap();
        assert_eq!(away, Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_is_counted() {
        let pacer = Pacer::default();
        let first = pacer.turn(Traffic::Lifecycle).await.unwrap();
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(pacer.turn(Traffic::Lifecycle).await.unwrap());
        }
        first.learn(&headers(100, 3, 60), false);
        assert!(pacer.turn(Traffic::Lifecycle).await.is_err());
        others.pop().unwrap().learn(&headers(100, 3, 60), false);
        assert!(pacer.turn(Traffic::Lifecycle).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_closes_the_throttler_and_an_unnamed_one_everything() {
        let pacer = Pacer::default();
        let refusal = |name: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from(30),
            )])
        };
        let permit = pacer.turn(Traffic::Lifecycle).await.unwrap();
        permit.learn(&refusal("retry-after-sandbox-lifecycle"), true);
        let away = pacer.turn(Traffic::Lifecycle).await.err().unwrap();
        assert_eq!(away, Duration::from_secs(30));
        let permit = pacer.turn(Traffic::General).await.unwrap();
        permit.learn(&refusal("retry-after"), true);
        assert!(pacer.turn(Traffic::General).await.is_err());
    }
}
