//! Times, sizes and ids for people.

use std::time::Duration;

pub(crate) use tbengine_ops::short_id::{short_id, with_short_ids};

use tbengine_sdk::{Resource, Timestamp};

pub(crate) use tbengine_ops::config::settings::value::span;

/// How long ago a resource ended, or else was created.
pub(crate) fn age(resource: &Resource, now: Timestamp) -> String {
    match resource.age_from() {
        None => "unknown".into(),
        Some(from) => from.age(now).map_or_else(|| "in the future".into(), span),
    }
}

/// The state, with the exit code if there is one.
pub(crate) fn state(resource: &Resource) -> String {
    match resource.exit_code {
        Some(code) => format!("{} ({code})", resource.state),
        None => resource.state.to_string(),
    }
}

/// A size like `1.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// How long something took, in seconds.
pub(crate) fn seconds(ms: u64) -> String {
    format!("{:.1} s", Duration::from_millis(ms).as_secs_f64())
}

/// What an empty plan or report says. Nothing is known of what could not be listed, and nothing of what is to be
/// done if the policy `failed`.
pub(crate) fn nothing(unlisted: bool, failed: bool) -> String {
    if failed {
        "The policy failed, so nothing was decided".to_owned()
    } else if unlisted {
        "Nothing to do on the backends that responded".to_owned()
    } else {
        "Nothing to do".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_hexadecimal_ids_are_cut() {
        assert_eq!(short_id(&"4f".repeat(32)), "4f4f4f4f4f4f");
        assert_eq!(
            short_id(&format!("sha256:{}", "ab".repeat(32))),
            "abababababab"
        );
        assert_eq!(short_id("pgdata"), "pgdata");
    }
}
