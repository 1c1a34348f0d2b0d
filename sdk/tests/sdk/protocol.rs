//! The examples of the protocol's text are what this crate reads and writes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tbengine_sdk::wire::{
    Acts, Aim, AnswerLine, CallLine, Descriptor, Detach, Disks, Failure, Found, HostLine,
    NewLabels, NoOptions, Open, Opened, Read, Rights, Samples, Targets,
};
use tbengine_sdk::{
    Account, AttachRequest, Attached, Changes, DeleteOptions, ErrorKind, FindRequest, ListRequest,
    ObserveRequest, Observed, Page, StopOptions, Taken, WatchRequest, abi,
};

const TEXT: &str = include_str!("../../protocol/v2.md");

/// The name and the text of each example.
fn examples() -> Vec<(&'static str, &'static str)> {
    TEXT.split("```json ")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once('\n').expect("a name ends its line");
            let (json, _) = rest.split_once("```").expect("an example ends");
            (name.trim(), json)
        })
        .collect()
}

/// Asserts that a document is read, and that nothing of it gets lost on the way.
fn read<T: DeserializeOwned + Serialize>(name: &str, json: &str) {
    let written: Value = serde_json::from_str(json).expect("an example is JSON");
    let document: T =
        serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = serde_json::to_value(document).expect("it can be written");
    assert!(
        holds(&again, &written),
        "{name}: {again} lacks something of {written}"
    );
}

/// Whether everything of `part` is in `whole`; null and what is not there are the same.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part.iter().all(|(key, value)| {
            let default = matches!(value, Value::Null | Value::Bool(false));
            whole.get(key).map_or(default, |inner| holds(inner, value))
        }),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| holds(a, b))
        }
        (whole, part) => whole == part,
    }
}

#[test]
fn every_example_is_read_and_written_alike() {
    let mut seen = BTreeSet::new();
    for (name, json) in examples() {
        seen.insert(name);
        match name {
            "Descriptor" => read::<Descriptor>(name, json),
            "Open" => read::<Open>(name, json),
            "Opened" => read::<Opened>(name, json),
            "Account" => read::<Account>(name, json),
            "ListRequest" => read::<ListRequest>(name, json),
            "Page" => read::<Page>(name, json),
            "GetRequest" | "ArchiveRequest" => read::<Aim<NoOptions>>(name, json),
            "Read" => read::<Read>(name, json),
            "Taken" => read::<Taken>(name, json),
            "StopRequest" => read::<Aim<StopOptions>>(name, json),
            "DeleteRequest" => read::<Aim<DeleteOptions>>(name, json),
            "Acts" => read::<Acts>(name, json),
            "Rights" => read::<Rights>(name, json),
            "Disks" => read::<Disks>(name, json),
            "WatchRequest" => read::<WatchRequest>(name, json),
            "Changes" => read::<Changes>(name, json),
            "Targets" => read::<Targets>(name, json),
            "Samples" => read::<Samples>(name, json),
            "FindRequest" => read::<FindRequest>(name, json),
            "Found" => read::<Found>(name, json),
            "RelabelRequest" => read::<Aim<NewLabels>>(name, json),
            "AttachRequest" => read::<AttachRequest>(name, json),
            "Attached" => read::<Attached>(name, json),
            "ObserveRequest" => read::<ObserveRequest>(name, json),
            "Observed" => read::<Observed>(name, json),
            "Detach" => read::<Detach>(name, json),
            "Failure" => read::<Failure>(name, json),
            "CallLine" => read::<CallLine>(name, json),
            "AnswerLine" => read::<AnswerLine>(name, json),
            "CancelLine" => read::<HostLine>(name, json),
            #[cfg(feature = "testkit")]
            "Wanted" => read::<tbengine_sdk::testkit::Wanted>(name, json),
            #[cfg(feature = "testkit")]
            "Made" => read::<tbengine_sdk::testkit::wire::MadeDocument>(name, json),
            #[cfg(feature = "testkit")]
            "Through" => read::<tbengine_sdk::testkit::wire::Through>(name, json),
            #[cfg(not(feature = "testkit"))]
            "Wanted" | "Made" | "Through" => {}
            other => panic!("no test knows the example {other}"),
        }
    }
    assert_eq!(seen.len(), 34, "an example has gone: {seen:?}");
}

/// Parts of other documents have no name of their own in the schema.
#[cfg(feature = "testkit")]
#[test]
fn every_example_fits_the_schema() {
    use tbengine_sdk::testkit::schema::{SCHEMA, check_document};

    let schema: Value = serde_json::from_str(SCHEMA).expect("it is JSON");
    let mut checked = 0;
    for (name, json) in examples() {
        if schema["$defs"].get(name).is_some() {
            let document = serde_json::from_str(json).expect("an example is JSON");
            if let Err(violation) = check_document(name, &document) {
                panic!("{name}: {violation}");
            }
            checked += 1;
        }
    }
    // All but those of the conformance kit, and the line that cancels.
    assert_eq!(checked, examples().len() - 4);
}

#[test]
fn the_table_of_errors_is_complete_and_has_the_numbers_of_the_header() {
    let rows: Vec<(&str, u32)> = TEXT
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let word = cells.next()?.trim().trim_matches('`');
            Some((word, cells.next()?.trim().parse().ok()?))
        })
        .collect();
    assert_eq!(rows.first(), Some(&("ok", abi::OK)));
    assert_eq!(rows.last(), Some(&("cancelled", abi::CANCELLED)));
    assert_eq!(rows.len(), 15);
    for (word, number) in &rows[1..14] {
        let kind: ErrorKind = serde_json::from_value((*word).into()).expect("a kind of error");
        assert_eq!(abi::status_of(kind), *number, "{word}");
    }
}

#[test]
fn the_numbers_of_the_header_are_those_of_this_crate() {
    let header = include_str!("../../include/tbengine_plugin.h");
    let mut found = 0;
    for line in header.lines() {
        let Some((name, rest)) = line
            .trim()
            .strip_prefix("TBE_")
            .and_then(|line| line.split_once(" = "))
        else {
            continue;
        };
        let number: u32 = rest
            .chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .expect("a number");
        let word = name.to_lowercase().replace('_', "-");
        found += 1;
        match word.as_str() {
            "ok" => assert_eq!(number, abi::OK),
            "cancelled" => assert_eq!(number, abi::CANCELLED),
            word => {
                let kind: ErrorKind = serde_json::from_value(word.into()).expect("a kind of error");
                assert_eq!(abi::status_of(kind), number, "{word}");
            }
        }
    }
    assert_eq!(found, 15);
}
