//! A veto with its parameters.

use super::candidate::Candidate;
use super::configured::ConfiguredPolicy;
use super::context::PolicyContext;
use super::fault::{Fault, FaultKind};
use super::interest::Interest;
use super::interface::{Policy as _, PolicySource};
use super::veto::{Review, Veto, Vetoed};

/// A veto that can review. Cheap to clone, and callable from many threads at once.
#[derive(Clone, Debug)]
pub struct ConfiguredVeto(ConfiguredPolicy);

impl ConfiguredVeto {
    pub(super) fn new(configured: ConfiguredPolicy) -> Self {
        Self(configured)
    }
}

impl Veto for ConfiguredVeto {
    fn source(&self) -> &PolicySource {
        self.0.source()
    }

    fn interest(&self) -> Interest {
        self.0.interest()
    }

    fn review(
        &self,
        context: &PolicyContext,
        candidates: &[Candidate<'_>],
        review: &Review<'_>,
    ) -> Result<Vec<Vetoed>, Fault> {
        let named = self.0.review(context, candidates, review)?;
        let ids: Vec<(String, usize)> = review
            .proposals
            .iter()
            .map(|one| {
                let resource = candidates[one.candidate].resource;
                (resource.identity.id().to_string(), one.candidate)
            })
            .collect();
        let vetoed = named.into_iter().map(|(id, reason)| {
            match ids.iter().find(|(proposed, _)| *proposed == id) {
                Some((_, candidate)) => Ok(Vetoed {
                    candidate: *candidate,
                    reason,
                }),
                // A veto that is wrong about one id may be wrong about every id.
                None => Err(Fault {
                    policy: self.source().name.clone(),
                    function: "review".to_owned(),
                    kind: FaultKind::BadAnswer,
                    message: format!("its answer names `{id}`, which was not proposed"),
                    backtrace: Vec::new(),
                    stderr: String::new(),
                    log: Vec::new(),
                }),
            }
        });
        vetoed.collect()
    }
}
