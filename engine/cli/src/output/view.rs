//! What a command answers, whatever the format: the one place that asks which it is.

use serde::Serialize;

use super::csv::Rows;
use super::out::Out;
use super::page::Page;
use crate::args::global::Format;

/// An answer that can be shown in every format.
///
/// What a command says beside it, on the standard error, is not part of it.
pub(crate) trait View {
    /// The document of `--output json`.
    fn document(&self) -> impl Serialize;

    /// The lines of `--output jsonl`: the document, unless said otherwise.
    fn lines(&self, lines: &mut Lines<'_>) {
        lines.line(&self.document());
    }

    /// The header of `--output csv`.
    fn columns(&self) -> &'static [&'static str];

    /// The rows of `--output csv`, with a cell for each column.
    fn rows(&self, rows: &mut Rows);

    /// What a person reads.
    fn page(&self, page: &mut Page<'_>);
}

/// Takes the JSON lines of a view.
pub(crate) struct Lines<'o>(&'o mut Out);

impl Lines<'_> {
    /// Writes a value on a line of its own.
    pub(crate) fn line<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.0.json_line(value);
    }

    /// Writes each of these on a line of its own.
    pub(crate) fn each<T: Serialize>(&mut self, values: impl IntoIterator<Item = T>) {
        for value in values {
            self.line(&value);
        }
    }
}

impl Out {
    /// Shows a view in a format.
    pub(crate) fn show<V: View>(&mut self, format: Format, view: &V) {
        match format {
            Format::Table => view.page(&mut self.page()),
            Format::Json => self.json(&view.document()),
            Format::Jsonl => view.lines(&mut Lines(self)),
            Format::Csv => {
                let mut rows = Rows::new(view.columns());
                view.rows(&mut rows);
                self.own(&rows.finish());
            }
        }
    }

    /// Shows a part of an answer at once, in a format that has nothing around its parts. In the others the
    /// whole follows at the end.
    pub(crate) fn show_part<V: View>(&mut self, format: Format, part: &V) {
        if format.comes_in_parts() {
            self.show(format, part);
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use clap::ValueEnum as _;

    use super::*;

    /// One number, under a name.
    struct Count(u32);

    impl View for Count {
        fn document(&self) -> impl Serialize {
            [self.0]
        }

        fn columns(&self) -> &'static [&'static str] {
            &["count"]
        }

        fn rows(&self, rows: &mut Rows) {
            rows.row([self.0.to_string()]);
        }

        fn page(&self, page: &mut Page<'_>) {
            page.text(&format!("{} in all", self.0));
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_format_writes_its_own() {
        let shown = |format: &Format| {
            let sink = Sink::default();
            let mut out = Out::new(Box::new(sink.clone()), false, None);
            out.show(*format, &Count(7));
            out.finish().unwrap();
            String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
        };
        let all: Vec<String> = Format::value_variants().iter().map(shown).collect();
        assert_eq!(all, ["7 in all\n", "[\n  7\n]\n", "[7]\n", "count\n7\n"]);
    }
}
