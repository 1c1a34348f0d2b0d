//! Policies that want gone whatever they may.

use std::time::Duration;

use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, Force, Policy, PolicyContext, PolicySource, Proposal,
    RetryAdvice, Verdict,
};
use tbengine_sdk::{Class, Owner, State};

/// How much a policy wants gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// Everything, at once and by force: only safeguards keep anything.
    Everything,
    /// What the facts of a resource call rubbish: only they keep the rest.
    Rubbish,
}

/// A policy with an appetite.
pub struct Hungry {
    source: PolicySource,
    appetite: Appetite,
}

impl Hungry {
    /// The policy.
    pub fn new(appetite: Appetite) -> Self {
        Self {
            source: PolicySource {
                name: "hungry".into(),
                version: "1.0.0".into(),
                digest: "fuzzed".into(),
                params: Default::default(),
            },
            appetite,
        }
    }

    fn wants(&self, one: &Candidate<'_>) -> bool {
        let resource = one.resource;
        let attr = |key: &str| resource.attrs.get(key);
        let ended = |state: State| matches!(state, State::Exited | State::Dead | State::Stopped);
        match (self.appetite, resource.identity.kind) {
            (Appetite::Everything, _) => true,
            _ if matches!(resource.owner, Owner::Other(_) | Owner::Kept(_)) => false,
            (Appetite::Rubbish, kind) if kind == tbengine_sdk::Kind::IMAGE => {
                attr("dangling") == Some("true")
            }
            (Appetite::Rubbish, kind) if kind == tbengine_sdk::Kind::VOLUME => {
                attr("anonymous") == Some("true") && one.used_by.is_empty()
            }
            (Appetite::Rubbish, _) => {
                let is_compute = one.kind.class == Class::Compute;
                is_compute
                    && ended(resource.state)
                    && attr("restart-policy").is_none()
                    && !one.unit_runs
            }
        }
    }
}

impl Policy for Hungry {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn decide(&self, _: &PolicyContext, candidates: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let wanted = candidates.iter().filter(|one| self.wants(one));
        let proposals = wanted.map(|one| Proposal {
            id: one.resource.identity.id().to_string(),
            verdict: Verdict::Delete {
                reason: "it is wanted gone".into(),
                force: Force::Always,
                grace: Some(Duration::ZERO),
            },
            priority: 0,
        });
        Ok(Answer {
            proposals: proposals.collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}
