//! How many calls at once: found by latency, cut where the backend asks for fewer.
//!
//! By Little's law a backend's throughput is the calls at once divided by their latency. As long as a
//! step up lengthens the latency by less than its share, the backend has room; where the latency grows
//! as fast as the limit, calls only queue up inside of it. So the limit tries a step up, keeps it if the
//! throughput grew by at least half of the step, and otherwise tries smaller ones and then a step down, which
//! it keeps if nothing was lost. Then it rests. Only successes of one class of attempt are compared, and only
//! those that began with the limit in full use.

use std::time::Duration;

use tokio::time::Instant;

/// How many calls at once a backend gets.
#[derive(Debug)]
pub(crate) struct Limit {
    now: usize,
    /// What it climbs to one by one after it was cut.
    full: usize,
    least: usize,
    most: usize,
    /// The most before it was ever cut.
    ceiling: usize,
    /// Successes since it was last cut or its bound was last raised.
    quiet: u32,
    /// Whether the operator fixed it.
    pinned: bool,
    successes: u32,
    /// Pauses since the last success, and when the first of them began.
    troubles: u32,
    since: Option<Instant>,
    climb: Climb,
    window: Window,
    /// How long a successful attempt takes lately.
    typical: Duration,
}

/// The class of attempts that a latency belongs to; only equals are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LatencyClass {
    pub(crate) asks_to_end: bool,
    pub(crate) rank: usize,
}

/// One success.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) class: LatencyClass,
    pub(crate) latency: Duration,
    /// The limit when it began, if it was in full use then.
    pub(crate) limit: Option<usize>,
}

/// Where the search is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Climb {
    /// Learns the throughput with the present limit.
    Measuring,
    /// Tries more or fewer than `from`, whose throughput was `rate`.
    Trying { from: usize, rate: f64 },
    /// Waits for so many windows, because neither more nor fewer was better.
    Resting(u32),
}

/// The successes that are compared with the next ones.
#[derive(Debug, Default)]
struct Window {
    class: Option<LatencyClass>,
    count: usize,
    /// Successes of another class since the window was opened.
    others: usize,
    seconds: f64,
}

/// So many successes in a row earn one more call at once after a cut.
const SUCCESSES_PER_RAISE: u32 = 10;
/// So many without a cut in between double the bound that a cut has set.
const SUCCESSES_PER_BOUND: u32 = 100;
/// The fewest successes that say anything about a limit.
const MIN_WINDOW: usize = 8;
/// How many times what suits a backend it may get, and the most that any gets.
const MAX_MULTIPLE: usize = 8;
const MAX_LIMIT: usize = 128;
/// The windows between two searches.
const WINDOWS_BETWEEN_SEARCHES: u32 = 12;
/// The weight of the newest success in what is typical.
const NEWEST_WEIGHT: f64 = 0.4;
/// The smallest step up is one part in so many.
const MIN_STEP_SHARE: usize = 8;
/// What share of a step up has to arrive as throughput.
const MIN_GAIN_SHARE: f64 = 0.5;
/// What share of the throughput a step down has to keep.
const MIN_KEPT_SHARE: f64 = 0.98;

impl Limit {
    /// A limit that starts with what suits the backend, or stays at what the operator wants.
    pub(crate) fn new(suits: usize, pinned: Option<usize>) -> Self {
        let now = pinned.unwrap_or(suits).max(1);
        let most = (now * MAX_MULTIPLE).min(MAX_LIMIT.max(now));
        Self {
            now,
            full: now,
            least: now.div_ceil(2),
            most,
            ceiling: pinned.map_or(most, |_| now),
            quiet: 0,
            pinned: pinned.is_some(),
            successes: 0,
            troubles: 0,
            since: None,
            climb: Climb::Measuring,
            window: Window::default(),
            typical: Duration::ZERO,
        }
    }

    pub(crate) fn now(&self) -> usize {
        self.now
    }

    /// The backend asked for fewer requests: takes three tenths off, at least one, and searches no more
    /// above where it was, until that has gone well for long.
    pub(crate) fn cut(&mut self) {
        self.most = self.now.max(1);
        self.full = self.full.min(self.most);
        self.now = (self.now * 7 / 10).max(1);
        self.least = 1;
        self.quiet = 0;
        self.successes = 0;
        self.climb = Climb::Measuring;
        self.window = Window::default();
    }

    /// Notes one more pause: when the first one was, and how many pauses came before.
    pub(crate) fn note_pause(&mut self, now: Instant) -> (Instant, u32) {
        let before = self.troubles;
        self.troubles += 1;
        (*self.since.get_or_insert(now), before)
    }

    /// The backend did what it was asked.
    pub(crate) fn succeeded(&mut self) {
        self.troubles = 0;
        self.since = None;
        self.successes += 1;
        if self.successes >= SUCCESSES_PER_RAISE && self.now < self.full {
            self.now += 1;
            self.successes = 0;
        }
        self.quiet += 1;
        if self.quiet >= SUCCESSES_PER_BOUND && self.now >= self.full {
            self.recover();
        }
    }

    /// Nothing was refused for long: it may search as far again above where it was cut.
    fn recover(&mut self) {
        self.quiet = 0;
        if self.most < self.ceiling {
            self.most = (self.most * 2).min(self.ceiling);
            self.climb = Climb::Measuring;
        }
        if self.pinned {
            // Nobody searches for what the operator fixed.
            self.full = self.full.max(self.most.min(self.ceiling));
        }
    }

    /// How long a successful attempt takes lately; zero as long as there was none.
    pub(crate) fn typical(&self) -> Duration {
        self.typical
    }

    /// Learns how long a success took.
    pub(crate) fn learn(&mut self, sample: Sample) {
        self.typical = if self.typical.is_zero() {
            sample.latency
        } else {
            self.typical.mul_f64(1.0 - NEWEST_WEIGHT) + sample.latency.mul_f64(NEWEST_WEIGHT)
        };
        // Below what it was cut from, only the number of successes raises it.
        if self.pinned || self.now < self.full || sample.limit != Some(self.now) {
            return;
        }
        if !self.window.take(sample) {
            if let Climb::Trying { from, .. } = self.climb {
                self.set(from);
            }
            self.climb = Climb::Measuring;
            return;
        }
        let Some(latency) = self.window.mean() else {
            return;
        };
        let rate = self.now as f64 / latency;
        // A step up that is plainly worth nothing is not tried to the end.
        let hopeless = self.window.count * 2 >= MIN_WINDOW && self.is_hopeless(rate);
        if !hopeless && self.window.count < MIN_WINDOW.max(self.now) {
            return;
        }
        self.window = Window {
            class: self.window.class,
            ..Window::default()
        };
        self.climb(rate);
    }

    fn is_hopeless(&self, rate: f64) -> bool {
        matches!(self.climb, Climb::Trying { from, rate: before } if self.now > from && rate < before)
    }

    fn climb(&mut self, rate: f64) {
        let here = self.now;
        match self.climb {
            Climb::Measuring => self.try_up(here, rate, here / 2),
            Climb::Resting(0) => self.climb = Climb::Measuring,
            Climb::Resting(windows) => self.climb = Climb::Resting(windows - 1),
            Climb::Trying { from, rate: before } if here > from => {
                let step = here - from;
                let share = step as f64 / from as f64;
                if rate >= before * (1.0 + MIN_GAIN_SHARE * share) {
                    self.try_up(here, rate, step);
                } else if step > from.div_ceil(MIN_STEP_SHARE) {
                    self.try_up(from, before, step / 2);
                } else {
                    self.set(from);
                    self.try_down(from, before);
                }
            }
            Climb::Trying { from, rate: before } => {
                if rate >= before * MIN_KEPT_SHARE {
                    self.try_down(here, rate.max(before));
                } else {
                    self.set(from);
                    self.climb = Climb::Resting(WINDOWS_BETWEEN_SEARCHES);
                }
            }
        }
    }

    fn try_up(&mut self, from: usize, rate: f64, step: usize) {
        let up = (from + step.max(1)).min(self.most);
        if up == from {
            self.try_down(from, rate);
        } else {
            self.climb = Climb::Trying { from, rate };
            self.set(up);
        }
    }

    fn try_down(&mut self, from: usize, rate: f64) {
        let down = (from - from.div_ceil(4)).max(self.least).min(from);
        if down == from {
            self.set(from);
            self.climb = Climb::Resting(WINDOWS_BETWEEN_SEARCHES);
        } else {
            self.climb = Climb::Trying { from, rate };
            self.set(down);
        }
    }

    fn set(&mut self, limit: usize) {
        self.now = limit;
        self.full = limit;
    }
}

impl Window {
    /// Takes a sample. False if it has begun anew, because another class of attempt has taken over.
    fn take(&mut self, sample: Sample) -> bool {
        let changed = self.class.is_some_and(|class| class != sample.class);
        if changed {
            self.others += 1;
            if self.others <= self.count {
                return true;
            }
            *self = Self::default();
        }
        self.class = Some(sample.class);
        self.count += 1;
        self.seconds += sample.latency.as_secs_f64();
        !changed
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0 && self.seconds > 0.0).then(|| self.seconds / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn succeed(limit: &mut Limit, count: usize) {
        let now = Instant::now();
        for _ in 0..count {
            limit.succeeded();
            let full = Some(limit.now());
            limit.learn(Sample {
                class: LatencyClass {
                    asks_to_end: false,
                    rank: 0,
                },
                latency: Duration::from_millis(20),
                limit: full,
            });
        }
        assert!(limit.note_pause(now).1 == 0);
        limit.succeeded();
    }

    #[test]
    fn a_limit_that_was_cut_recovers_after_quiet() {
        for pinned in [None, Some(16)] {
            let mut limit = Limit::new(16, pinned);
            // Cut again before it has recovered, each time.
            for _ in 0..20 {
                limit.cut();
                succeed(&mut limit, 5);
            }
            assert!(limit.now() <= 2, "{}", limit.now());
            succeed(&mut limit, 3000);
            match pinned {
                Some(_) => assert_eq!(limit.now(), 16),
                None => assert!(limit.now() >= 16, "{}", limit.now()),
            }
        }
    }
}
