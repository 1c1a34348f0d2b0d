//! What the safeguards know of leases.

use tbengine_engine::facts::{Facts, LiveLease};

use crate::{LeaseEntry, LeaseStatus, Unreadable};

/// Facts with what these leases say: which are live, which have expired, and which cannot be read.
pub fn facts(leases: impl IntoIterator<Item = Result<LeaseEntry, Unreadable>>) -> Facts {
    let mut facts = Facts::default();
    for lease in leases {
        match lease {
            Ok(LeaseEntry {
                lease,
                status,
                images,
                ..
            }) => match status {
                LeaseStatus::Live => facts.live.push(LiveLease {
                    id: lease.id,
                    terms: lease.terms,
                    images,
                }),
                LeaseStatus::Over | LeaseStatus::Ended => {
                    facts.over.insert(lease.id);
                }
            },
            Err(unreadable) => facts.unreadable.push(unreadable.to_string()),
        }
    }
    facts
}
