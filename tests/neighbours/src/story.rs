//! What happens on a machine, line by line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::act::Act;

/// What happens on a machine, line by line. Randomness ends before a story is played: the same lines are always the same
/// story, whatever seed they once came from, so that a story that failed can be kept as a file.
///
/// As text it has one event a line, as JSON, and comments that begin with `#`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// What happens, in the order of time.
    pub events: Vec<Event>,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in milliseconds after the beginning.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub act: Act,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            let line = serde_json::to_string(event).map_err(|_| fmt::Error)?;
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl FromStr for Story {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.lines().zip(1..);
        let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let events = lines.map(|(line, number)| {
            serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))
        });
        Ok(Self {
            events: events.collect::<Result<_, _>>()?,
        })
    }
}
