//! The threads that read and write for a process.

use std::cmp::Ordering;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc;

use tbengine_sdk::wire::MAX_BODY;

use super::process::Process;
use crate::log::log_message;

/// How many lines of the standard error are logged.
const LOGGED_LINES: usize = 1000;
/// The longest line of the standard error that is kept, in bytes.
const LOGGED_BYTES: u64 = 4000;

/// Writes requests until there are no more, or nobody reads them.
pub(super) fn write_lines(mut input: ChildStdin, lines: &mpsc::Receiver<Vec<u8>>) {
    for line in lines {
        // A process that does not read holds up this thread only.
        if input.write_all(&line).and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

/// Reads answers until there are no more, or one is none: then it gives what is wrong.
pub(super) fn read_answers(output: ChildStdout, process: &Process) -> Option<String> {
    const MAX_LINE: u64 = MAX_BODY as u64 + 4096;
    // As much as fits into a pipe.
    let mut output = BufReader::with_capacity(64 << 10, output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= MAX_LINE {
            return Some(format!(
                "it wrote a line of more than {} MiB",
                MAX_BODY >> 20
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(answer) => process.answered(&answer),
            Err(error) => {
                let shown: String = String::from_utf8_lossy(&line[..line.len().min(400)])
                    .trim()
                    .chars()
                    .take(100)
                    .collect();
                return Some(format!(
                    "it wrote a line that is not an answer ({error}): `{shown}`; write messages to standard error"
                ));
            }
        }
        if line.capacity() > 1 << 20 {
            line = Vec::new();
        }
    }
}

/// Sends the standard error to the log.
pub(super) fn read_errors(errors: ChildStderr, process: &Process) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    for count in 0_usize.. {
        line.clear();
        match errors
            .by_ref()
            .take(LOGGED_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = process.wrote(text.trim_end());
        // What is beyond is read, so that the process can go on, and dropped.
        match count.cmp(&LOGGED_LINES) {
            Ordering::Less => {
                log_message(process.plugin(), 3, b"stderr", text.as_bytes(), b"");
            }
            Ordering::Equal => {
                log_message(
                    process.plugin(),
                    2,
                    b"stderr",
                    b"it writes too much; the rest is dropped",
                    b"",
                );
            }
            Ordering::Greater => {}
        }
    }
}
