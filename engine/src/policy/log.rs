//! What a guest logged in one call.

use super::limits::Limits;
use super::log_line::LogLine;

/// The longest error that is kept when the log is full, in bytes.
const LAST_ERROR: u64 = 4 << 10;

/// What a guest logged, up to a number of lines and bytes.
pub(super) struct Log {
    lines: Vec<LogLine>,
    dropped: u64,
    /// The last error of those dropped: what a panic says comes last, and matters most.
    last_error: Option<LogLine>,
    lines_left: usize,
    bytes_left: u64,
}

impl Log {
    /// One that is empty.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            lines: Vec::new(),
            dropped: 0,
            last_error: None,
            lines_left: limits.log_lines,
            bytes_left: limits.log_bytes,
        }
    }

    /// Keeps a line, if there is room.
    pub(super) fn push(&mut self, level: &str, message: String) {
        let bytes = message.len() as u64;
        let line = LogLine {
            level: level.to_owned(),
            message,
        };
        // Once full it stays full, so that there are no gaps in the middle.
        if self.dropped > 0 || self.lines_left == 0 || bytes > self.bytes_left {
            self.dropped += 1;
            if level == "error" && bytes <= LAST_ERROR {
                self.last_error = Some(line);
            }
            return;
        }
        self.lines_left -= 1;
        self.bytes_left -= bytes;
        self.lines.push(line);
    }

    /// All that was kept, and a note of what was not.
    pub(super) fn finish(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let kept = u64::from(self.last_error.is_some());
            self.lines.push(LogLine::dropped(self.dropped - kept));
            self.lines.extend(self.last_error);
        }
        self.lines
    }
}
