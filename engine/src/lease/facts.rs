//! What the guards are told of leases.

use super::record::Lease;
use super::store::{Standing, Unreadable};
use crate::facts::{Facts, LiveLease};

impl Facts {
    /// Adds what these leases say: which are live, which are over, and which cannot be read.
    #[must_use]
    pub fn with_leases(
        mut self,
        leases: impl IntoIterator<Item = Result<(Lease, Standing), Unreadable>>,
    ) -> Self {
        for lease in leases {
            match lease {
                Ok((lease, Standing::Live)) => self.live.push(LiveLease {
                    id: lease.id,
                    terms: lease.terms,
                }),
                Ok((lease, Standing::Over | Standing::Ended)) => {
                    self.over.insert(lease.id);
                }
                Err(unreadable) => self.unreadable.push(unreadable.to_string()),
            }
        }
        self
    }
}
