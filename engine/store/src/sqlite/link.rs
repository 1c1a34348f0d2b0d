//! What binds each row of a record to all before it, so that a record that was changed or cut shows.

use sha2::{Digest, Sha256};
use tbengine_sdk::Timestamp;

use crate::JOURNAL_FORMAT;

/// What binds a row to all rows before it.
pub(super) type Link = [u8; 32];

/// The link before the first row: a record cannot pass for that of another run.
pub(super) fn origin(run: &str) -> Link {
    Sha256::new()
        .chain_update(JOURNAL_FORMAT)
        .chain_update([0])
        .chain_update(run)
        .finalize()
        .into()
}

/// The link of a row.
pub(super) fn link(before: &Link, number: u64, at: Timestamp, body: &str) -> Link {
    Sha256::new()
        .chain_update(before)
        .chain_update(number.to_le_bytes())
        .chain_update(at.as_unix_ms().to_le_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_depends_on_everything() {
        let at = Timestamp::from_unix_ms(5);
        let base = link(&origin("r"), 1, at, "a");
        for other in [
            link(&origin("s"), 1, at, "a"),
            link(&origin("r"), 2, at, "a"),
            link(&origin("r"), 1, Timestamp::from_unix_ms(6), "a"),
            link(&origin("r"), 1, at, "b"),
        ] {
            assert_ne!(base, other);
        }
    }
}
