//! The terminal, or what stands in its place.

use std::io::{IsTerminal, stderr, stdin, stdout};

/// What this process is connected to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether this process was started so that it outlives its terminal, as `nohup` does.
    pub(crate) ignores_hangup: bool,
    /// Whether someone can be asked: standard input and error are terminals.
    pub(crate) interactive: bool,
    /// Whether the standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Whether the standard error is a terminal.
    pub(crate) stderr_is_terminal: bool,
}

impl Terminal {
    /// Passes at it.
    pub(crate) fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            ignores_hangup: ignores_hangup(&status),
            interactive: stdin().is_terminal() && stderr().is_terminal(),
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
        }
    }
}

/// Whether the first bit, which stands for SIGHUP, is set in the mask of ignored signals.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_is_ignored_where_the_mask_says_so() {
        for (mask, ignored) in [
            ("0000000000000001", true),
            ("0000000000001000", false),
            ("0000000000001001", true),
        ] {
            assert_eq!(
                ignores_hangup(&format!("Name:\tx\nSigIgn:\t{mask}\n")),
                ignored
            );
        }
        assert!(!ignores_hangup(""));
    }
}
