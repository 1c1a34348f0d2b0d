//! Rows in columns that fit the terminal.

use super::escape::{self, truncate, width};
use super::span::{Span, Tone, plain, toned};

/// The widest a column gets. Where nothing limits the line, a cell that is wider is whole all the same, and only what
/// follows it is out of line.
const MAX_CELL_WIDTH: usize = 120;
/// No column is made narrower than this for the sake of others.
const MIN_COLUMN_WIDTH: usize = 8;
const GAP: &str = "  ";

/// A table under construction. It may have millions of cells, so their text is kept in one piece.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    /// The text of all cells, row by row.
    text: String,
    /// The tone of each cell, and where its text ends.
    cells: Vec<(Tone, usize)>,
    /// The width of the widest cell of each column.
    widest: Vec<usize>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            text: String::new(),
            cells: Vec::new(),
            widest: header.iter().map(|title| title.len()).collect(),
        }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = Span<'a>>) {
        let before = self.cells.len();
        for (cell, widest) in cells.into_iter().zip(&mut self.widest) {
            let text = escape::text(&cell.text);
            *widest = (*widest).max(width(&text)).min(MAX_CELL_WIDTH);
            self.text.push_str(&text);
            self.cells.push((cell.tone, self.text.len()));
        }
        debug_assert_eq!(self.cells.len() - before, self.header.len());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The lines of the table, for a terminal of this width.
    pub(crate) fn lines(&self, terminal: Option<usize>) -> impl Iterator<Item = Vec<Span<'_>>> {
        let widths = self.widths(terminal);
        let header = self.header.iter().map(|title| (Tone::Strong, *title));
        let mut begin = 0;
        let cells = self.cells.iter().map(move |(tone, end)| {
            let text = &self.text[begin..*end];
            begin = *end;
            (*tone, text)
        });
        let mut cells = header.chain(cells).peekable();
        std::iter::from_fn(move || {
            cells.peek()?;
            let mut line = Vec::with_capacity(widths.len() * 2);
            for (place, columns) in widths.iter().enumerate() {
                let (tone, text) = cells.next()?;
                let text = match terminal {
                    Some(_) => truncate(text, *columns),
                    // The cause may be in it.
                    None => text.into(),
                };
                let missing = columns - width(&text).min(*columns);
                line.push(toned(tone, text));
                if place + 1 < widths.len() {
                    line.push(plain(" ".repeat(missing) + GAP));
                }
            }
            Some(line)
        })
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths = self.widest.clone();
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
                .filter(|widest| *widest > MIN_COLUMN_WIDTH)
            else {
                break;
            };
            let next = widths
                .iter()
                .copied()
                .filter(|columns| *columns < widest)
                .max();
            let floor = next.unwrap_or(MIN_COLUMN_WIDTH).max(MIN_COLUMN_WIDTH);
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
        table.lines(terminal).map(text).collect()
    }

    #[test]
    fn columns_line_up_and_the_widest_gives_way() {
        let mut table = Table::new(&["ID", "NAME"]);
        table.row([plain("1"), plain("a name that is rather long")]);
        table.row([plain("22"), plain("世界")]);
        assert_eq!(
            render(&table, None)[1..],
            ["1   a name that is rather long", "22  世界"]
        );
        assert_eq!(render(&table, Some(16))[1], "1   a name that…");
    }

    #[test]
    fn a_cell_is_cut_on_a_terminal_only() {
        let cause = format!("{} device or resource busy", "x".repeat(2 * MAX_CELL_WIDTH));
        let mut table = Table::new(&["NAME", "DETAIL", "LAST"]);
        table.row([plain("a"), plain(&cause), plain("last")]);
        table.row([plain("b"), plain("short"), plain("last")]);
        let whole = render(&table, None);
        assert_eq!(whole[1], format!("a     {cause}  last"));
        assert!(width(&whole[2]) < 2 * MAX_CELL_WIDTH, "{}", whole[2]);
        let cut = render(&table, Some(80));
        assert!(
            !cut[1].contains("busy") && width(&cut[1]) <= 80,
            "{}",
            cut[1]
        );
    }

    proptest! {
        #[test]
        fn no_row_is_wider_than_the_terminal_or_unsafe(cells in prop::collection::vec("\\PC{0,60}|[\\x00-\\x1f\u{202e}]{0,9}", 3), terminal in 40_usize..200) {
            let mut table = Table::new(&["A", "B", "C"]);
            table.row(cells.iter().map(plain));
            for line in render(&table, Some(terminal)) {
                prop_assert!(width(&line) <= terminal, "{line:?}");
                prop_assert!(!line.contains(escape::is_forbidden));
            }
        }
    }
}
