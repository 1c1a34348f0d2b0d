//! The JSON schema of the documents, from their types (feature `schema`).

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{
    Acts, Aim, AnswerLine, CallLine, Descriptor, Detach, Disks, Empty, Failure, Found, Hello,
    NewLabels, NoOptions, Open, Opened, Read, Rights, Samples, Targets,
};
use crate::backend::{Account, DeleteOptions, ListRequest, Page, StopOptions};
use crate::powers::{
    AttachRequest, Attached, Changes, FindRequest, ObserveRequest, Observed, WatchRequest,
};
use crate::taken::Taken;

/// What became of a change; an empty document is `accepted`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum TakenOrEmpty {
    Taken(Taken),
    Empty(Nothing),
}

/// A document without `is`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Nothing {
    is: Option<()>,
}

/// The schema of every document of the protocol: under `$defs` by name, and under `x-methods` the request and the
/// answer of each method.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut methods = Map::new();
    let mut names = Map::new();
    macro_rules! methods {
        ($($method:literal: $request:ty => $answer:ty,)*) => {
            $(
                let request = reference::<$request>(&mut generator);
                let answer = reference::<$answer>(&mut generator);
                methods.insert($method.into(), json!({ "request": request, "answer": answer }));
            )*
        };
    }
    macro_rules! names {
        ($($name:literal: $document:ty,)*) => {
            $(names.insert($name.into(), reference::<$document>(&mut generator));)*
        };
    }
    methods! {
        "hello": Hello => Descriptor,
        "open": Open => Opened,
        "check": Empty => Account,
        "list": ListRequest => Page,
        "get": Aim<NoOptions> => Read,
        "stop": Aim<StopOptions> => TakenOrEmpty,
        "delete": Aim<DeleteOptions> => TakenOrEmpty,
        "archive": Aim<NoOptions> => TakenOrEmpty,
        "rights": Acts => Rights,
        "disks": Empty => Disks,
        "watch": WatchRequest => Changes,
        "sample": Targets => Samples,
        "find": FindRequest => Found,
        "relabel": Aim<NewLabels> => Empty,
        "attach": AttachRequest => Attached,
        "observed": ObserveRequest => Observed,
        "detach": Detach => Empty,
    }
    names! {
        "GetRequest": Aim<NoOptions>,
        "StopRequest": Aim<StopOptions>,
        "DeleteRequest": Aim<DeleteOptions>,
        "ArchiveRequest": Aim<NoOptions>,
        "RelabelRequest": Aim<NewLabels>,
        "Taken": Taken,
        "Failure": Failure,
        "CallLine": CallLine,
        "AnswerLine": AnswerLine,
    }
    let mut definitions = generator.take_definitions(true);
    for (name, document) in names {
        definitions.entry(name).or_insert(document);
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Protocol of tbengine's plugins, version 2",
        "$defs": definitions,
        "x-methods": methods,
    });
    without_links(&mut schema);
    schema
}

/// Takes links to Rust items out of descriptions, for readers in other languages.
fn without_links(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_links),
        Value::Object(keys) => {
            if let Some(Value::String(text)) = keys.get_mut("description") {
                *text = plain(text);
            }
            keys.values_mut().for_each(without_links);
        }
        _ => {}
    }
}

/// A text whose `[words](target)` are just the words.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        let parts = link
            .split_once("](")
            .and_then(|(words, target)| Some((words, target.split_once(')')?.1)));
        match parts {
            Some((words, after)) if !words.contains(['[', ']']) => {
                plain.push_str(words);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain + rest
}

/// What must be there and may be null.
pub(super) fn nullable<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Option<T>>()
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
