//! The ledger at each moment.

use std::time::Instant;

use crate::ledger::Ledger;

/// The ledger at each moment. While an act is under way both the ledger before it and the one after it may be true.
#[derive(Debug)]
pub struct History {
    versions: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    from: Instant,
    until: Option<Instant>,
    ledger: Ledger,
}

impl History {
    /// The history of a ledger from now on.
    pub fn of(ledger: &Ledger) -> Self {
        Self {
            versions: vec![Version {
                from: Instant::now(),
                until: None,
                ledger: ledger.clone(),
            }],
        }
    }

    /// Notes the ledger after an act, which began at a moment and ends now.
    pub fn note(&mut self, began: Instant, ledger: &Ledger) {
        if let Some(last) = self.versions.last_mut() {
            last.until = Some(Instant::now());
        }
        self.versions.push(Version {
            from: began,
            until: None,
            ledger: ledger.clone(),
        });
    }

    /// The ledgers that may have been true at some moment between two.
    pub fn between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Ledger> {
        let versions = self.versions.iter();
        let overlap = versions
            .filter(move |one| one.from <= to && one.until.is_none_or(|until| until >= from));
        overlap.map(|one| &one.ledger)
    }
}
