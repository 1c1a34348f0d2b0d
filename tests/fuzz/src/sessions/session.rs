//! What a provider answers to each request.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, where there is one.
    pub status: u16,
    /// The document.
    pub body: Value,
    /// Where the items of a listing are in it, as a JSON pointer; `None` for an answer about one thing, or about none.
    pub items: Option<&'static str>,
    /// The kind and id of the one resource that it is about.
    pub about: Option<(&'static str, String)>,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What was to be done, like `DELETE`.
    pub method: String,
    /// The word of the kind.
    pub kind: String,
    /// The id.
    pub native: String,
}

/// What a provider has, as it answers.
#[derive(Clone, Debug)]
pub struct Session {
    /// By path, without version and query.
    pub answers: BTreeMap<String, Answer>,
    /// The kind of what a listing lists and the field of its id, by path.
    pub listings: BTreeMap<String, (&'static str, &'static str)>,
}

impl Session {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            answers: BTreeMap::new(),
            listings: BTreeMap::new(),
        }
    }

    /// Answers a path with a document about nothing in particular.
    pub fn answer(&mut self, path: &str, body: Value) {
        self.answers.insert(
            path.to_owned(),
            Answer {
                status: 200,
                body,
                items: None,
                about: None,
            },
        );
    }

    /// Answers a path with a listing.
    pub fn list(
        &mut self,
        path: &str,
        kind: &'static str,
        id: &'static str,
        items: &'static str,
        body: Value,
    ) {
        self.answer(path, body);
        if let Some(answer) = self.answers.get_mut(path) {
            answer.items = Some(items);
        }
        self.listings.insert(path.to_owned(), (kind, id));
    }

    /// Answers a path with one resource.
    pub fn show(&mut self, path: String, kind: &'static str, native: &str, body: Value) {
        self.answer(&path, body);
        if let Some(answer) = self.answers.get_mut(&path) {
            answer.about = Some((kind, native.to_owned()));
        }
    }

    /// The kind and id of the resource that a place of an answer is about.
    pub fn subject(&self, path: &str, place: &str) -> Option<(&'static str, String)> {
        let answer = self.answers.get(path)?;
        if answer.about.is_some() {
            return answer.about.clone();
        }
        let (kind, id) = self.listings.get(path)?;
        let rest = place.strip_prefix(answer.items?)?.strip_prefix('/')?;
        let index: usize = rest.split('/').next()?.parse().ok()?;
        let item = answer.body.pointer(answer.items?)?.get(index)?;
        Some((kind, item.get(*id)?.as_str()?.to_owned()))
    }

    /// A listing without what is gone.
    pub fn without(&self, path: &str, gone: &BTreeSet<(String, String)>) -> Option<Answer> {
        let mut answer = self.answers.get(path)?.clone();
        let is_gone = |kind: &str, native: &str| gone.contains(&(kind.into(), native.into()));
        if let Some((kind, native)) = &answer.about
            && is_gone(kind, native)
        {
            return None;
        }
        if let (Some((kind, id)), Some(place)) = (self.listings.get(path), answer.items)
            && let Some(Value::Array(items)) = answer.body.pointer_mut(place)
        {
            items.retain(|item| {
                let native = item.get(*id).and_then(Value::as_str);
                !native.is_some_and(|native| is_gone(kind, native))
            });
        }
        Some(answer)
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}
