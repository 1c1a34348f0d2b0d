//! A policy that wants nearly everything gone.

use std::time::Duration;

use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};

/// Deletes all but what is named `keep…`; what is named `stop…` is only stopped, and `cold…` archived.
pub struct Eager {
    source: PolicySource,
    /// When it kills.
    pub force: Force,
    /// How long what runs may take to end.
    pub grace: Duration,
}

impl Eager {
    /// The policy with these verdicts.
    pub fn new(force: Force, grace: Duration) -> Self {
        Self {
            source: PolicySource {
                name: "eager".into(),
                version: "1.0.0".into(),
                digest: "simulated".into(),
                params: Default::default(),
            },
            force,
            grace,
        }
    }

    fn judge(&self, name: &str) -> Option<Verdict> {
        let (reason, grace) = ("the simulation says so".to_owned(), Some(self.grace));
        if name.starts_with("keep") {
            None
        } else if name.starts_with("stop") {
            Some(Verdict::Stop { reason, grace })
        } else if name.starts_with("cold") {
            Some(Verdict::Archive { reason, grace })
        } else {
            Some(Verdict::Delete {
                reason,
                force: self.force,
                grace,
            })
        }
    }
}

impl Policy for Eager {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let proposals = candidates
            .iter()
            .filter_map(|candidate| {
                Some(Proposal {
                    id: candidate.resource.identity.id().to_string(),
                    verdict: self.judge(&candidate.resource.name)?,
                    priority: 0,
                })
            })
            .collect();
        Ok(Answer {
            proposals,
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}
