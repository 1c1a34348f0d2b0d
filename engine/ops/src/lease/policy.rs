//! The policy of a sweep: delete what was made under a lease, keep the rest.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use tbengine_sdk::{Kind, Unit};

use super::ownership::{OwnedBy, Ownership};
use tbengine_engine::digest::Digest;
use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};

/// Deletes what was made under a lease. Gives no advice on retries, so the engine's schedule applies.
#[derive(Clone, Debug)]
pub struct LeasePolicy {
    source: PolicySource,
    ownership: Ownership,
    target: Target,
    grace: Duration,
}

/// Which part of a lease's resources goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All of them.
    Everything,
    /// Those of finished units; images stay, since other units may start from them.
    Units(BTreeSet<Unit>),
}

impl LeasePolicy {
    /// Where a plan says that it comes from the sweep of a lease, before the lease's id.
    pub const ORIGIN: &str = "lease:";

    /// The policy that sweeps what belongs to a lease. What runs gets `grace` to end by itself.
    pub fn new(ownership: Ownership, target: Target, grace: Duration) -> Self {
        let id = &ownership.lease().id;
        let mut digest = Digest::default();
        write!(digest, "lease {id}").ok();
        let source = PolicySource {
            name: "lease".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            digest: digest.hex(),
            params: [("lease".to_owned(), id.clone())].into(),
        };
        Self {
            source,
            ownership,
            target,
            grace,
        }
    }

    /// Where a plan says that it comes from.
    pub fn origin(&self) -> String {
        format!("{}{}", Self::ORIGIN, self.ownership.lease().id)
    }

    fn verdict(&self, candidate: &Candidate<'_>) -> Option<Verdict> {
        let OwnedBy::Ours(proof) = self.ownership.of(candidate.resource) else {
            return None;
        };
        let lease = self.ownership.lease();
        if lease
            .terms
            .kept_kinds
            .contains(&candidate.resource.identity.kind)
        {
            return None;
        }
        let id = &lease.id;
        let reason = match &self.target {
            Target::Everything => format!("created under lease {id}, which expired: {proof}"),
            Target::Units(over) => {
                let unit = candidate.resource.unit.as_ref()?;
                if candidate.resource.identity.kind == Kind::IMAGE || !over.contains(unit) {
                    return None;
                }
                format!("its unit is finished, and it was created under lease {id}: {proof}")
            }
        };
        Some(Verdict::Delete {
            reason,
            force: Force::Always,
            grace: Some(self.grace),
        })
    }
}

impl Policy for LeasePolicy {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn decide(
        &self,
        _context: &PolicyContext,
        candidates: &[Candidate<'_>],
    ) -> Result<Answer, Fault> {
        let proposals = candidates.iter().filter_map(|candidate| {
            Some(Proposal {
                id: candidate.resource.identity.id().to_string(),
                verdict: self.verdict(candidate)?,
                priority: 0,
            })
        });
        Ok(Answer {
            proposals: proposals.collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _context: &PolicyContext, _failure: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}
