//! The texts: why a resource goes or stays.
//!
//! They are put together by hand. A hundred thousand of them are written in one call, and Rust's
//! formatting would take longer than the evaluation.

use std::time::Duration;

use tbengine_policy::types::{Context, Owner, Resource, State};

/// A text in the making.
pub(crate) struct Reason(String);

impl Reason {
    pub(crate) fn new(text: &str) -> Self {
        let mut reason = Self(String::with_capacity(64));
        reason.0.push_str(text);
        reason
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push_str(text);
        self
    }

    /// A time in its two largest units, like `3h 20m`.
    pub(crate) fn time(mut self, time: Duration) -> Self {
        const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
        let seconds = time.as_secs();
        let largest = UNITS
            .iter()
            .position(|(size, _)| seconds >= *size)
            .unwrap_or(UNITS.len() - 1);
        let (size, unit) = UNITS[largest];
        self = self.number(seconds / size).text(unit);
        if let Some((smaller, unit)) = UNITS.get(largest + 1) {
            let rest = seconds % size / smaller;
            if rest > 0 {
                self = self.text(" ").number(rest).text(unit);
            }
        }
        self
    }

    pub(crate) fn number(mut self, mut number: u64) -> Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0
            .push_str(std::str::from_utf8(&digits[at..]).unwrap_or("?"));
        self
    }

    /// `, older than 1h`; nothing where any age will do.
    pub(crate) fn older_than(self, limit: Duration) -> Self {
        if limit.is_zero() {
            self
        } else {
            self.text(", older than ").time(limit)
        }
    }

    /// `, longer than 1h`; nothing where any time will do.
    pub(crate) fn longer_than(self, limit: Duration) -> Self {
        if limit.is_zero() {
            self
        } else {
            self.text(", longer than ").time(limit)
        }
    }

    /// `, not yet longer than 1h`.
    pub(crate) fn not_yet_longer(self, limit: Duration) -> Self {
        self.text(", not yet longer than ").time(limit)
    }

    /// `, not yet older than 1h`.
    pub(crate) fn not_yet(self, limit: Duration) -> Self {
        self.text(", not yet older than ").time(limit)
    }

    /// What it is, like `exited (137)` or `running`.
    pub(crate) fn state(self, one: &Resource) -> Self {
        let reason = self.text(one.state.word());
        match one.exit_code {
            Some(code) if one.is_dead() => reason.text(" (").text(&code.to_string()).text(")"),
            _ => reason,
        }
    }

    /// What it is since when, as far as that is known, like `exited (137) 2h ago`.
    pub(crate) fn since(self, context: &Context, one: &Resource) -> Self {
        let age = one.age(context);
        let reason = match (one.state, age) {
            (State::Created, _) => self.text("never started, created "),
            (_, None) => return self.state(one),
            _ if one.is_dead() && one.finished.is_some() => self.state(one).text(" "),
            _ => self.state(one).text(", created "),
        };
        match age {
            Some(age) => reason.time(age).text(" ago"),
            None => reason.text("at an unknown time"),
        }
    }

    /// Whose it is, after a word like `made by `.
    pub(crate) fn owner(self, word: &str, resource: &Resource) -> Self {
        match &resource.owner {
            Owner::Run(id) => self.text(word).text("run ").text(id),
            Owner::Benchmark(name) | Owner::Other(name) | Owner::Kept(name) => {
                self.text(word).text(name)
            }
            Owner::Unknown => self.text(", claimed by a label in the scope"),
        }
    }

    /// Who uses what stays for that, as far as it was sent.
    pub(crate) fn used_by(self, user: Option<&Resource>, others: u32) -> Self {
        match (user, others) {
            (Some(user), _) => self.text("used by ").text(&user.id).text(", which stays"),
            (None, 1) => self.text("used by a resource that is not evaluated with it"),
            (None, _) => self
                .text("used by ")
                .number(u64::from(others))
                .text(" resources that are not evaluated with it"),
        }
    }

    pub(crate) fn done(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_at_most_two_units() {
        let text = |seconds| Reason::new("").time(Duration::from_secs(seconds)).done();
        assert_eq!(text(0), "0s");
        assert_eq!(text(59), "59s");
        assert_eq!(text(60), "1m");
        assert_eq!(text(3_600 + 20 * 60 + 5), "1h 20m");
        assert_eq!(text(86_400 + 59), "1d");
        assert_eq!(text(3 * 86_400 + 7_200), "3d 2h");
        assert_eq!(text(u64::MAX), format!("{}d 7h", u64::MAX / 86_400));
    }
}
