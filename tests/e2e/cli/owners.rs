//! `tbengine owners`, and what the configuration says of owners.

use crate::home;

/// The line of a name in what was printed.
fn line<'o>(stdout: &'o str, name: &str) -> &'o str {
    let mut lines = stdout.lines();
    let found = lines.find(|line| line.starts_with(name));
    found.unwrap_or_else(|| panic!("no {name} in {stdout}"))
}

#[test]
fn those_that_are_known_are_listed() {
    let host = home().memory("");
    let ended = host.run(&["owners", "list"]).with_code(0);
    let harbor = line(&ended.stdout, "harbor ");
    assert!(
        harbor.contains("benchmark") && harbor.contains("built in"),
        "{harbor}"
    );
    assert!(line(&ended.stdout, "kind ").contains("nodes of kind clusters"));

    host.configure(
        "[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]\nproject = 'eval-.*'",
    );
    let json = host
        .run(&["owners", "list", "-O", "json"])
        .with_code(0)
        .json();
    let mut rows = json.as_array().unwrap().iter();
    let evals = rows.find(|row| row["owner"] == "evals").unwrap();
    assert_eq!(evals["from"], "configured");
    assert_eq!(
        evals["rules"],
        serde_json::json!(["configured", "configured-unit"])
    );
}

#[test]
fn a_rule_is_tried_on_labels() {
    let host = home().memory("");
    let ended = host
        .run(&["owners", "test", "io.x-k8s.kind.cluster=dev"])
        .with_code(0);
    insta::assert_snapshot!(ended.stdout, @r"
    owner         kind (kept)
    holds         kind/node: label io.x-k8s.kind.cluster
    proven by     kind/node: nodes of kind clusters
    hint          `kind delete cluster --name NAME`
    ");
}

#[test]
fn what_is_missing_to_a_proof_is_named() {
    let host = home().memory("");
    let project = "com.docker.compose.project=myapp__staging__env";
    let service = "com.docker.compose.service=main";
    let ended = host.run(&["owners", "test", project, service]).with_code(0);
    assert_eq!(line(&ended.stdout, "owner"), "owner         unknown");
    let unproven = line(&ended.stdout, "unproven");
    let says = "harbor/docker-container; missing: label com.docker.compose.project.config_files";
    assert!(unproven.contains(says), "{unproven}");
    let json = host
        .run(&["owners", "test", project, service, "-O", "json"])
        .json();
    assert_eq!(json["name"], serde_json::Value::Null);
    assert_eq!(json["nearly"][0]["rule"], "harbor/docker-container");

    let volume = ["owners", "test", "--kind", "volume", project];
    let ended = host.run(&volume).with_code(0);
    assert!(
        ended
            .stdout
            .contains("another member of its unit is proven to be of harbor"),
        "{}",
        ended.stdout
    );
    host.run(&["owners", "test", "=x"])
        .with_code(2)
        .says("not of the form KEY=VALUE");
}

#[test]
fn what_is_kept_stays_until_it_is_named() {
    let kept = "[owners.git]\nwhat = \"kept\"\nhint = \"`git stop`\"\nname = 'fix-git.*|web.*'\n";
    let host = home().memory(kept);
    let plan = |args: &[&str]| {
        let args = [
            &[
                "plan",
                "-O",
                "json",
                "--kind",
                "container",
                "--policy",
                "aggressive",
            ],
            args,
        ]
        .concat();
        host.run(&args).with_code(0).json()["plan"].clone()
    };
    let kept = |plan: &serde_json::Value| {
        let refusals = plan["refusals"].as_array().unwrap().iter();
        let kept = refusals.filter(|one| one["safeguard"] == "kept-owner");
        kept.map(|one| one["detail"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = plan(&[]);
    assert!(kept(&all).len() > 1, "{all:#}");
    let says = "git keeps it on purpose: `git stop`, or name it with --label to claim it";
    assert!(kept(&all).iter().all(|detail| detail == says), "{all:#}");
    let named = plan(&[
        "--label",
        "com.docker.compose.project=fix-git__lkrbube__env",
    ]);
    assert_eq!(kept(&named), [""; 0], "{named:#}");
    assert_eq!(named["steps"].as_array().unwrap().len(), 1, "{named:#}");

    let ended = host
        .run(&["explain", "fix-git__lkrbube__env-main-1"])
        .with_code(0);
    let proven = line(&ended.stdout, "proven by");
    assert!(proven.ends_with("git/configured"), "{proven}");
    assert!(line(&ended.stdout, "hint").ends_with("`git stop`"));
}

#[test]
fn a_fault_in_a_rule_is_named_with_its_line() {
    let host = home().memory("");
    host.configure("[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]");
    for args in [&["owners", "list"][..], &["plan"]] {
        host.run(args)
            .with_code(2)
            .says("tbengine.toml:4: rule `configured`: a benchmark's rule needs two facts about different things");
    }
}
