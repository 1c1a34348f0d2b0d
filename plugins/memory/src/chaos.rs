//! A provider on a bad day: what goes wrong by chance, for the simulation.

use std::time::Duration;

use tbengine_sdk::{Error, ErrorKind};
use tokio::time::Instant;

use crate::faults::{self, Fault, Operation};

/// How often calls meet each fault, each between 0 and 1. At most one fault meets a call. Equal seeds
/// and equal orders of calls give equal faults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chaos {
    /// A passing fault of one resource.
    pub transient: f64,
    /// The provider answers that it is not available (503).
    pub unavailable: f64,
    /// The connection breaks before the effect.
    pub lost_before: f64,
    /// The connection breaks after the effect.
    pub lost_after: f64,
    /// The answer comes late, but in time.
    pub delay: f64,
    /// No answer comes, and there is no effect.
    pub hang: f64,
    /// No answer comes, and the effect does, late.
    pub late: f64,
    /// Too many requests, with and without word on how long to wait.
    pub rate_limited: f64,
    /// See [`rate_limited`](Self::rate_limited).
    pub rate_limited_blind: f64,
    /// A change is confirmed and was not made.
    pub confirmed_without_effect: f64,
    /// A change is answered with "no such resource", and was not made.
    pub denied_to_exist: f64,
    /// How often a listing misses a resource.
    pub missed_in_list: f64,
    /// How long a deleted resource can still be read, as from a replica that lags behind.
    pub ghosts: Duration,
}

/// A listing that left something out.
pub(crate) const MISSED_IN_LIST: &str = "missed-in-list";
/// A read of what is gone.
pub(crate) const GHOST: &str = "ghost";

/// Longer than anybody waits for an answer.
const HANG_DURATION: Duration = Duration::from_secs(90);
const MAX_DELAY_MS: u64 = 3000;
const MAX_EFFECT_DELAY_MS: u64 = 100_000;

impl Chaos {
    /// Only faults of one resource and of single connections, so often in all.
    pub fn random_faults(share: f64) -> Self {
        Self {
            transient: share * 0.6,
            lost_before: share * 0.2,
            lost_after: share * 0.2,
            ..Self::default()
        }
    }

    /// The names of the faults that meet calls, of what listings leave out, and of what can be read after it is gone.
    pub const NAMES: [&'static str; 13] = [
        "transient",
        "unavailable",
        "lost-before",
        "lost-after",
        "delay",
        "hang",
        "late",
        "rate-limited",
        "rate-limited-blind",
        "confirmed-without-effect",
        "denied-to-exist",
        MISSED_IN_LIST,
        GHOST,
    ];

    /// What goes wrong with a call, if anything, and its name.
    pub(crate) fn draw(
        &self,
        operation: Operation,
        random: &mut fastrand::Rng,
    ) -> Option<(&'static str, Fault)> {
        let changes = matches!(
            operation,
            Operation::Stop | Operation::Archive | Operation::Delete
        );
        let lie = |rate: f64| if changes { rate } else { 0.0 };
        let rates = [
            self.transient,
            self.unavailable,
            self.lost_before,
            self.lost_after,
            self.delay,
            self.hang,
            self.late,
            self.rate_limited,
            self.rate_limited_blind,
            lie(self.confirmed_without_effect),
            lie(self.denied_to_exist),
        ];
        let mut chance = random.f64();
        let which = rates.iter().position(|rate| {
            chance -= rate;
            chance < 0.0
        })?;
        let fault = match which {
            0 => Fault::transient(),
            1 => Fault::unavailable(),
            2 => Fault::RequestLost,
            3 => Fault::ReplyLost,
            4 => Fault::Hang(Duration::from_millis(random.u64(1..MAX_DELAY_MS))),
            5 => Fault::Hang(HANG_DURATION),
            6 => Fault::LateEffect(Duration::from_millis(random.u64(1..MAX_EFFECT_DELAY_MS))),
            7 => Fault::rate_limited(Duration::from_millis(random.u64(100..5000))),
            8 => Fault::rate_limited_for_unknown_time(),
            9 => Fault::ConfirmedWithoutEffect,
            _ => Fault::Answer(
                Error::new(ErrorKind::NotFound, "no such resource").with_code("memory:404"),
            ),
        };
        Some((Self::NAMES[which], fault))
    }
}

/// A provider that takes so many requests per second and no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst: f64::from(burst),
            tokens: f64::from(burst),
            at: now,
        }
    }

    /// Takes one request, or says to wait for a second, as most services do.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Error> {
        let came = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + came).min(self.burst);
        self.at = now;
        if self.tokens < 1.0 {
            return Err(faults::rate_limited().with_retry_after(Duration::from_secs(1)));
        }
        self.tokens -= 1.0;
        Ok(())
    }
}
