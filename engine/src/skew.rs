//! How far the clock of a provider is from that of this machine.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tbengine_sdk::Timestamp;

/// A clock that tells whole seconds is late by up to this much.
const WHOLE_SECOND: Duration = Duration::from_secs(1);
/// A difference below this is not distinguished from none.
const MIN_SKEW: Duration = Duration::from_secs(1);
/// A difference below this makes no age wrong that anybody looks at.
const NOTABLE_SKEW: Duration = Duration::from_secs(5);

/// How far the clock of a provider is from that of this machine. It is written as its milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Skew {
    ms: i64,
    /// How much of that may be explained otherwise.
    uncertainty: Duration,
}

impl Skew {
    /// What follows from an answer that was asked for at one time and came at another. `None` if the way of the answer
    /// explains the difference.
    pub fn between(asked: Timestamp, answered: Timestamp, theirs: Timestamp) -> Option<Self> {
        let round_trip = asked.age(answered).unwrap_or_default();
        let ours = asked.plus(round_trip / 2);
        let mut uncertainty = round_trip / 2;
        // As the `Date` of an HTTP answer does.
        if theirs.as_unix_ms().rem_euclid(1000) == 0 {
            uncertainty += WHOLE_SECOND;
        }
        let ms = theirs.as_unix_ms().saturating_sub(ours.as_unix_ms());
        Some(Self { ms, uncertainty }).filter(|skew| skew.least() > MIN_SKEW)
    }

    /// The distance that is left when all that is uncertain of it is taken away.
    pub fn least(self) -> Duration {
        self.distance().saturating_sub(self.uncertainty)
    }

    /// Whether anybody looks at ages that are wrong by so much.
    pub fn is_notable(self) -> bool {
        self.least() > NOTABLE_SKEW
    }

    /// The provider's time when it is `ours` here.
    pub fn theirs(self, ours: Timestamp) -> Timestamp {
        Timestamp::from_unix_ms(ours.as_unix_ms().saturating_add(self.ms))
    }

    /// The time here when it is `theirs` at the provider.
    pub fn ours(self, theirs: Timestamp) -> Timestamp {
        Timestamp::from_unix_ms(theirs.as_unix_ms().saturating_sub(self.ms))
    }

    /// Whether the provider's clock is behind.
    pub fn is_behind(self) -> bool {
        self.ms < 0
    }

    fn distance(self) -> Duration {
        Duration::from_millis(self.ms.unsigned_abs())
    }
}

impl From<i64> for Skew {
    fn from(ms: i64) -> Self {
        Self {
            ms,
            uncertainty: Duration::ZERO,
        }
    }
}

impl From<Skew> for i64 {
    fn from(skew: Skew) -> Self {
        skew.ms
    }
}

impl fmt::Display for Skew {
    /// Where the provider's clock is, like `4m 3s ahead of this machine's`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let apart = self.distance() + Duration::from_millis(500);
        let apart = Duration::from_secs(apart.as_secs());
        let way = match self.is_behind() {
            true => "behind",
            false => "ahead of",
        };
        let apart = humantime::format_duration(apart);
        write!(f, "{apart} {way} this machine's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_500);

    fn after(ms: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(ms))
    }

    fn before(ms: u64) -> Timestamp {
        NOW.minus(Duration::from_millis(ms))
    }

    #[test]
    fn what_the_way_of_the_answer_explains_is_no_skew() {
        assert_eq!(Skew::between(NOW, NOW, NOW), None);
        assert_eq!(Skew::between(NOW, NOW, after(1_000)), None);
        assert_eq!(Skew::between(NOW, NOW, before(1_000)), None);
        // It took 20 seconds, so nobody knows when within them it was.
        assert_eq!(Skew::between(NOW, after(20_000), NOW), None);
        assert_eq!(Skew::between(NOW, after(20_000), after(20_900)), None);
        // A whole second may have been any time within it.
        assert_eq!(Skew::between(NOW, NOW, before(1_500)), None);
        assert!(Skew::between(NOW, NOW, before(1_501)).is_some());
    }

    #[test]
    fn times_of_one_clock_are_those_of_the_other() {
        let behind = Skew::between(NOW, after(200), before(3_600_000)).unwrap();
        assert_eq!(i64::from(behind), -3_600_100);
        assert!(behind.is_behind() && behind.is_notable());
        assert_eq!(behind.least(), Duration::from_secs(3_600));
        assert_eq!(behind.to_string(), "1h behind this machine's");
        assert_eq!(behind.ours(behind.theirs(NOW)), NOW);
        assert_eq!(behind.theirs(NOW), before(3_600_100));
        let ahead = Skew::between(NOW, NOW, after(4_001)).unwrap();
        assert!(!ahead.is_behind() && !ahead.is_notable());
        assert_eq!(ahead.to_string(), "4s ahead of this machine's");
    }

    #[test]
    fn it_is_written_as_a_number() {
        let skew = Skew::from(-18_000_000);
        assert_eq!(serde_json::to_string(&skew).unwrap(), "-18000000");
        assert_eq!(serde_json::from_str::<Skew>("-18000000").unwrap(), skew);
    }
}
