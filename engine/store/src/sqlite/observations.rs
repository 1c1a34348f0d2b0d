//! What the holder of a lease saw being created under it, and that carries no label.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::scratch::private;
use crate::{Observations, Observed};

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
    fn note(&self, observed: &Observed) -> io::Result<()> {
        let mut line = serde_json::to_vec(observed)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

/// What a book says. A line that was cut short by a crash counts for nothing, and neither does one of an earlier
/// version, which had the kind and the id only: something else may have that id by now.
pub(super) fn read(path: &Path) -> io::Result<HashSet<Observed>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        text => text?,
    };
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| {
            let members: serde_json::Map<_, _> = serde_json::from_slice(line).ok()?;
            serde_json::from_value(members.into()).ok()
        })
        .collect())
}
