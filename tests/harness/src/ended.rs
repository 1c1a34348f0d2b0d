//! What a program that has ended left.

use std::process::Output;

use serde_json::Value;

/// How a program ended by itself, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to the standard output.
    pub stdout: String,
    /// What it wrote to the standard error.
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let code = output.status.code();
        Self {
            code: code.unwrap_or_else(|| panic!("killed: {output:?}")),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("a program writes text")
}

impl Ended {
    /// The same, after checking the exit code.
    ///
    /// # Panics
    /// If it is another one.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// The same, after checking that the standard error has this part.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not in: {}",
            self.stderr
        );
        self
    }

    /// The standard output as one JSON document.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// The standard output as JSON lines.
    ///
    /// # Panics
    /// If one is none.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// The exit code, and all that it wrote.
    pub fn code_and_output(self) -> (i32, String) {
        (self.code, self.stdout + &self.stderr)
    }
}

/// How many of these JSON lines are this event.
pub fn count(lines: &[Value], event: &str) -> usize {
    lines.iter().filter(|line| line["event"] == event).count()
}
