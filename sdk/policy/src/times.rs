//! Times of the week, as a parameter names them.

use crate::params::FromParam;
use crate::types::Context;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Times of the week like `22:00-06:00,Sat,Sun`: between ten and six, and all of Saturday and Sunday.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From a minute of the day to before another one, over midnight if that is earlier.
    Minutes(u32, u32),
    /// From a day of the week to another one, over Sunday if that is earlier.
    Days(usize, usize),
}

impl Times {
    /// Whether it is such a time now, in the time zone of the context.
    pub fn contain_now(&self, context: &Context) -> bool {
        let now = i64::try_from(context.now).unwrap_or(i64::MAX - DAY);
        let local = now.saturating_add(i64::from(context.zone.offset_minutes) * MINUTE);
        let minute = u32::try_from(local.rem_euclid(DAY) / MINUTE).unwrap_or(0);
        // 1970-01-01 was a Thursday.
        let day = usize::try_from((local.div_euclid(DAY) + 3).rem_euclid(7)).unwrap_or(0);
        self.0.iter().any(|part| match *part {
            Part::Minutes(from, to) => {
                between(minute, from, to.checked_sub(1).unwrap_or(24 * 60 - 1))
            }
            Part::Days(from, to) => between(day, from, to),
        })
    }
}

/// Whether a place in a circle is between two others, both included.
fn between<T: PartialOrd>(at: T, from: T, to: T) -> bool {
    match from <= to {
        true => from <= at && at <= to,
        false => from <= at || at <= to,
    }
}

impl FromParam for Times {
    const WHAT: &'static str = "times like 22:00-06:00,Sat,Sun";

    fn from_param(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let day = |text: &str| DAYS.iter().position(|day| *day == text);
        let part = |text: &str| {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            match (day(from), day(to)) {
                (Some(from), Some(to)) => Some(Part::Days(from, to)),
                _ => Some(Part::Minutes(minute(from)?, minute(to)?)),
            }
        };
        text.split(',').map(part).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Zone;

    /// Whether times contain an hour and a minute of a day of January 1970 in UTC, in a zone.
    fn contain(times: &str, day: u64, hour: u64, minute: u64, offset_minutes: i32) -> bool {
        let context = Context {
            now: ((day - 1) * 24 * 60 + hour * 60 + minute) * 60_000,
            zone: Zone {
                name: "somewhere".to_owned(),
                offset_minutes,
                next_change: None,
            },
            run_id: String::new(),
            schedule: None,
            dry_run: false,
            backends: Vec::new(),
            kinds: Vec::new(),
            attrs: Vec::new(),
        };
        Times::from_param(times).unwrap().contain_now(&context)
    }

    #[test]
    fn nights_and_weekends_are_times() {
        let times = "22:00-06:00,Sat,Sun";
        // The second of January 1970 was a Friday.
        assert!(!contain(times, 2, 21, 59, 0));
        assert!(contain(times, 2, 22, 0, 0));
        assert!(contain(times, 3, 12, 0, 0));
        assert!(contain(times, 4, 21, 0, 0));
        assert!(contain(times, 5, 5, 59, 0));
        assert!(!contain(times, 5, 6, 0, 0));
    }

    #[test]
    fn the_zone_of_the_context_counts() {
        assert!(contain("09:00-17:00", 2, 8, 0, 60));
        assert!(!contain("09:00-17:00", 2, 8, 0, 0));
        // Still Thursday in the west.
        assert!(contain("Thu", 2, 3, 0, -5 * 60));
        assert!(contain("Fri-Mon", 5, 3, 0, 0) && !contain("Fri-Mon", 6, 3, 0, 0));
        assert!(contain("12:00-00:00", 2, 23, 59, 0) && !contain("12:00-00:00", 2, 0, 0, 0));
    }

    #[test]
    fn what_is_not_a_time_is_not_read() {
        for text in ["", "25:00-01:00", "noon", "Mon-06:00", "06:00-Mon"] {
            assert_eq!(Times::from_param(text), None, "{text}");
        }
    }
}
