//! What a person reads, line by line.

use super::out::Out;
use super::span::{Span, plain};
use super::table::Table;

/// Takes the lines of an answer for people.
pub(crate) struct Page<'o>(&'o mut Out);

impl<'o> Page<'o> {
    pub(super) fn new(out: &'o mut Out) -> Self {
        Self(out)
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, spans: &[Span<'_>]) {
        self.0.line(spans);
    }

    /// Writes a line without tones.
    pub(crate) fn text(&mut self, text: &str) {
        self.line(&[plain(text)]);
    }

    /// Writes one bare word and nothing beside it, because a shell takes it as it is: `id=$(tbengine …)`.
    pub(crate) fn word(&mut self, word: &str) {
        self.text(word);
    }

    /// Writes a table that fits the terminal; nothing if it has no rows.
    pub(crate) fn table(&mut self, table: &Table) {
        if table.is_empty() {
            return;
        }
        for line in table.lines(self.0.width()) {
            self.line(&line);
        }
    }
}
