//! The standard error, with the progress bar and the prompt.

use std::io::{self, BufRead, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::escape;
use super::span::{Span, Tone, line, plain, toned};

/// Where everything goes that is not a result. Failures to write there are nobody's business.
#[derive(Debug)]
pub(crate) struct Console {
    color: bool,
    is_terminal: bool,
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    pub(crate) fn new(color: bool, is_terminal: bool, quiet: bool) -> Self {
        Self {
            color,
            is_terminal,
            quiet,
            bar: Mutex::new(None),
        }
    }

    /// Writes a line, unless nothing but errors is wanted.
    pub(crate) fn line(&self, spans: &[Span<'_>]) {
        if !self.quiet {
            self.always(spans);
        }
    }

    /// Writes a line in every case.
    pub(crate) fn always(&self, spans: &[Span<'_>]) {
        let line = line(spans, self.color);
        let write = || drop(io::stderr().write_all(line.as_bytes()));
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Writes what went wrong and what to do about it.
    pub(crate) fn error(&self, message: &str, hints: &[String]) {
        self.marked(Tone::Bad, "error", message);
        for hint in hints {
            self.marked(Tone::Good, "hint", hint);
        }
    }

    /// Writes what wants attention.
    pub(crate) fn warning(&self, message: &str) {
        if !self.quiet {
            self.marked(Tone::Warn, "warning", message);
        }
    }

    fn marked(&self, tone: Tone, mark: &'static str, message: &str) {
        self.always(&[toned(tone, mark), plain(": "), plain(message)]);
    }

    /// Shows a progress bar of so many steps, on a terminal.
    pub(crate) fn start_bar(&self, steps: usize) {
        if !self.is_terminal || self.quiet || steps == 0 {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        *self.bar() = Some(bar);
    }

    /// Moves the bar to so many steps.
    pub(crate) fn move_bar(&self, done: usize, message: &str) {
        if let Some(bar) = &*self.bar() {
            bar.set_message(escape::truncate(&escape::text(message), 40).into_owned());
            bar.set_position(done as u64);
        }
    }

    /// Takes the bar away.
    pub(crate) fn end_bar(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    /// Asks a question on the terminal. Only `y` and `yes` mean yes.
    pub(crate) fn ask(&self, question: &str) -> bool {
        let shown = escape::text(question);
        let prompted = write!(io::stderr(), "{shown} [y/N] ").and_then(|()| io::stderr().flush());
        prompted.is_ok() && is_yes(&mut io::stdin().lock())
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_yes(input: &mut impl BufRead) -> bool {
    let mut answer = String::new();
    match input.read_line(&mut answer) {
        Ok(_) => matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [
            ("y\n", true),
            ("YES\n", true),
            ("\n", false),
            ("", false),
            ("yep\n", false),
            ("n\n", false),
        ] {
            assert_eq!(is_yes(&mut answer.as_bytes()), yes, "{answer:?}");
        }
    }
}
