//! Text from backends, policies and clients, made safe to show and to send.
//!
//! A container's name may hold terminal commands, line breaks, or characters that turn the reading direction
//! round.

use std::borrow::Cow;

/// Whether a character could make a reader see something else than the text itself.
pub fn is_forbidden(c: char) -> bool {
    matches!(c,
        // C0, DEL and C1: terminal commands and line breaks.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator: nothing to see.
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero width, left-to-right and right-to-left marks.
        | '\u{200b}'..='\u{200f}'
        // Line and paragraph separators; embeddings, overrides.
        | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated formatting.
        | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotation, tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text is printable ASCII, as nearly all is; that is quick to see.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The text with every forbidden character written as `\u{…}`; idempotent.
pub fn text(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.contains(is_forbidden) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_forbidden(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_commands_line_breaks_and_bidi_marks_become_visible() {
        assert_eq!(text("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(text("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(text("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
        assert_eq!(
            text("x\u{202e}gnp\u{200b}\u{2028}"),
            "x\\u{202e}gnp\\u{200b}\\u{2028}"
        );
        assert_eq!(text("Grüße, 世界"), "Grüße, 世界");
    }
}
