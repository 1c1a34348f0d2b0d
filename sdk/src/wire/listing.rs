//! Reads the page of a listing. A large host has a hundred thousand resources, so the documents that plugins
//! usually write are read on a short way. Everything else, every error as well, is left to serde.

use std::borrow::Cow;
use std::sync::Arc;

use super::scan::{Scan, Seen};
use serde_json::value::RawValue;

use crate::backend::Page;
use crate::damage::Unreadable;
use crate::identity::Identity;
use crate::labels::Labels;
use crate::owner::{Owner, Unit};
use crate::relation::{Bond, Relation};
use crate::resource::{Resource, Usage};
use crate::time::Timestamp;

/// Reads the answer of `list`.
///
/// # Errors
/// What serde says if the document does not fit.
pub fn read_page(body: &[u8]) -> serde_json::Result<Page> {
    let text = std::str::from_utf8(body).ok();
    match text.and_then(|text| Reader::default().page(&mut Scan::new(text))) {
        Some(page) => Ok(page),
        None => read_each(body),
    }
}

/// A page, of which each resource is still to be read.
#[derive(serde::Deserialize)]
#[serde(expecting = "struct Page")]
struct RawPage<'a> {
    #[serde(borrow)]
    resources: Vec<&'a RawValue>,
    #[serde(default)]
    unreadable: Vec<Unreadable>,
    #[serde(default)]
    next: Option<String>,
}

/// Reads each resource by itself: one that does not fit costs that one, and is reported.
fn read_each(body: &[u8]) -> serde_json::Result<Page> {
    let raw: RawPage<'_> = serde_json::from_slice(body)?;
    let mut page = Page {
        resources: Vec::with_capacity(raw.resources.len()),
        unreadable: raw.unreadable,
        next: raw.next,
    };
    for (place, resource) in raw.resources.into_iter().enumerate() {
        match serde_json::from_str(resource.get()) {
            Ok(resource) => page.resources.push(resource),
            Err(error) => page.unreadable.push(Unreadable {
                shown: shown(resource, place),
                message: format!("resource {place} of the page does not fit: {error}"),
            }),
        }
    }
    Ok(page)
}

/// What people may know a resource by that cannot be read.
fn shown(resource: &RawValue, place: usize) -> String {
    let loose: serde_json::Value = serde_json::from_str(resource.get()).unwrap_or_default();
    let texts = [&loose["identity"]["native"], &loose["name"]];
    let found = texts.into_iter().find_map(serde_json::Value::as_str);
    let found = found.filter(|text| !text.is_empty());
    found.map_or_else(
        || format!("number {place}"),
        |text| text.chars().take(LONGEST_SHOWN).collect(),
    )
}

/// The longest text that is shown of a resource that cannot be read, in characters.
const LONGEST_SHOWN: usize = 80;

/// A resource is not written with fewer bytes than these.
const SHORTEST: usize = 100;

#[derive(Default)]
struct Reader<'a> {
    /// What most resources have in common, so that they share it.
    backend: Arc<str>,
    account: Arc<str>,
    /// Room for the labels of one resource, used again for the next.
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    packed: String,
}

impl<'a> Reader<'a> {
    fn page(mut self, scan: &mut Scan<'a>) -> Option<Page> {
        let (mut page, mut seen) = (Page::default(), Seen::default());
        scan.document(|scan, key| {
            match key {
                "resources" => {
                    seen.first(0)?;
                    scan.list(|scan| {
                        let begin = scan.at();
                        page.resources.push(self.resource(scan)?);
                        if page.resources.len() == 1 {
                            // The others are about as long.
                            let others = scan.left() / (scan.at() - begin).max(SHORTEST);
                            page.resources.reserve(others);
                        }
                        Some(())
                    })?;
                }
                "next" => {
                    seen.first(1)?;
                    page.next = scan.optional(owned)?;
                }
                _ => return None,
            }
            Some(())
        })?;
        seen.all(0..1)?;
        scan.peek().is_none().then_some(page)
    }

    fn resource(&mut self, scan: &mut Scan<'a>) -> Option<Resource> {
        let mut seen = Seen::default();
        let (mut identity, mut name, mut state) = (None, None, None);
        let (mut names, mut arrived, mut revision) = (Vec::new(), None, None);
        let (mut exit_code, mut unit, mut owner) = (None, None, Owner::Unknown);
        let (mut started, mut finished, mut last_activity) = (None, None, None);
        let (mut labels, mut attrs) = (Labels::default(), Labels::default());
        let (mut usage, mut relations) = (Usage::default(), Vec::new());
        scan.document(|scan, key| {
            let field = match key {
                "identity" => {
                    identity = Some(self.identity(scan)?);
                    0
                }
                "name" => {
                    name = Some(owned(scan)?);
                    1
                }
                "state" => {
                    state = Some(scan.plain()?.parse().ok()?);
                    2
                }
                "exit-code" => {
                    exit_code = scan.optional(Scan::number)?;
                    3
                }
                "started" => {
                    started = scan.optional(time)?;
                    4
                }
                "finished" => {
                    finished = scan.optional(time)?;
                    5
                }
                "last-activity" => {
                    last_activity = scan.optional(time)?;
                    6
                }
                "unit" => {
                    unit = scan.optional(owned)?.map(Unit);
                    7
                }
                "owner" => {
                    owner = read_owner(scan)?;
                    8
                }
                "labels" => {
                    labels = self.labels(scan)?;
                    9
                }
                "attrs" => {
                    attrs = self.labels(scan)?;
                    10
                }
                "usage" => {
                    usage = read_usage(scan)?;
                    11
                }
                "relations" => {
                    scan.list(|scan| {
                        relations.push(relation(scan)?);
                        Some(())
                    })?;
                    12
                }
                "names" => {
                    scan.list(|scan| {
                        names.push(owned(scan)?);
                        Some(())
                    })?;
                    13
                }
                "arrived" => {
                    arrived = scan.optional(time)?;
                    14
                }
                "revision" => {
                    revision = scan.optional(owned)?.map(Arc::from);
                    15
                }
                // What is damaged or was given up is rare, and left to serde with the whole page.
                _ => return None,
            };
            seen.first(field)
        })?;
        Some(Resource {
            identity: identity?,
            name: name?,
            names,
            state: state?,
            damaged: None,
            surrendered: false,
            arrived,
            exit_code,
            started,
            finished,
            last_activity,
            unit,
            owner,
            labels,
            attrs,
            usage,
            revision,
            relations,
        })
    }

    fn identity(&mut self, scan: &mut Scan<'a>) -> Option<Identity> {
        let mut seen = Seen::default();
        let (mut kind, mut native, mut created) = (None, None, None);
        scan.document(|scan, key| {
            let field = match key {
                "backend" => {
                    share(&mut self.backend, &scan.text()?);
                    0
                }
                "account" => {
                    share(&mut self.account, &scan.text()?);
                    1
                }
                "kind" => {
                    kind = Some(scan.plain()?.parse().ok()?);
                    2
                }
                "native" => {
                    native = Some(owned(scan)?);
                    3
                }
                "created" => {
                    created = scan.optional(time)?;
                    4
                }
                _ => return None,
            };
            seen.first(field)
        })?;
        seen.all(0..2)?;
        Some(Identity {
            backend: self.backend.clone(),
            account: self.account.clone(),
            kind: kind?,
            native: native?,
            created,
        })
    }

    fn labels(&mut self, scan: &mut Scan<'a>) -> Option<Labels> {
        self.pairs.clear();
        scan.table(Scan::text, |scan, key| {
            self.pairs.push((key, scan.text()?));
            Some(())
        })?;
        Some(Labels::pack(&mut self.pairs, &mut self.packed))
    }
}

/// Lets `last` be this text; most often it is already.
fn share(last: &mut Arc<str>, text: &str) {
    if **last != *text {
        *last = text.into();
    }
}

fn owned(scan: &mut Scan<'_>) -> Option<String> {
    scan.text().map(Cow::into_owned)
}

fn time(scan: &mut Scan<'_>) -> Option<Timestamp> {
    scan.plain()?.parse().ok()
}

fn read_owner(scan: &mut Scan<'_>) -> Option<Owner> {
    let (mut is, mut name) = (None, None);
    scan.document(|scan, key| {
        let value = match key {
            "is" => &mut is,
            "name" => &mut name,
            _ => return None,
        };
        value.replace(scan.text()?).is_none().then_some(())
    })?;
    match (&*is?, name) {
        ("unknown", None) => Some(Owner::Unknown),
        ("run", Some(name)) => Some(Owner::Run(name.into_owned())),
        ("benchmark", Some(name)) => Some(Owner::Benchmark(name.into_owned())),
        ("other", Some(name)) => Some(Owner::Other(name.into_owned())),
        ("kept", Some(name)) => Some(Owner::Kept(name.into_owned())),
        _ => None,
    }
}

fn read_usage(scan: &mut Scan<'_>) -> Option<Usage> {
    let (mut usage, mut seen) = (Usage::default(), Seen::default());
    scan.document(|scan, key| {
        let (field, value) = match key {
            "cpu-millis" => (0, &mut usage.cpu_millis),
            "memory-bytes" => (1, &mut usage.memory_bytes),
            "disk-bytes" => (2, &mut usage.disk_bytes),
            "reclaimable-bytes" => (3, &mut usage.reclaimable_bytes),
            "micros-per-hour" => (4, &mut usage.micros_per_hour),
            _ => return None,
        };
        *value = scan.optional(Scan::number)?;
        seen.first(field)
    })?;
    Some(usage)
}

fn relation(scan: &mut Scan<'_>) -> Option<Relation> {
    let mut seen = Seen::default();
    let (mut kind, mut native, mut bond) = (None, None, Bond::Uses);
    scan.document(|scan, key| {
        let field = match key {
            "kind" => {
                kind = Some(scan.plain()?.parse().ok()?);
                0
            }
            "native" => {
                native = Some(owned(scan)?);
                1
            }
            "bond" => {
                bond = match scan.plain()? {
                    "uses" => Bond::Uses,
                    "owns" => Bond::Owns,
                    "leads" => Bond::Leads,
                    _ => return None,
                };
                2
            }
            _ => return None,
        };
        seen.first(field)
    })?;
    Some(Relation {
        kind: kind?,
        native: native?,
        bond,
    })
}
