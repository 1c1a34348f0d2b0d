//! Texts of a guest, cut where they are longer than anybody reads.

/// The longest reason, in bytes.
pub(super) const MAX_REASON: usize = 1 << 10;
/// The longest text of an error, in bytes.
pub(super) const MAX_ERROR: usize = 16 << 10;
/// The longest text that documents something, in bytes.
pub(super) const MAX_DOC: usize = 4 << 10;
/// The most complaints about parameters.
pub(super) const MAX_COMPLAINTS: usize = 20;

/// The text, or as much of its beginning as fits into so many bytes, and how much was cut off.
pub(super) fn bounded(mut text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let end = text.floor_char_boundary(most);
    let more = text.len() - end;
    text.truncate(end);
    // The rest of a large one is not kept in memory.
    text.shrink_to_fit();
    text.push_str(&format!("… ({more} more bytes)"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(bounded("short".to_owned(), 5), "short");
        assert_eq!(bounded("lönger".to_owned(), 2), "l… (6 more bytes)");
        assert_eq!(bounded("lönger".to_owned(), 3), "lö… (4 more bytes)");
    }
}
