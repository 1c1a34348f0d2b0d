//! What the holder of a lease saw being created under it, and that carries no label.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use tbengine_sdk::Kind;

use crate::Observations;
use crate::scratch::private;

/// A book of what was seen being created. Each line is one; the operating system has it as soon as it is
/// written, and so outlives its writer.
#[derive(Debug)]
pub(super) struct ObservationsFile(File);

impl ObservationsFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        private().create(true).append(true).open(path).map(Self)
    }
}

impl Observations for ObservationsFile {
    fn note(&self, kind: Kind, native: &str) -> io::Result<()> {
        let mut line = serde_json::to_vec(&(kind, native))?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

/// What a book says. A line that was cut short by a crash counts for nothing.
pub(super) fn read(path: &Path) -> io::Result<HashSet<(Kind, String)>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        text => text?,
    };
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}
