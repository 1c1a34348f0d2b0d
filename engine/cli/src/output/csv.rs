//! Results as comma-separated values.

use super::escape;
use super::out::Out;

/// Writes a header and rows. Every cell is escaped like any other text.
pub(crate) fn write<const N: usize>(
    out: &mut Out,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    out.own(&document(header, rows));
}

fn document<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // A vector takes every write.
    writer.write_record(header).ok();
    for row in rows {
        writer.write_record(row.map(|cell| neutral(&cell))).ok();
    }
    writer.into_inner().unwrap_or_default()
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

    #[test]
    fn formulas_are_texts() {
        let csv = String::from_utf8(document(["a", "b"], [["=1+2".into(), "-1".into()]])).unwrap();
        assert_eq!(csv, "a,b\n'=1+2,-1\n");
    }

    proptest! {
        #[test]
        fn rows_stay_rows(wild in "\\PC*|[\\x00-\\x1f\u{202e}\",]*") {
            let bytes = document(["a", "b"], [[wild.clone(), "x".into()]]);
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
