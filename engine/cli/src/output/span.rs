//! Text with a tone.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::escape;

/// What a piece of text means to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Less important.
    Dim,
    /// A title.
    Strong,
    /// It went well, or stays.
    Good,
    /// It failed, or will be deleted.
    Bad,
    /// It wants attention.
    Warn,
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(anstyle::Color::Ansi(color)));
        match self {
            Tone::Plain => Style::new(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
            Tone::Good => color(AnsiColor::Green),
            Tone::Bad => color(AnsiColor::Red),
            Tone::Warn => color(AnsiColor::Yellow),
        }
    }
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    pub(crate) tone: Tone,
    pub(crate) text: Cow<'a, str>,
}

/// A piece without a tone.
pub(crate) fn plain<'a>(text: impl Into<Cow<'a, str>>) -> Span<'a> {
    toned(Tone::Plain, text)
}

/// A piece with a tone.
pub(crate) fn toned<'a>(tone: Tone, text: impl Into<Cow<'a, str>>) -> Span<'a> {
    Span {
        tone,
        text: text.into(),
    }
}

/// One line, escaped, with its line break. Nothing else makes lines.
pub(crate) fn line(spans: &[Span<'_>], color: bool) -> String {
    let mut line = String::new();
    for span in spans {
        let text = escape::text(&span.text);
        let style = span.tone.style();
        if color && span.tone != Tone::Plain && !text.is_empty() {
            // Writing to a string cannot fail.
            write!(line, "{style}{text}{style:#}").ok();
        } else {
            line.push_str(&text);
        }
    }
    line.truncate(line.trim_end_matches(' ').len());
    line.push('\n');
    line
}
