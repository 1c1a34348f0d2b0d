//! A veto that goes by names.

use tbengine_engine::policy::{
    Candidate, Fault, FaultKind, Interest, PolicyContext, PolicySource, Review, Veto, Vetoed,
};

/// Takes away what is named `veto…`, or fails.
pub struct ByName {
    source: PolicySource,
    fails: bool,
}

impl ByName {
    /// The veto, which may always fail.
    pub fn new(fails: bool) -> Self {
        Self {
            source: PolicySource {
                name: "by-name".into(),
                version: "1.0.0".into(),
                digest: "simulated".into(),
                params: Default::default(),
            },
            fails,
        }
    }
}

impl Veto for ByName {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn interest(&self) -> Interest {
        Interest::everything()
    }

    fn review(
        &self,
        _: &PolicyContext,
        candidates: &[Candidate<'_>],
        review: &Review<'_>,
    ) -> Result<Vec<Vetoed>, Fault> {
        if self.fails {
            return Err(Fault {
                policy: self.source.name.clone(),
                function: "review".into(),
                kind: FaultKind::Trap,
                message: "it fails".into(),
                backtrace: Vec::new(),
                stderr: String::new(),
                log: Vec::new(),
            });
        }
        let proposals = review.proposals.iter();
        let vetoed =
            proposals.filter(|one| candidates[one.candidate].resource.name.starts_with("veto"));
        Ok(vetoed
            .map(|one| Vetoed {
                candidate: one.candidate,
                reason: "its name says so".into(),
            })
            .collect())
    }
}
