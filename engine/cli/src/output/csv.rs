//! Results as comma-separated values.

use super::escape;

/// Rows below a header. Every cell is escaped like any other text.
pub(crate) struct Rows {
    writer: csv::Writer<Vec<u8>>,
}

impl Rows {
    pub(super) fn new(header: &[&str]) -> Self {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // A vector takes every write.
        writer.write_record(header).ok();
        Self { writer }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(|cell| neutral(cell.as_ref()));
        let written = self.writer.write_record(cells);
        debug_assert!(written.is_ok(), "a row with other columns: {written:?}");
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.writer.into_inner().unwrap_or_default()
    }
}

/// Escaped, and never what a spreadsheet would take for a formula.
fn neutral(cell: &str) -> String {
    let safe = escape::text(cell);
    let is_number = || safe.parse::<f64>().is_ok();
    if safe.starts_with(['=', '+', '-', '@']) && !is_number() {
        format!("'{safe}")
    } else {
        safe.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(row: [&str; 2]) -> Vec<u8> {
        let mut rows = Rows::new(&["a", "b"]);
        rows.row(row);
        rows.finish()
    }

    #[test]
    fn formulas_are_texts() {
        let csv = String::from_utf8(document(["=1+2", "-1"])).unwrap();
        assert_eq!(csv, "a,b\n'=1+2,-1\n");
    }

    proptest! {
        #[test]
        fn rows_stay_rows(wild in "\\PC*|[\\x00-\\x1f\u{202e}\",]*") {
            let bytes = document([&wild, "x"]);
            let text = String::from_utf8(bytes.clone()).unwrap();
            prop_assert!(!text.replace('\n', "").contains(escape::is_forbidden));
            prop_assert_eq!(text.lines().count(), 2);
            let mut reader = csv::Reader::from_reader(&*bytes);
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(&rows[0][1], "x");
        }
    }
}
