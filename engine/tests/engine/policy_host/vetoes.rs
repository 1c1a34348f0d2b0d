//! Vetoes as components: what they are given, what they remove, and how they fail.

use tbengine_engine::policy::{
    Candidate, ConfigError, ConfiguredVeto, Fault, FaultKind, Force, Limits, LoadError, Review,
    Reviewed, Verdict, Veto, Vetoed,
};
use tbengine_sdk::{Resource, State};

use crate::policy_host::support::{ENGINE, container, context, params};

fn veto(takes: &str) -> Result<ConfiguredVeto, ConfigError> {
    let compiled = ENGINE
        .load_veto(tbengine_builtins::VETOING, "vetoing")
        .unwrap();
    assert_eq!(compiled.description().name, "vetoing");
    compiled.configure(&params(&[("takes", takes)]), Limits::default())
}

fn proposal(candidate: usize) -> Reviewed {
    Reviewed {
        candidate,
        verdict: Verdict::Delete {
            reason: "it is old".into(),
            force: Force::OnRetry,
            grace: None,
        },
        priority: 3,
    }
}

fn review(takes: &str, resources: &[Resource]) -> Result<Vec<Vetoed>, Fault> {
    let candidates: Vec<Candidate<'_>> = resources.iter().map(Candidate::alone).collect();
    // The first is there because something uses it, and is not proposed.
    let proposals: Vec<Reviewed> = (1..resources.len()).map(proposal).collect();
    let asked = Review {
        policy: "nightly",
        proposals: &proposals,
    };
    veto(takes).unwrap().review(&context(), &candidates, &asked)
}

fn resources() -> [Resource; 3] {
    let mut kept = container("kept", State::Exited, 9);
    kept.labels = [("kept", "yes")].into_iter().collect();
    [
        container("used", State::Exited, 9),
        container("old", State::Exited, 9),
        kept,
    ]
}

#[test]
fn it_takes_away_what_it_names() {
    let vetoed = review("kept", &resources()).unwrap();
    let expected = Vetoed {
        candidate: 2,
        reason: "labelled kept".into(),
    };
    assert_eq!(vetoed, [expected]);
    assert_eq!(review("nothing", &resources()).unwrap(), []);
}

#[test]
fn it_is_told_what_is_proposed_by_whom_and_what_is_around() {
    let vetoed = review("all", &resources()).unwrap();
    assert_eq!(vetoed.len(), 2);
    let said = &vetoed[0].reason;
    for part in [
        r#"reason: "it is old""#,
        "force: Force::OnRetry",
        "priority: 3",
        "by nightly",
        r#"["used", "old", "kept"]"#,
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn it_fails_as_policies_do() {
    for (takes, kind, message) in [
        ("refuse", FaultKind::Refused, "the moon is full"),
        ("panic", FaultKind::Trap, "I veto myself"),
        (
            "unknown",
            FaultKind::BadAnswer,
            "its answer names `docker/container/usedx`, which was not proposed",
        ),
    ] {
        let fault = review(takes, &resources()).unwrap_err();
        assert_eq!((&*fault.function, fault.kind), ("review", kind), "{fault}");
        assert!(fault.message.contains(message), "{fault}");
    }
    let refused = veto("nonsense").unwrap_err();
    assert!(matches!(refused, ConfigError::Refused { .. }), "{refused}");
}

#[test]
fn a_veto_is_no_policy_and_a_policy_no_veto() {
    let error = ENGINE
        .load(tbengine_builtins::VETOING, "v.wasm")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "v.wasm is a veto, not a policy: it only takes proposals away; name it in `[safeguards] policies`"
    );
    let error = ENGINE
        .load_veto(tbengine_builtins::HOSTILE, "p.wasm")
        .unwrap_err();
    assert!(matches!(error, LoadError::NoVetoes { .. }), "{error}");
}
