//! Vetoes of the configuration.

use crate::{Home, home};

/// A home with a veto that takes away what its parameter says.
fn vetoing(takes: &str) -> Home {
    let host = home().memory(&format!(
        "[safeguards]\npolicies = [\"team\"]\n[policies.team]\npath = \"veto.wasm\"\nparams = {{ takes = \"{takes}\" }}"
    ));
    std::fs::write(
        host.path(".config/tbengine/veto.wasm"),
        tbengine_builtins::VETOING,
    )
    .unwrap();
    host
}

#[test]
fn what_a_veto_takes_away_is_refused_with_its_reason() {
    let planned = |host: &Home| {
        let json = host.run(&["plan", "-O", "json"]).with_code(0).json();
        json["plan"].clone()
    };
    let without = planned(&home().memory(""));
    let host = vetoing("all");
    let with = planned(&host);
    let count = |plan: &serde_json::Value, list: &str| plan[list].as_array().unwrap().len();
    assert!(count(&without, "steps") > 0);
    assert_eq!(count(&with, "steps"), 0);
    assert_eq!(
        count(&with, "refusals"),
        count(&without, "refusals") + count(&without, "steps")
    );
    let refusals = with["refusals"].as_array().unwrap();
    let vetoed = refusals.iter().filter(|one| one["safeguard"] == "veto");
    for refusal in vetoed {
        let detail = refusal["detail"].as_str().unwrap();
        assert!(detail.starts_with("vetoing: "), "{detail}");
        assert!(detail.contains("by default"), "{detail}");
    }
}

#[test]
fn a_veto_that_fails_refuses_the_plan_and_its_steps_are_still_shown() {
    let host = vetoing("refuse");
    let ended = host.run(&["plan"]).with_code(3);
    assert!(
        ended
            .stderr
            .contains("policy `vetoing` failed in `review`: the moon is full")
    );
    assert!(ended.stdout.contains("delete"), "{}", ended.stdout);
    let ended = host.run(&["run"]).with_code(3);
    assert!(
        ended.stderr.contains("the moon is full"),
        "{}",
        ended.stderr
    );
    let listed = host.run(&["list", "-O", "json"]).with_code(0).json();
    let plain = home().memory("");
    let all = plain.run(&["list", "-O", "json"]).with_code(0).json();
    let count = |json: &serde_json::Value| json["resources"].as_array().unwrap().len();
    assert_eq!(count(&listed), count(&all), "nothing was deleted");
}

#[test]
fn a_veto_that_cannot_be_used_is_an_error_and_never_left_out() {
    for (policies, says) in [
        ("[\"default\"]", "is not a veto"),
        ("[\"./missing.wasm\"]", "missing.wasm"),
        ("[\"nobody\"]", "no policy named `nobody`"),
    ] {
        let host = home().memory(&format!("[safeguards]\npolicies = {policies}"));
        host.run(&["run"]).with_code(2).says(says);
    }
    let host = vetoing("nonsense");
    host.run(&["plan"]).with_code(2).says("makes no sense");
    // As the policy that decides it is refused, with what to do.
    host.run(&["plan", "--policy", "team"])
        .with_code(2)
        .says("name it in `[safeguards] policies`");
}
