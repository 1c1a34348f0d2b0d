//! A veto that does what its parameter says, for the tests of the host.

use tbengine_policy::params::describe;
use tbengine_policy::prelude::*;

struct Vetoing(String);

impl Veto for Vetoing {
    fn describe() -> Description {
        let summary = "Takes away what its parameter says.";
        describe("vetoing", "1.0.0", summary, Judging::All).param(
            "takes",
            ParamType::Text,
            Some("kept"),
            "What it takes away: what is labelled `kept`, or something that a test needs.",
        )
    }

    fn configure(params: &Params) -> Result<Self, ParamError> {
        match params.required("takes")? {
            takes if takes == "nonsense" => Err(ParamError::new("takes", "makes no sense")),
            takes => Ok(Self(takes)),
        }
    }

    fn review(
        &self,
        context: &Context,
        resources: &[Resource],
        proposals: &[Proposal],
    ) -> Result<Vec<Vetoed>, String> {
        let proposed = proposals
            .iter()
            .filter_map(|one| Some((one, one.resource(resources)?)));
        Ok(match self.0.as_str() {
            "kept" => proposed
                .filter(|(_, one)| one.label("kept").is_some())
                .map(|(_, one)| one.veto("labelled kept"))
                .collect(),
            "nothing" => Vec::new(),
            "running" => proposed
                .filter(|(_, one)| one.is_running())
                .map(|(_, one)| one.veto("it runs"))
                .collect(),
            // Puts into the reasons all that it was given.
            "all" => proposed
                .map(|(proposal, one)| {
                    let known: Vec<&str> = resources.iter().map(|one| &*one.name).collect();
                    one.veto(format!(
                        "{:?} by {}; {known:?}; {:?}",
                        proposal.action, proposal.policy, context.dry_run
                    ))
                })
                .collect(),
            "unknown" => resources
                .iter()
                .map(|one| Vetoed {
                    id: format!("{}x", one.id),
                    reason: "wrong".to_owned(),
                })
                .collect(),
            "refuse" => return Err("the moon is full".to_owned()),
            _ => panic!("I veto myself"),
        })
    }
}

tbengine_policy::export_veto!(Vetoing);
