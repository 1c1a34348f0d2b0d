use serde_json::{Value, json};

use super::*;

fn body(text: &str) -> Labelling<Value> {
    in_body(text.as_bytes(), "r1").map(|edited| serde_json::from_slice(&edited).unwrap())
}

fn query(text: &str) -> Labelling<String> {
    in_build(text, "r1")
}

#[test]
fn labels_are_made_where_there_are_none() {
    let expected = Labelling::Added(json!({ "Image": "x", "Labels": { "tbengine.run-id": "r1" } }));
    for text in [
        r#"{"Image":"x"}"#,
        r#"{"Image":"x","Labels":null}"#,
        " {\"Labels\" : {} , \"Image\":\"x\"}\n",
        r#"{"Image":"x","Labels":{"tbengine.run-id":""}}"#,
    ] {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn what_the_caller_wrote_stays() {
    let text = r#"{"Labels":{"a":"b"},"Memory":9223372036854775807,"Big":123456789012345678901234567890,"Cpus":1.10,"Odd":"\udcff","Nested":{"Labels":null}}"#;
    let Labelling::Added(edited) = in_body(text.as_bytes(), "r1") else {
        panic!("not labelled");
    };
    let edited = String::from_utf8(edited).unwrap();
    for kept in [
        r#""Memory":9223372036854775807"#,
        r#""Big":123456789012345678901234567890"#,
        r#""Cpus":1.10"#,
        r#""Odd":"\udcff""#,
        r#""Nested":{"Labels":null}"#,
        r#""Labels":{"a":"b","tbengine.run-id":"r1"}"#,
    ] {
        assert!(edited.contains(kept), "{kept} in {edited}");
    }
}

#[test]
fn names_are_found_in_any_case_and_text_that_is_not_utf8_is_no_obstacle() {
    assert_eq!(
        body(r#"{"labels":{"a":"b"}}"#),
        Labelling::Added(json!({ "labels": { "a": "b", "tbengine.run-id": "r1" } }))
    );
    let latin = b"{\"Env\":[\"X=\xe9\"]}";
    let Labelling::Added(edited) = in_body(latin, "r1") else {
        panic!("not labelled");
    };
    let edited: Value = serde_json::from_slice(&edited).unwrap();
    assert_eq!(edited["Env"], json!(["X=\u{fffd}"]));
    assert_eq!(edited["Labels"], json!({ "tbengine.run-id": "r1" }));
}

#[test]
fn the_innermost_run_wins() {
    assert_eq!(
        body(r#"{"Labels":{"tbengine.run-id":"r2"}}"#),
        Labelling::Left
    );
    assert_eq!(
        body(r#"{"Labels":{"tbengine.run-id":"r1"}}"#),
        Labelling::Ours
    );
    assert_eq!(
        query("labels=%7B%22tbengine.image-run-id%22%3A%22r2%22%7D&t=x"),
        Labelling::Left
    );
}

#[test]
fn what_the_daemon_will_refuse_is_left_to_it() {
    for text in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{} {}",
        r#"{"Labels":[]}"#,
        r#"{"Labels":"a=b"}"#,
        r#"{"Labels":{"tbengine.run-id":5}}"#,
    ] {
        assert_eq!(body(text), Labelling::Left, "{text}");
    }
    for text in ["labels=x", "labels=%5B%5D&t=y"] {
        assert_eq!(query(text), Labelling::Left, "{text}");
    }
}

#[test]
fn the_query_of_a_build_gets_the_label() {
    let ours = "labels=%7B%22tbengine.image-run-id%22%3A%22r1%22%7D";
    for (before, after) in [
        ("", ours.to_owned()),
        ("t=a%2Fb&rm=1", format!("t=a%2Fb&rm=1&{ours}")),
        ("labels=&t=x", format!("{ours}&t=x")),
        ("labels=null", ours.to_owned()),
        ("t=x&labels=%7B%7D&q", format!("t=x&{ours}&q")),
    ] {
        assert_eq!(query(before), Labelling::Added(after), "{before}");
    }
    assert_eq!(
        query("labels=%7B%22a%22%3A%22b+c%22%7D"),
        Labelling::Added(
            "labels=%7B%22a%22%3A%22b+c%22%2C%22tbengine.image-run-id%22%3A%22r1%22%7D".to_owned()
        )
    );
}

#[test]
fn the_changes_of_a_commit_get_the_label() {
    let ours = "changes=LABEL+tbengine.run-id%3D%22%22+tbengine.image-run-id%3D%22r1%22";
    for (before, after) in [
        ("", ours.to_owned()),
        (
            "container=x&changes=CMD+true",
            format!("container=x&changes=CMD+true&{ours}"),
        ),
    ] {
        assert_eq!(in_commit(before, "r1"), Labelling::Added(after), "{before}");
    }
    for labelled in [
        "changes=LABEL+tbengine.run-id%3Dr2",
        "container=x&changes=LABEL+tbengine.image-run-id%3Dr2",
    ] {
        assert_eq!(in_commit(labelled, "r1"), Labelling::Left, "{labelled}");
    }
    for run in ["$HOME", "a b", "a\"b", "a\nb"] {
        assert_eq!(in_commit("container=x", run), Labelling::Left, "{run}");
    }
}
