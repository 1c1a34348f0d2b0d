//! What goes wrong between tbengine and the daemon.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tbengine_sdk::Kind;

/// What goes wrong between tbengine and the daemon.
#[derive(Debug, Default)]
pub struct Faults {
    /// Nothing is answered until then.
    pub outage: Option<Instant>,
    /// Each request takes this much longer.
    pub latency: Duration,
    /// How many listings of which kind are still to fail.
    pub listings: Vec<(Kind, u32)>,
    /// How often requests fail by chance.
    pub chaos: Option<(f64, fastrand::Rng)>,
    /// The containers of which no read is answered.
    pub hangs: BTreeSet<String>,
    /// How many requests are answered in a second.
    pub crowded: Option<Crowded>,
}

/// So many requests are answered in a second, and others are refused.
#[derive(Debug)]
pub struct Crowded {
    per_second: u32,
    since: Instant,
    answered: u32,
}

impl Crowded {
    /// As many requests a second as that.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            since: Instant::now(),
            answered: 0,
        }
    }

    fn refuses(&mut self) -> bool {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::new(self.per_second);
        }
        self.answered += 1;
        self.answered > self.per_second
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is forwarded, and its reply comes back.
    Forwarded,
    /// It is answered with this status, and not forwarded.
    Refused(u16),
    /// It is not forwarded, and the connection is closed.
    LostBefore,
    /// It is forwarded, and the connection is closed in place of a reply.
    LostAfter,
    /// It is not forwarded, and nothing is answered.
    Hangs,
}

impl Faults {
    /// What becomes of a request; what it lists, if it does.
    pub fn fate(&mut self, lists: Option<Kind>) -> Fate {
        if self.outage.is_some_and(|until| Instant::now() < until) {
            return Fate::LostBefore;
        }
        if self.crowded.as_mut().is_some_and(Crowded::refuses) {
            return Fate::Refused(429);
        }
        let mut listings = self.listings.iter_mut();
        if let Some((_, left)) = listings.find(|(kind, left)| Some(*kind) == lists && *left > 0) {
            *left -= 1;
            return Fate::Refused(500);
        }
        let Some((share, random)) = &mut self.chaos else {
            return Fate::Forwarded;
        };
        // As often as with the simulated provider.
        let drawn = random.f64() / *share;
        match drawn {
            ..0.25 => Fate::LostBefore,
            ..0.5 => Fate::LostAfter,
            ..0.625 => Fate::Refused(429),
            ..1.625 => Fate::Refused(500),
            _ => Fate::Forwarded,
        }
    }
}
