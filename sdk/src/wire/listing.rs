//! Reads the page of a listing. A large host has a hundred thousand resources, so the documents that plugins
//! usually write are read on a short way. Everything else, every error as well, is left to serde.

use std::borrow::Cow;
use std::sync::Arc;

use super::scan::{Scan, Seen};
use crate::backend::Page;
use crate::identity::Identity;
use crate::labels::Labels;
use crate::owner::{Owner, Unit};
use crate::resource::{Relation, Resource, Usage};
use crate::time::Timestamp;

/// Reads the answer of `list`.
///
/// # Errors
/// What serde says if the document does not fit.
pub fn read_page(body: &[u8]) -> serde_json::Result<Page> {
    let text = std::str::from_utf8(body).ok();
    match text.and_then(|text| Reader::default().page(&mut Scan::new(text))) {
        Some(page) => Ok(page),
        None => serde_json::from_slice(body),
    }
}

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
        let (mut exit_code, mut unit, mut owner) = (None, None, Owner::Unknown);
        let (mut started, mut finished, mut last_activity) = (None, None, None);
        let (mut labels, mut attrs) = (Labels::default(), Labels::default());
        let (mut usage, mut uses) = (Usage::default(), Vec::new());
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
                "uses" => {
                    scan.list(|scan| {
                        uses.push(relation(scan)?);
                        Some(())
                    })?;
                    12
                }
                _ => return None,
            };
            seen.first(field)
        })?;
        Some(Resource {
            identity: identity?,
            name: name?,
            state: state?,
            exit_code,
            started,
            finished,
            last_activity,
            unit,
            owner,
            labels,
            attrs,
            usage,
            uses,
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
            _ => return None,
        };
        *value = scan.optional(Scan::number)?;
        seen.first(field)
    })?;
    Some(usage)
}

fn relation(scan: &mut Scan<'_>) -> Option<Relation> {
    let mut seen = Seen::default();
    let (mut kind, mut native, mut cascade) = (None, None, false);
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
            "cascade" => {
                cascade = scan.boolean()?;
                2
            }
            _ => return None,
        };
        seen.first(field)
    })?;
    Some(Relation {
        kind: kind?,
        native: native?,
        cascade,
    })
}
