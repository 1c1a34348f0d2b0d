//! The standard output. Every line and document goes through it, and so through the escaping.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::escape::SafeJson;
use super::page::Page;
use super::span::{Span, line};

/// How many bytes are handed on at a time.
const BUFFER_SIZE: usize = 64 << 10;

/// Writes an indented JSON document with its line break, escaped.
pub(crate) fn write_document<T: Serialize + ?Sized>(
    sink: &mut dyn Write,
    value: &T,
) -> io::Result<()> {
    // A document is written in a few bytes at a time: a call through `dyn` for each would cost more than they do.
    let mut buffer = BufWriter::with_capacity(BUFFER_SIZE, sink);
    let mut serializer = serde_json::Serializer::with_formatter(&mut buffer, SafeJson::pretty());
    value.serialize(&mut serializer)?;
    writeln!(buffer)?;
    buffer.flush()
}

/// Where results go. A write that fails never ends a command in the middle: the failure is kept,
/// what follows is dropped, and [`Out::finish`] reports it.
pub(crate) struct Out {
    sink: Box<dyn Write + Send>,
    color: bool,
    /// The width to fit tables into, on a terminal.
    width: Option<usize>,
    failure: Option<io::Error>,
}

impl Out {
    /// Writes to the standard output.
    pub(crate) fn stdout(color: bool, width: Option<usize>) -> Self {
        let sink = BufWriter::with_capacity(BUFFER_SIZE, io::stdout());
        Self::new(Box::new(sink), color, width)
    }

    pub(crate) fn new(sink: Box<dyn Write + Send>, color: bool, width: Option<usize>) -> Self {
        Self {
            sink,
            color,
            width,
            failure: None,
        }
    }

    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Takes lines for people.
    pub(crate) fn page(&mut self) -> Page<'_> {
        Page::new(self)
    }

    /// Writes a line of a page.
    pub(super) fn line(&mut self, spans: &[Span<'_>]) {
        let line = line(spans, self.color);
        self.write(|sink| sink.write_all(line.as_bytes()));
    }

    /// Writes an indented JSON document.
    pub(crate) fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.write(|sink| write_document(sink, value));
    }

    /// Writes a JSON object on a line of its own, and lets the reader have it at once.
    pub(crate) fn json_line<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.write(|sink| {
            let mut serializer =
                serde_json::Serializer::with_formatter(&mut *sink, SafeJson::compact());
            value.serialize(&mut serializer)?;
            writeln!(sink)?;
            sink.flush()
        });
    }

    /// Writes bytes that are not text of others: completion scripts, the JSON schema.
    pub(crate) fn own(&mut self, bytes: &[u8]) {
        self.write(|sink| sink.write_all(bytes));
    }

    /// Hands over what was written so far, so that it stands before what the console says next.
    pub(crate) fn flush(&mut self) {
        self.write(|sink| sink.flush());
    }

    /// Ends the output.
    ///
    /// # Errors
    /// The first failure to write.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush();
        self.failure.take().map_or(Ok(()), Err)
    }

    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.failure.is_none() {
            self.failure = write(&mut *self.sink).err();
        }
    }
}
