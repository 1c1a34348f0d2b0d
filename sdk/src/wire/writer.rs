//! Writes the page of a listing, byte for byte as serde would and several times as fast.

use super::scan::plain_until;
use crate::backend::Page;
use crate::identity::Identity;
use crate::labels::Labels;
use crate::owner::{Owner, Unit};
use crate::relation::{Bond, Relation};
use crate::resource::{Resource, Usage};
use crate::time::Timestamp;

/// Writes the answer of `list`.
pub fn write_page(page: &Page) -> Vec<u8> {
    // Taken apart without `..`, here and below, so that a new field cannot be forgotten.
    let Page {
        resources,
        unreadable,
        next,
    } = page;
    let mut out = Writer(b"{\"resources\":[".to_vec());
    for (place, resource) in resources.iter().enumerate() {
        let begin = out.0.len();
        out.resource(resource);
        out.raw(",");
        if place == 0 {
            // The others are about as long.
            out.0.reserve((out.0.len() - begin) * resources.len());
        }
    }
    out.last();
    out.raw("]");
    if !unreadable.is_empty() {
        out.raw(",\"unreadable\":");
        out.document(unreadable);
    }
    out.raw(",\"next\":");
    match next {
        Some(next) => out.text(next),
        None => out.raw("null"),
    }
    out.raw("}");
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Takes the comma behind the last of several away.
    fn last(&mut self) {
        if self.0.last() == Some(&b',') {
            self.0.pop();
        }
    }

    fn text(&mut self, text: &str) {
        if plain_until(text.as_bytes(), 0) == text.len() {
            self.raw("\"");
            self.raw(text);
            self.raw("\"");
        } else {
            // Writing to memory cannot fail.
            serde_json::to_writer(&mut self.0, text).ok();
        }
    }

    fn document(&mut self, document: impl serde::Serialize) {
        serde_json::to_writer(&mut self.0, &document).ok();
    }

    fn time(&mut self, key: &str, time: &Option<Timestamp>) {
        if let Some(time) = time {
            self.raw(key);
            self.raw("\"");
            time.with_text(|text| self.raw(text));
            self.raw("\"");
        }
    }

    fn resource(&mut self, resource: &Resource) {
        let Resource {
            identity,
            name,
            names,
            state,
            damaged,
            surrendered,
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
        } = resource;
        self.raw("{\"identity\":");
        self.identity(identity);
        self.raw(",\"name\":");
        self.text(name);
        if !names.is_empty() {
            self.raw(",\"names\":");
            self.document(names);
        }
        self.raw(",\"state\":\"");
        self.raw(state.word());
        self.raw("\"");
        if let Some(damaged) = damaged {
            self.raw(",\"damaged\":");
            self.document(damaged);
        }
        if *surrendered {
            self.raw(",\"surrendered\":true");
        }
        self.time(",\"arrived\":", arrived);
        if let Some(exit_code) = exit_code {
            self.raw(",\"exit-code\":");
            self.document(exit_code);
        }
        self.time(",\"started\":", started);
        self.time(",\"finished\":", finished);
        self.time(",\"last-activity\":", last_activity);
        if let Some(Unit(unit)) = unit {
            self.raw(",\"unit\":");
            self.text(unit);
        }
        self.raw(",\"owner\":");
        self.owner(owner);
        self.labels(",\"labels\":", labels);
        self.labels(",\"attrs\":", attrs);
        self.raw(",\"usage\":");
        self.usage(*usage);
        if let Some(revision) = revision {
            self.raw(",\"revision\":");
            self.text(revision);
        }
        if !relations.is_empty() {
            self.raw(",\"relations\":[");
            for relation in relations {
                self.relation(relation);
            }
            self.last();
            self.raw("]");
        }
        self.raw("}");
    }

    fn identity(&mut self, identity: &Identity) {
        let Identity {
            backend,
            account,
            kind,
            native,
            created,
        } = identity;
        self.raw("{\"backend\":");
        self.text(backend);
        self.raw(",\"account\":");
        self.text(account);
        self.raw(",\"kind\":\"");
        self.raw(kind.word());
        self.raw("\",\"native\":");
        self.text(native);
        self.time(",\"created\":", created);
        self.raw("}");
    }

    fn owner(&mut self, owner: &Owner) {
        let (is, name) = match owner {
            Owner::Run(id) => ("run", id),
            Owner::Benchmark(name) => ("benchmark", name),
            Owner::Other(name) => ("other", name),
            Owner::Kept(name) => ("kept", name),
            Owner::Unknown => return self.raw("{\"is\":\"unknown\"}"),
        };
        self.raw("{\"is\":\"");
        self.raw(is);
        self.raw("\",\"name\":");
        self.text(name);
        self.raw("}");
    }

    fn labels(&mut self, key: &str, labels: &Labels) {
        if labels.is_empty() {
            return;
        }
        self.raw(key);
        self.raw("{");
        for (key, value) in labels.iter() {
            self.text(key);
            self.raw(":");
            self.text(value);
            self.raw(",");
        }
        self.last();
        self.raw("}");
    }

    fn usage(&mut self, usage: Usage) {
        let Usage {
            cpu_millis,
            memory_bytes,
            disk_bytes,
            reclaimable_bytes,
            micros_per_hour,
        } = usage;
        self.raw("{");
        for (key, value) in [
            ("\"cpu-millis\":", cpu_millis),
            ("\"memory-bytes\":", memory_bytes),
            ("\"disk-bytes\":", disk_bytes),
            ("\"reclaimable-bytes\":", reclaimable_bytes),
            ("\"micros-per-hour\":", micros_per_hour),
        ] {
            if let Some(value) = value {
                self.raw(key);
                self.document(value);
                self.raw(",");
            }
        }
        self.last();
        self.raw("}");
    }

    fn relation(&mut self, relation: &Relation) {
        let Relation { kind, native, bond } = relation;
        self.raw("{\"kind\":\"");
        self.raw(kind.word());
        self.raw("\",\"native\":");
        self.text(native);
        if *bond != Bond::Uses {
            self.raw(",\"bond\":\"");
            self.raw(bond.word());
            self.raw("\"");
        }
        self.raw("},");
    }
}
