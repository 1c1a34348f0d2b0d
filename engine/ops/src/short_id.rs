//! Ids as people read them.

/// How many characters of an id are shown; `explain` finds it by them.
const SHORT_LENGTH: usize = 12;

/// The beginning of a native id, as long as it tells resources apart in practice.
pub fn short_id(native: &str) -> String {
    let digest = native.strip_prefix("sha256:").unwrap_or(native);
    let is_long_hex = digest.len() >= 32
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_long_hex {
        digest.chars().take(SHORT_LENGTH).collect()
    } else {
        native.to_owned()
    }
}
