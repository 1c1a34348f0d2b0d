//! Which ids are full ids. The daemon takes names and prefixes for ids as well, so that a request
//! with anything less than a full id could act on another resource.

use tbengine_sdk::{Error, ErrorKind, Kind, Result};

/// Whether this is a full id of this kind.
pub(crate) fn is_full(kind: Kind, native: &str) -> bool {
    match kind {
        Kind::CONTAINER | Kind::NETWORK => is_digest(native),
        Kind::IMAGE => native.strip_prefix("sha256:").is_some_and(is_digest),
        Kind::VOLUME => is_volume_name(native),
        _ => false,
    }
}

/// Refuses what is not a full id, before it reaches the daemon or a path of a URL.
///
/// # Errors
/// `Invalid`.
pub(crate) fn check(kind: Kind, native: &str) -> Result<()> {
    if is_full(kind, native) {
        return Ok(());
    }
    let shown: String = native.chars().take(80).collect();
    Err(Error::new(
        ErrorKind::Invalid,
        format!("`{shown}` is not the full id of a {kind}; names and prefixes are not accepted"),
    ))
}

/// Keeps what the daemon answered if it is what was asked for. The answer is `None` if it is another
/// resource: anyone may name a container or a network like the id of another one.
///
/// # Errors
/// `Internal` if the answer has no full id: such an answer proves nothing.
pub(crate) fn only<T>(
    kind: Kind,
    asked: &str,
    found: Option<T>,
    id: impl Fn(&T) -> &str,
) -> Result<Option<T>> {
    match found {
        Some(found) if id(&found) == asked => Ok(Some(found)),
        Some(other) if is_full(kind, id(&other)) => Ok(None),
        Some(_) => Err(Error::new(
            ErrorKind::Internal,
            format!("docker returned a {kind} without an id"),
        )),
        None => Ok(None),
    }
}

/// Whether these are the 64 hexadecimal digits of an id.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The daemon's own rule for volume names, without those that a URL would take apart.
fn is_volume_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 255
        && bytes
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_ids_pass() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(is_full(Kind::CONTAINER, &hex) && is_full(Kind::NETWORK, &hex));
        assert!(is_full(Kind::IMAGE, &format!("sha256:{hex}")));
        assert!(is_full(Kind::VOLUME, "my_volume-1.x") && is_full(Kind::VOLUME, &hex));
        for no in [
            "",
            "0123",
            "web",
            &hex.to_uppercase(),
            &hex[1..],
            &format!("{hex}0"),
            &format!("../{hex}"),
        ] {
            assert!(!is_full(Kind::CONTAINER, no), "{no}");
            assert!(!is_full(Kind::NETWORK, no), "{no}");
            assert!(!is_full(Kind::IMAGE, no), "{no}");
        }
        for no in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a?force=1",
            "a b",
            "-x",
            "a%2f",
            "é",
        ] {
            assert!(!is_full(Kind::VOLUME, no), "{no}");
            assert_eq!(
                check(Kind::VOLUME, no).unwrap_err().kind,
                ErrorKind::Invalid
            );
        }
    }
}
