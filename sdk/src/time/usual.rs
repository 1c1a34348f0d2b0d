//! Times of 1970 to 9998 in UTC, read and written without the generality of a calendar: a listing has
//! several for each resource. What is anything else is left to the caller.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Days from the first of March of the year 0 to 1970-01-01.
const EPOCH: u32 = 719_468;
/// Days of 400 years.
const ERA: u32 = 146_097;
/// The first year that is not written here.
const END: u32 = 9999;

/// Reads `2026-01-31T12:00:00Z`, with up to nine digits of a second, as milliseconds since 1970.
pub(super) fn read(text: &str) -> Option<i64> {
    let (date, rest) = text.as_bytes().split_first_chunk::<19>()?;
    if [date[4], date[7], date[10], date[13], date[16]] != *b"--T::" {
        return None;
    }
    let pair = |at: usize| Some(digit(date[at])? * 10 + digit(date[at + 1])?);
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let months = 1..=12;
    if !(1970..END).contains(&year)
        || !months.contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let fraction = match rest {
        [b'Z'] => 0,
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => thousandths(digits)?,
        _ => return None,
    };
    let seconds = i64::from((hour * 60 + minute) * 60 + second);
    Some(i64::from(days_since_epoch(year, month, day)) * DAY + seconds * 1000 + i64::from(fraction))
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// The first three digits behind the point; what is finer is dropped.
fn thousandths(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for place in 0..3 {
        let next = digits.get(place).map_or(Some(0), |byte| digit(*byte))?;
        value = value * 10 + next;
    }
    let finer = digits.get(3..).unwrap_or_default();
    finer.iter().all(u8::is_ascii_digit).then_some(value)
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both ways count years from March, so that the day of a leap year is the last one.

const fn days_since_epoch(year: u32, month: u32, day: u32) -> u32 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let of_era = year % 400;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year / 400 * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

fn civil(days: u32) -> (u32, u32, u32) {
    let days = days + EPOCH;
    let (era, of_era) = (days / ERA, days % ERA);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// A time as text.
pub(super) struct Written {
    bytes: [u8; 24],
    length: usize,
}

impl Written {
    pub(super) fn as_str(&self) -> &str {
        // Only digits and punctuation were put in.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// Writes milliseconds since 1970, with as many digits of a second as are needed.
pub(super) fn write(ms: i64) -> Option<Written> {
    let days = u32::try_from(ms.div_euclid(DAY)).ok()?;
    if days >= const { days_since_epoch(END, 1, 1) } {
        return None;
    }
    let (year, month, day) = civil(days);
    let of_day = u32::try_from(ms.rem_euclid(DAY)).ok()?;
    let (of_minute, minutes) = (of_day % 60_000, of_day / 60_000);
    let mut bytes = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, value: u32| {
        bytes[at] += (value / 10) as u8;
        bytes[at + 1] += (value % 10) as u8;
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, minutes / 60);
    put(14, minutes % 60);
    put(17, of_minute / 1000);
    let fraction = of_minute % 1000;
    put(20, fraction / 10);
    bytes[22] += (fraction % 10) as u8;
    let last = match fraction {
        0 => 19,
        _ if fraction.is_multiple_of(100) => 21,
        _ if fraction.is_multiple_of(10) => 22,
        _ => 23,
    };
    bytes[last] = b'Z';
    Some(Written {
        bytes,
        length: last + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times all over the years, and around every turn of a month, by a fixed pattern.
    fn times() -> impl Iterator<Item = i64> {
        let years = 1960..10_000;
        let turns = years.flat_map(|year| {
            let month = jiff::civil::date(year, 1 + (year % 12) as i8, 1);
            let zone = month
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|zoned| zoned.timestamp().as_millisecond());
            let turn = zone.unwrap_or_default();
            [-DAY - 1, -DAY, -1, 0, 1, 10, 100, 999, DAY - 1].map(|offset| turn + offset)
        });
        turns.chain((0..200_000).map(|step| step * 1_234_567_891 - 1_000_000))
    }

    fn by_calendar(text: &str) -> Option<i64> {
        let time = text.parse::<jiff::Timestamp>().ok()?;
        Some(time.as_millisecond())
    }

    #[test]
    fn every_time_is_written_and_read_as_the_calendar_does() {
        let mut written = 0;
        for ms in times() {
            let Ok(time) = jiff::Timestamp::from_millisecond(ms) else {
                continue;
            };
            let expected = time.to_string();
            if let Some(text) = write(ms) {
                assert_eq!(text.as_str(), expected);
                assert_eq!(read(&expected), Some(ms), "{expected}");
                written += 1;
            } else {
                assert!(!(0..253_370_764_800_000).contains(&ms), "{expected}");
            }
        }
        assert!(written > 200_000, "{written}");
    }

    #[test]
    fn what_is_read_is_what_the_calendar_reads() {
        let mut read_here = 0;
        for year in [1969, 1970, 1999, 2000, 2023, 2024, 2100, 9998, 9999] {
            for (month, day) in (0..14).flat_map(|month| (0..33).map(move |day| (month, day))) {
                for time in [
                    "00:00:00Z",
                    "23:59:59.5Z",
                    "12:30:60Z",
                    "24:00:00Z",
                    "12:60:00Z",
                ] {
                    let text = format!("{year:04}-{month:02}-{day:02}T{time}");
                    if let Some(ms) = read(&text) {
                        assert_eq!(Some(ms), by_calendar(&text), "{text}");
                        read_here += 1;
                    }
                }
            }
        }
        assert_eq!(read_here, 2 * (5 * 365 + 2 * 366));
        for fraction in ["1", "12", "123", "1239", "123999999"] {
            let text = format!("2026-01-02T03:04:05.{fraction}Z");
            assert_eq!(read(&text), by_calendar(&text), "{text}");
            assert!(read(&text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_calendar() {
        for text in [
            "",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05.1234567890Z",
            "2026-01-02T03:04:05.12345x7Z",
            "2026-01-02T03:04:05+00:00",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05ZZ",
            "2o26-01-02T03:04:05Z",
            "2026-01-02T03:04:0٣Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
