//! What the holder of a lease saw being created under it, and that carries no label.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

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

/// An image that is relied on, as a line of the book.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Relied {
    relies_on: String,
}

impl ObservationsFile {
    fn add(&self, line: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}

impl Observations for ObservationsFile {
    fn note(&self, observed: &Observed) -> io::Result<()> {
        self.add(observed)
    }

    fn rely_on(&self, image: &str) -> io::Result<()> {
        self.add(&Relied {
            relies_on: image.to_owned(),
        })
    }
}

/// The images that a book says are relied on; none where there is no book.
///
/// # Errors
/// Why there is one that cannot be read: which images it protects is not known then.
pub(super) fn relied_on(path: &Path) -> io::Result<HashSet<String>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        text => text?,
    };
    let lines = text.split(|byte| *byte == b'\n');
    let relied = lines.filter_map(|line| serde_json::from_slice::<Relied>(line).ok());
    Ok(relied.map(|one| one.relies_on).collect())
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
