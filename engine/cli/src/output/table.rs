//! Rows in columns that fit the terminal.

use super::escape::{self, truncate, width};
use super::out::Out;
use super::span::{Span, Tone, plain, toned};

/// The widest a cell gets, even where nothing limits the line.
const WIDEST: usize = 120;
/// No column is made narrower than this for the sake of others.
const NARROWEST: usize = 8;
const GAP: &str = "  ";

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Span<'static>>>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<Span<'static>>) {
        let safe = |cell: Span<'static>| toned(cell.tone, escape::text(&cell.text).into_owned());
        self.rows.push(cells.into_iter().map(safe).collect());
    }

    /// Writes the table; nothing if it has no rows.
    pub(crate) fn write(&self, out: &mut Out) {
        if self.rows.is_empty() {
            return;
        }
        for line in self.lines(out.width()) {
            out.line(&line);
        }
    }

    /// The lines of the table, for a terminal of this width.
    pub(crate) fn lines(&self, terminal: Option<usize>) -> Vec<Vec<Span<'static>>> {
        let widths = self.widths(terminal);
        let header = self
            .header
            .iter()
            .map(|title| toned(Tone::Strong, *title))
            .collect::<Vec<_>>();
        std::iter::once(&header)
            .chain(&self.rows)
            .map(|cells| {
                let mut line = Vec::with_capacity(cells.len() * 2);
                for (place, (cell, columns)) in cells.iter().zip(&widths).enumerate() {
                    let text = truncate(&cell.text, *columns).into_owned();
                    let missing = columns - width(&text).min(*columns);
                    line.push(toned(cell.tone, text));
                    if place + 1 < cells.len() {
                        line.push(plain(" ".repeat(missing) + GAP));
                    }
                }
                line
            })
            .collect()
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|title| title.len()).collect();
        for row in &self.rows {
            for (columns, cell) in widths.iter_mut().zip(row) {
                *columns = (*columns).max(width(&cell.text)).min(WIDEST);
            }
        }
        let Some(terminal) = terminal else {
            return widths;
        };
        let available = terminal.saturating_sub(GAP.len() * widths.len().saturating_sub(1));
        let mut excess = widths.iter().sum::<usize>().saturating_sub(available);
        while excess > 0 {
            // What is widest gives way first, down to the next widest.
            let Some(widest) = widths
                .iter()
                .copied()
                .max()
                .filter(|widest| *widest > NARROWEST)
            else {
                break;
            };
            let next = widths
                .iter()
                .copied()
                .filter(|columns| *columns < widest)
                .max();
            let floor = next.unwrap_or(NARROWEST).max(NARROWEST);
            let Some(place) = widths.iter().position(|columns| *columns == widest) else {
                break;
            };
            let by = excess.min((widest - floor).max(1));
            widths[place] -= by;
            excess -= by;
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn render(table: &Table, terminal: Option<usize>) -> Vec<String> {
        let text = |line: Vec<Span<'_>>| line.iter().map(|span| &*span.text).collect::<String>();
        table.lines(terminal).into_iter().map(text).collect()
    }

    #[test]
    fn columns_line_up_and_the_widest_gives_way() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row(vec![plain("1"), plain("a name that is rather long")]);
        table.row(vec![plain("22"), plain("世界")]);
        assert_eq!(
            render(&table, None)[1..],
            ["1   a name that is rather long", "22  世界"]
        );
        assert_eq!(render(&table, Some(16))[1], "1   a name that…");
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_the_terminal_or_unsafe(cells in prop::collection::vec("\\PC{0,60}|[\\x00-\\x1f\u{202e}]{0,9}", 3), terminal in 40_usize..200) {
            let mut table = Table::new(&["A", "B", "C"]);
            table.row(cells.iter().map(|cell| plain(cell.clone())).collect());
            for line in render(&table, Some(terminal)) {
                prop_assert!(width(&line) <= terminal, "{line:?}");
                prop_assert!(!line.contains(escape::is_forbidden));
            }
        }
    }
}
