//! The label in the JSON of a creation, and in the query of a build or commit.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};
use tbengine_sdk::owner::RUN_ID_LABEL;

use crate::unit::IMAGE_RUN_ID_LABEL;

/// What became of a request's labels.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Labelling<T> {
    /// The request with the label in it.
    Added(T),
    /// The request has the label of this run already.
    Ours,
    /// It has the label of another run, or is not what the daemon could accept. It stays as it is.
    Left,
}

/// The members of a JSON object; their values stay as they were written, large numbers too.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Adds the label to the member `Labels` of a JSON object, which is made if it is missing.
pub(super) fn in_body(body: &[u8], run: &str) -> Labelling<Vec<u8>> {
    // The daemon replaces what is not UTF-8 in the same way.
    let text = String::from_utf8_lossy(body);
    let Ok(mut members) = serde_json::from_str::<Members<'_>>(&text) else {
        return Labelling::Left;
    };
    // The names are not case-sensitive for the daemon.
    let mut written: Vec<String> = members
        .keys()
        .filter(|name| name.eq_ignore_ascii_case("labels"))
        .cloned()
        .collect();
    if written.is_empty() {
        written.push("Labels".to_owned());
    }
    let mut added = Vec::new();
    for name in written {
        let labels = members.get(&name).map_or("null", |labels| labels.get());
        match in_labels(labels, RUN_ID_LABEL, run) {
            Labelling::Added(labels) => added.push((name, labels)),
            left => return left.map(|_| Vec::new()),
        }
    }
    for (name, labels) in &added {
        members.insert(name.clone(), labels);
    }
    serde_json::to_vec(&members).map_or(Labelling::Left, Labelling::Added)
}

/// Adds the label of images to the parameter `labels` of a build, a JSON object; every other parameter
/// stays as it was written.
pub(super) fn in_build(query: &str, run: &str) -> Labelling<String> {
    let mut parameters: Vec<Cow<'_, str>> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(Cow::Borrowed)
        .collect();
    // The daemon reads the first one, and an empty one as none.
    let found = parameters.iter().enumerate().find_map(|(at, parameter)| {
        let (name, value) = form_urlencoded::parse(parameter.as_bytes()).next()?;
        (name == "labels").then(|| (at, value.into_owned()))
    });
    let written = match &found {
        Some((_, value)) if !value.is_empty() => value,
        _ => "null",
    };
    in_labels(written, IMAGE_RUN_ID_LABEL, run).map(|labels| {
        let encoded: String = form_urlencoded::byte_serialize(labels.get().as_bytes()).collect();
        let parameter = Cow::Owned(format!("labels={encoded}"));
        match found {
            Some((at, _)) => parameters[at] = parameter,
            None => parameters.push(parameter),
        }
        parameters.join("&")
    })
}

/// Adds the label of images to the `changes` of a commit, which are lines of a Dockerfile, and empties the one
/// that the image would take over from the container.
pub(super) fn in_commit(query: &str, run: &str) -> Labelling<String> {
    let is_labelled = form_urlencoded::parse(query.as_bytes()).any(|(name, value)| {
        name == "changes"
            && [RUN_ID_LABEL, IMAGE_RUN_ID_LABEL]
                .iter()
                .any(|label| value.contains(label))
    });
    // Anything else would have a meaning in a Dockerfile.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if is_labelled || !run.bytes().all(is_plain) {
        return Labelling::Left;
    }
    let change = format!("LABEL {RUN_ID_LABEL}=\"\" {IMAGE_RUN_ID_LABEL}=\"{run}\"");
    let encoded: String = form_urlencoded::byte_serialize(change.as_bytes()).collect();
    let separator = if query.is_empty() { "" } else { "&" };
    Labelling::Added(format!("{query}{separator}changes={encoded}"))
}

/// Whether these labels are those of something that belongs to the run.
pub(super) fn is_of(labels: &BTreeMap<String, String>, run: &str) -> bool {
    labels.get(RUN_ID_LABEL).is_some_and(|value| value == run)
}

fn in_labels(labels: &str, label: &str, run: &str) -> Labelling<Box<RawValue>> {
    let Ok(labels) = serde_json::from_str::<Option<Members<'_>>>(labels) else {
        return Labelling::Left;
    };
    let mut labels = labels.unwrap_or_default();
    if let Some(present) = labels.get(label) {
        match serde_json::from_str::<String>(present.get()) {
            Ok(empty) if empty.is_empty() => {}
            Ok(other) if other == run => return Labelling::Ours,
            _ => return Labelling::Left,
        }
    }
    let Ok(ours) = to_raw_value(run) else {
        return Labelling::Left;
    };
    labels.insert(label.to_owned(), &ours);
    to_raw_value(&labels).map_or(Labelling::Left, Labelling::Added)
}

impl<T> Labelling<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Labelling<U> {
        match self {
            Labelling::Added(value) => Labelling::Added(change(value)),
            Labelling::Ours => Labelling::Ours,
            Labelling::Left => Labelling::Left,
        }
    }
}

#[cfg(test)]
mod tests;
