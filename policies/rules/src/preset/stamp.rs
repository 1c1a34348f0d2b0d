//! The start of a run, as it is written in names: `…-2026-01-02__03-04-05`.

/// How far a clock on the wall may be from UTC, in milliseconds: 14 hours in the Pacific.
const MAX_ZONE_OFFSET: u64 = 14 * 3_600_000;

/// The earliest time at which the run can have begun that a name ends in, in Unix milliseconds. The name
/// has the time of some clock on a wall, and trials begin later than their run: it bounds, no more.
pub(crate) fn earliest_start(name: &str) -> Option<u64> {
    let stamp = name.as_bytes().get(name.len().checked_sub(20)?..)?;
    let number = |from: usize, to: usize| {
        stamp[from..to].iter().try_fold(0_u64, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + u64::from(byte - b'0'))
        })
    };
    let separators = [
        (4, b'-'),
        (7, b'-'),
        (10, b'_'),
        (11, b'_'),
        (14, b'-'),
        (17, b'-'),
    ];
    if separators
        .iter()
        .any(|(place, byte)| stamp[*place] != *byte)
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(12, 14)?, number(15, 17)?, number(18, 20)?);
    let is_date = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds * 1000).saturating_sub(MAX_ZONE_OFFSET))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so
/// that a leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    // From 0000-03-01 to 1970-01-01 it is 719,468 days.
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_read_from_the_end_of_a_name() {
        let start = |name: &str| earliest_start(name).map(|ms| (ms + MAX_ZONE_OFFSET) / 1000);
        assert_eq!(start("hello-1-of-1-1970-01-02__00-00-00"), Some(86_400));
        assert_eq!(start("x-2026-01-02__03-04-05"), Some(1_767_323_045));
        assert_eq!(start("x-2024-02-29__23-59-59"), Some(1_709_251_199));
        assert_eq!(start("x-2024-03-01__00-00-00"), Some(1_709_251_200));
        assert_eq!(start("x-2100-03-01__00-00-00"), Some(4_107_542_400));
        for no in [
            "",
            "hello",
            "x-2026-01-02_03-04-05",
            "x-2026-13-02__03-04-05",
            "x-2026-01-00__03-04-05",
            "x-2026-01-02__24-04-05",
            "x-2026-01-02__0a-04-05",
            "x-1969-12-31__23-59-59",
            "é-2026-01-02__03-04é",
        ] {
            assert_eq!(start(no), None, "{no}");
        }
    }

    #[test]
    fn the_zone_of_the_clock_is_not_known() {
        assert_eq!(
            earliest_start("x-1970-01-02__00-00-00"),
            Some(10 * 3_600_000)
        );
        assert_eq!(earliest_start("x-1970-01-01__00-00-00"), Some(0));
    }
}
