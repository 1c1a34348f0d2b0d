//! Values of parameters and limits: how they are written, and what guests get.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the value of a parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamType {
    /// Any text.
    Text,
    /// A whole number, not negative.
    Integer,
    /// A number, not negative.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Like `30m` or `7d`.
    Duration,
    /// Like `10GB`.
    Size,
    /// Like `exited,dead`.
    Words,
    /// Like `22:00-06:00,Sat,Sun`, in the time zone of the context.
    Times,
}

/// A value as guests get it: durations in milliseconds, sizes in bytes, words without blanks.
pub(super) fn normalise(kind: ParamType, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; omit it instead".to_owned());
    }
    match kind {
        ParamType::Text => Ok(text.to_owned()),
        ParamType::Integer => match text.parse::<u64>() {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(format!("`{text}` is not a whole number, at least 0")),
        },
        ParamType::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number.is_sign_positive() => Ok(number.to_string()),
            _ => Err(format!("`{text}` is not a number, at least 0")),
        },
        ParamType::Boolean => match text {
            "true" | "false" => Ok(text.to_owned()),
            _ => Err(format!("`{text}` is not true or false")),
        },
        ParamType::Duration => Ok(parse_duration(text)?.as_millis().to_string()),
        ParamType::Size => Ok(parse_size(text)?.to_string()),
        ParamType::Words => {
            let words: Vec<&str> = text.split(',').map(str::trim).collect();
            if words.contains(&"") {
                return Err(format!("`{text}` has an empty word"));
            }
            Ok(words.join(","))
        }
        ParamType::Times => times(text),
    }
}

/// The days of the week, as they are written.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Times of the day like `22:00-06:00` and days like `Sat` or `Mon-Fri`, joined by commas.
fn times(text: &str) -> Result<String, String> {
    let is_time = |text: &str| {
        let digits = |text: &str, less_than: u32| {
            text.len() == 2
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && text.parse::<u32>().is_ok_and(|number| number < less_than)
        };
        text.split_once(':')
            .is_some_and(|(hour, minute)| digits(hour, 24) && digits(minute, 60))
    };
    let is_day = |text: &str| DAYS.contains(&text);
    let is_part = |part: &str| match part.split_once('-') {
        Some((from, to)) => {
            (is_time(from) && is_time(to) && from != to) || (is_day(from) && is_day(to))
        }
        None => is_day(part),
    };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    match parts.iter().find(|part| !is_part(part)) {
        None => Ok(parts.join(",")),
        Some(part) => Err(format!(
            "`{part}` is neither a time of the day like 22:00-06:00 nor a day like Sat or Mon-Fri"
        )),
    }
}

/// A duration like `30m`, to the millisecond.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration like 30m or 7d: {error}"))?;
    // What is cut off to zero would mean "everything" to a policy.
    if duration.subsec_nanos() % 1_000_000 != 0 {
        return Err(format!("`{text}` is more precise than a millisecond"));
    }
    if u64::try_from(duration.as_millis()).is_err() {
        return Err(format!("`{text}` is too long"));
    }
    Ok(duration)
}

/// A size like `10GB` or `1.5GiB`; a number alone is bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 10] = [
        ("b", 1),
        ("kb", 1000),
        ("mb", 1000_u64.pow(2)),
        ("gb", 1000_u64.pow(3)),
        ("tb", 1000_u64.pow(4)),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("", 1),
    ];
    let wrong = || format!("`{text}` is not a size like 500MB or 2GiB");
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, bytes) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(*bytes)
            .ok_or_else(|| format!("`{text}` is too large"));
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let size = number * *bytes as f64;
    // Beyond that a float no longer counts bytes.
    if size > 2_f64.powi(53) {
        return Err(format!("`{text}` is too large"));
    }
    Ok(size.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_guests_get() {
        use ParamType::{Boolean, Duration, Integer, Number, Size, Text, Times, Words};
        for (kind, text, normal) in [
            (Text, " a b ", "a b"),
            (Integer, "007", "7"),
            (Number, "1.50", "1.5"),
            (Boolean, "true", "true"),
            (Duration, "1h 30m", "5400000"),
            (Duration, "7d", "604800000"),
            (Duration, "0s", "0"),
            (Duration, "1ms", "1"),
            (Size, "10GB", "10000000000"),
            (Size, "2 GiB", "2147483648"),
            (Size, "1.5kB", "1500"),
            (Size, "12", "12"),
            (Words, "a, b ,c", "a,b,c"),
            (Times, "22:00-06:00, Sat,Sun", "22:00-06:00,Sat,Sun"),
            (Times, "Mon-Fri", "Mon-Fri"),
        ] {
            assert_eq!(normalise(kind, text).as_deref(), Ok(normal), "{text}");
        }
    }

    #[test]
    fn negative_empty_and_nonsensical_values_are_errors() {
        use ParamType::{Boolean, Duration, Integer, Number, Size, Text, Times, Words};
        for (kind, text) in [
            (Text, ""),
            (Text, "  "),
            (Integer, "-1"),
            (Integer, "1.5"),
            (Number, "-0.1"),
            (Number, "inf"),
            (Number, "NaN"),
            (Boolean, "yes"),
            (Duration, "-1h"),
            (Duration, "30"),
            (Duration, "1us"),
            (Duration, ""),
            (Size, "-1GB"),
            (Size, "GB"),
            (Size, "1 elephant"),
            (Size, "99999999TB"),
            (Size, "1.2.3"),
            (Words, "a,,b"),
            (Words, ","),
            (Times, "22:00"),
            (Times, "22:00-24:00"),
            (Times, "9:00-17:00"),
            (Times, "22:00-22:00"),
            (Times, "Sat-06:00"),
            (Times, "sat"),
            (Times, "Sat,"),
        ] {
            assert!(normalise(kind, text).is_err(), "{kind:?} {text:?}");
        }
    }
}
