//! What a configuration adds.

use std::collections::BTreeMap;

use serde::Deserialize;
use tbengine_engine::owners::{NoMemory, OwnerTable, Owners, Trust};

use crate::owners::support::{Host, judged, thing};

#[derive(Deserialize)]
struct File {
    owners: BTreeMap<String, OwnerTable>,
}

fn with(text: &str, trust: Trust) -> Result<Owners, String> {
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let owners = Owners::embedded().unwrap().with(&file.owners, trust);
    owners.map_err(|complaint| complaint.in_file("f", text, "owners").to_string())
}

fn refused(text: &str) -> String {
    match with(text, Trust::Own) {
        Err(error) => error,
        Ok(_) => panic!("taken: {text}"),
    }
}

#[test]
fn a_short_form_stands_for_rules() {
    let text =
        "[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]\nproject = 'eval-.*'\n";
    let owners = with(text, Trust::Own).unwrap();
    let project = ("com.docker.compose.project", "eval-1");
    let host = Host(vec![
        thing("container", "a", &[project, ("team", "evals")]),
        thing("container", "b", &[project]),
        thing("volume", "eval-1_data", &[project]),
        thing(
            "volume",
            "eval-2_data",
            &[("com.docker.compose.project", "eval-2")],
        ),
    ]);
    assert_eq!(
        judged(&owners, &host, &NoMemory),
        ["evals/configured", "", "evals/configured-unit", ""]
    );
}

#[test]
fn one_fact_is_enough_for_a_benchmark_only_where_it_is_sure() {
    let text = "[owners.evals]\nwhat = \"benchmark\"\nlabels = [\"team=evals\"]\n";
    assert!(
        refused(text).contains("needs two facts about different things"),
        "{}",
        refused(text)
    );
    let owners = with(&format!("{text}sure = true\n"), Trust::Own).unwrap();
    let host = Host(vec![thing("container", "a", &[("team", "evals")])]);
    assert_eq!(judged(&owners, &host, &NoMemory), ["evals/configured"]);
}

#[test]
fn a_known_owner_gets_further_rules_or_none() {
    let text = "[[owners.kind.rule]]\nid = \"mine\"\nall = [{ label = \"our-kind\" }]\n";
    let owners = with(text, Trust::Own).unwrap();
    let host = Host(vec![
        thing("container", "a", &[("our-kind", "")]),
        thing("container", "b", &[("io.x-k8s.kind.cluster", "x")]),
    ]);
    assert_eq!(
        judged(&owners, &host, &NoMemory),
        ["kind/mine", "kind/node"]
    );

    let owners = with("[owners.kind]\nenabled = false\n", Trust::Own).unwrap();
    assert_eq!(judged(&owners, &host, &NoMemory), ["", ""]);

    // Of a product whose rules have two facts, a benchmark can be made.
    with("[owners.openhands]\nwhat = \"benchmark\"\n", Trust::Own).unwrap();
    let error = refused("[owners.testcontainers]\nwhat = \"benchmark\"\n");
    assert!(error.contains("f:1: rule `session`"), "{error}");
}

#[test]
fn a_strangers_file_can_say_what_is_kept_and_nothing_else() {
    for allowed in [
        "[owners.ours]\nwhat = \"kept\"\nname = 'db-.*'\n",
        "[owners.kind]\nname = 'kind-.*'\n",
    ] {
        with(allowed, Trust::Stranger).unwrap();
    }
    for refused in [
        "[owners.ours]\nwhat = \"benchmark\"\nlabels = [\"a\"]\nname = 'x'\n",
        "[owners.ours]\nwhat = \"product\"\nname = 'x'\n",
        "[owners.kind]\nenabled = false\n",
        "[owners.kind]\nyields = true\n",
        "[owners.kind]\nwhat = \"benchmark\"\n",
        "[owners.harbor]\nwhat = \"kept\"\n",
        "[owners.harbor]\nname = '.*'\n",
    ] {
        let error = with(refused, Trust::Stranger).map(|_| ()).unwrap_err();
        assert!(
            error.contains("somebody else may have written"),
            "{refused}: {error}"
        );
        with(refused, Trust::Own).map(|_| ()).ok();
    }
}

#[test]
fn a_fault_is_named_with_its_line() {
    let rule = "[[owners.x.rule]]\nid = \"r\"\n";
    let of = |what: &str, facts: &str| format!("[owners.x]\nwhat = \"{what}\"\n{rule}{facts}\n");
    let cases = [
        (of("kept", ""), "f:3: a rule needs a fact"),
        (of("kept", "all = [{}]"), "f:5: a fact has one subject"),
        (
            of(
                "kept",
                "all = [\n{ label = \"a\" },\n{ label = \"a\", attr = \"b\" }]",
            ),
            "f:7: a fact has one subject",
        ),
        (
            of("kept", "all = [{ label = \"a\", like = '(' }]"),
            "f:5: the pattern is not a regular expression",
        ),
        (
            of("kept", "all = [{ label = \"a\", like = '{x}' }]"),
            "`{x}` is not a placeholder",
        ),
        (
            of("kept", "all = [{ label = \"a\", is = \"b\", like = 'c' }]"),
            "either `is` or `like`",
        ),
        (of("kept", "all = [{ label = \"\" }]"), "is empty"),
        (
            of("kept", "all = [{ name = true }]"),
            "everything has a name",
        ),
        (
            of("kept", "all = [{ unit-of = \"nobody\" }]"),
            "there is no owner `nobody`",
        ),
        (
            of("kept", "all = [{ unit-of = \"kind\", is = \"x\" }]"),
            "neither `is` nor `like`",
        ),
        (
            of("kept", "all = [{ any = [{ any = [{ label = \"a\" }] }] }]"),
            "cannot stand in `any`",
        ),
        (
            of(
                "kept",
                "all = [{ label = \"a\", any = [{ label = \"a\" }] }]",
            ),
            "`any` stands alone",
        ),
        (
            of(
                "kept",
                "all = [{ label = \"a\" }]\nnone = [{ unit-of = \"kind\" }]",
            ),
            "f:6: `none` is about",
        ),
        (
            of("kept", "all = [{ label = \"a\" }]\nkind = [\"a b\"]"),
            "f:6: `a b` is not a kind",
        ),
        (
            of("kept", "all = [{ label = \"a\" }]\nclass = [\"pods\"]"),
            "f:6: `pods`",
        ),
        (
            of("kept", "all = [{ label = \"a\" }]\nunit = \"x\""),
            "f:6: all resources would have the same unit",
        ),
        (
            of(
                "kept",
                &format!("all = [{{ label = \"a\" }}]\n{rule}all = [{{ label = \"b\" }}]"),
            ),
            "f:6: the rule `r` is there twice",
        ),
        (
            of(
                "product",
                "all = [{ label = \"a\" }]\n[owners.y]\nwhat = \"product\"\nyields = true",
            ),
            "f:8: `yields` is for what is kept",
        ),
        (
            of(
                "benchmark",
                "all = [{ label = \"a\", rare = true }, { label = \"a\" }]",
            ),
            "two facts about different things",
        ),
        (
            of(
                "benchmark",
                "all = [{ name = true, is = \"a\", rare = true }, { names = true, is = \"a\" }]",
            ),
            "two facts about different things",
        ),
        (
            of("benchmark", "all = [{ label = \"a\" }, { label = \"b\" }]"),
            "`rare`",
        ),
        // Each way counts, not only the best one.
        (
            of(
                "benchmark",
                "all = [{ label = \"a\" }, { any = [{ label = \"b\", rare = true }, { label = \"c\" }] }]",
            ),
            "`label a` and `label c` are enough",
        ),
        ("[owners.x]\n".to_owned(), "f:1: no owner `x` is known"),
        (
            "[owners.x]\nwhat = \"kept\"\n".to_owned(),
            "f:1: it has no rule",
        ),
        (
            "[owners.X]\nwhat = \"kept\"\nname = 'a'\n".to_owned(),
            "`X` is not a name of an owner",
        ),
        (
            "[owners.x]\nwhat = \"kept\"\nlabels = [\"=a\"]\n".to_owned(),
            "f:3: a label is KEY or KEY=VALUE",
        ),
        (
            "[owners.x]\nwhat = \"nice\"\n".to_owned(),
            "unknown variant `nice`",
        ),
        (
            "[owners.x]\nwaht = \"kept\"\n".to_owned(),
            "unknown field `waht`",
        ),
    ];
    for (text, says) in cases {
        let error = refused(&text);
        assert!(error.contains(says), "{text}\nsays {error}\nnot {says}");
    }
}

#[test]
fn a_file_of_rules_is_refused_as_a_whole() {
    let good = "format = 1\n[owner.x]\nwhat = \"kept\"\nread = \"here\"\n[[owner.x.rule]]\nid = \"r\"\nall = [{ label = \"a\" }]\n";
    assert!(Owners::read("f", good).is_ok());
    for (text, says) in [
        (
            good.replace("format = 1", "format = 2"),
            "f: the format 2 is unknown",
        ),
        (
            good.replace("read = \"here\"\n", ""),
            "f:4: nothing says where",
        ),
        (good.replace("id =", "ix ="), "f:6: unknown field `ix`"),
        (
            format!("{good}[[example]]\nkindd = \"x\"\n"),
            "f:9: unknown field `kindd`",
        ),
    ] {
        let error = Owners::read("f", &text)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}\nnot {says}");
    }
}
