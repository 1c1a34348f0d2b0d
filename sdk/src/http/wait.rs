//! How long an answer asks to wait.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, header};

/// The longest wait that is believed: what asks for more is a mistake or a trap.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);

const RETRY_AFTER: &str = "retry-after";
/// Of the drafts that preceded `RateLimit`; in seconds from now.
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How long an answer asks to wait, with which requests.
///
/// A service with several throttlers appends the name of one to the header: `Retry-After-sandbox-lifecycle`.
/// Without a name, the header is about everything that comes from us, as after failed logins, or a gateway's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// With requests that the throttler counts that refused.
    pub throttler: Option<Duration>,
    /// With every request.
    pub everything: Option<Duration>,
}

impl Wait {
    /// What the headers ask for: seconds, milliseconds (`Retry-After-Ms`), or a date that counts from the answer's
    /// own, because our clock may be wrong. A time in the past is a wait of zero; none is longer than [`MAX_WAIT`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use tbengine_sdk::http::{HeaderMap, Wait};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("date", "Fri, 06 Nov 2026 08:49:37 GMT".parse().unwrap());
    /// headers.insert("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT".parse().unwrap());
    /// assert_eq!(Wait::of(&headers).longest(), Some(Duration::from_secs(30)));
    /// ```
    pub fn of(headers: &HeaderMap) -> Self {
        let mut wait = Self::default();
        for (name, value) in headers {
            let Some(suffix) = name.as_str().strip_prefix(RETRY_AFTER) else {
                continue;
            };
            let Ok(text) = value.to_str() else { continue };
            let (place, asked) = match suffix {
                "" => (&mut wait.everything, duration(text, 1.0, headers)),
                "-ms" => (&mut wait.everything, duration(text, 0.001, headers)),
                _ if suffix.starts_with('-') => (&mut wait.throttler, duration(text, 1.0, headers)),
                _ => continue,
            };
            *place = (*place).max(asked);
        }
        if wait == Self::default() {
            let reset = headers.get(RESET).and_then(|value| value.to_str().ok());
            wait.everything = reset.and_then(|text| duration(text, 1.0, headers));
        }
        wait
    }

    /// The longer of the two.
    pub fn longest(&self) -> Option<Duration> {
        self.throttler.max(self.everything)
    }
}

/// The clock of the server that answered, to the second.
pub(super) fn answered(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    date(headers.get(header::DATE)?.to_str().ok()?)
}

fn date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|date| date.timestamp())
}

fn duration(text: &str, unit: f64, headers: &HeaderMap) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(number * unit)
            .ok()
            .map(|wait| wait.min(MAX_WAIT));
    }
    let now = answered(headers)?;
    let wait = Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default();
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn every_form_of_a_wait() {
        let date = ("date", "Fri, 06 Nov 2026 08:49:37 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (fields, throttler, everything) in [
            (&[][..], None, None),
            (&[("retry-after", "7")], None, seconds(7)),
            (
                &[("Retry-After-sandbox-lifecycle", "30")],
                seconds(30),
                None,
            ),
            (
                &[("retry-after-authenticated", "3"), ("retry-after", "9")],
                seconds(3),
                seconds(9),
            ),
            (
                &[("retry-after-ms", "1500")],
                None,
                Some(Duration::from_millis(1500)),
            ),
            (
                &[("retry-after", "0.5")],
                None,
                Some(Duration::from_millis(500)),
            ),
            (&[("retry-after", "-7")], None, None),
            (&[("retry-after", "soon")], None, None),
            (&[("retry-after", "NaN")], None, None),
            (&[("retry-after", "1e300")], None, None),
            (&[("retry-after", "999999")], None, Some(MAX_WAIT)),
            (
                &[date, ("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT")],
                None,
                seconds(30),
            ),
            (
                &[date, ("retry-after", "Fri, 06 Nov 2026 08:00:00 GMT")],
                None,
                seconds(0),
            ),
            (
                &[("retry-after", "Fri, 06 Nov 2026 08:50:07 GMT")],
                None,
                None,
            ),
            // Far away, and in a form that nobody should write any more.
            (
                &[date, ("retry-after", "Fri, 06 Nov 2099 08:50:07 GMT")],
                None,
                Some(MAX_WAIT),
            ),
            (
                &[date, ("retry-after", "Friday, 06-Nov-26 08:50:07 GMT")],
                None,
                None,
            ),
            (&[("retry-afterwards", "7")], None, None),
            (&[("ratelimit-reset", "7")], None, seconds(7)),
            (
                &[("ratelimit-reset", "7"), ("retry-after", "3")],
                None,
                seconds(3),
            ),
        ] {
            let want = Wait {
                throttler,
                everything,
            };
            assert_eq!(Wait::of(&headers(fields)), want, "{fields:?}");
        }
    }
}
