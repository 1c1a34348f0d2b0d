//! Which ids are ids. The service takes names for ids as well, and a name becomes free as soon as its
//! sandbox is deleted, so that a request with a name could act on another sandbox.

use tbengine_sdk::{Error, ErrorKind, Kind, Result};

/// Whether this is an id: a UUID in its usual form.
pub(crate) fn is_id(native: &str) -> bool {
    native.len() == 36
        && native.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether what the service answered has the id that was asked for.
pub(crate) fn is_same(answered: Option<&str>, asked: &str) -> bool {
    answered.is_some_and(|answered| answered.eq_ignore_ascii_case(asked))
}

/// Refuses what is not an id, before it reaches the service.
///
/// # Errors
/// `Invalid`.
pub(crate) fn check(kind: Kind, native: &str) -> Result<()> {
    if is_id(native) {
        return Ok(());
    }
    let shown: String = native.chars().take(80).collect();
    Err(Error::new(
        ErrorKind::Invalid,
        format!("`{shown}` is not the id (a UUID) of a {kind}; names are not accepted"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_ids() {
        for yes in [
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "0F8FAD5B-D9CB-469F-A165-70867728950E",
        ] {
            assert!(is_id(yes), "{yes}");
        }
        for no in [
            "",
            "my-sandbox",
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5bd9cb469fa16570867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5b-d9cb-469f-a165-7086772895/e",
            "{0f8fad5b-d9cb-469f-a165-7086772895}",
            "0f8fad5b-d9cb-469f-a165-7086772895é",
        ] {
            assert!(!is_id(no), "{no}");
            assert_eq!(
                check(Kind::SANDBOX, no).unwrap_err().kind,
                ErrorKind::Invalid
            );
        }
    }
}
