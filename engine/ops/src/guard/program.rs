//! Whether a program holds leases for others.
//!
//! `lease hold` is normally started from the program that starts it. A program that embeds tbengine and does not
//! handle that command would do what it always does: guard something, and start itself once more for that, endlessly.
//! So it is asked first whether it handles the command, by [`QUESTION`], and a program that is asked starts nothing.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The arguments of a program that is asked whether it holds leases. Those after the first are for a program that
/// prints a version of its own.
pub const QUESTION: [&str; 3] = ["--version", "lease", "hold"];
/// What it answers on its standard output, as a line.
pub const VERSION: &str = concat!("tbengine ", env!("CARGO_PKG_VERSION"));

/// The variable in the environment of a program that is asked what it is.
pub const ASKED_VARIABLE: &str = "TBENGINE_ASKED";
/// How long to wait for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const MAX_ANSWER: u64 = 1024;

/// Whether this program may be started as `lease hold`. `asked` is whether this process is being asked that itself.
///
/// # Errors
/// Why it may not.
pub(crate) fn check(program: &Path, asked: bool) -> io::Result<()> {
    let refused = |why: &str| {
        let program = program.display();
        let question = QUESTION.join(" ");
        Err(io::Error::other(format!("`{program} {question}` {why}")))
    };
    if asked {
        return refused("does what this program does without it");
    }
    let mut child = Command::new(program)
        .args(QUESTION)
        .env(ASKED_VARIABLE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let said = first_line(&mut child);
    child.kill().ok();
    child.wait()?;
    match said {
        Some(said) if said.split_whitespace().next() == Some("tbengine") => Ok(()),
        Some(_) => refused("does not say `tbengine`, so it holds no leases"),
        None => refused("does not answer"),
    }
}

fn first_line(child: &mut Child) -> Option<String> {
    let output = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output.take(MAX_ANSWER)).read_line(&mut line);
        sender.send(read.is_ok().then_some(line)).ok();
    });
    receiver.recv_timeout(ANSWER_TIMEOUT).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_it_is_tbengine_holds_leases() {
        for (program, says) in [
            ("echo", "does not say `tbengine`"),
            ("true", "does not say `tbengine`"),
            ("/nowhere/tbengine", "No such file"),
        ] {
            let error = check(Path::new(program), false).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn whoever_is_asked_asks_nobody() {
        let error = check(Path::new("/nowhere/tbengine"), true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other, "{error}");
    }
}
