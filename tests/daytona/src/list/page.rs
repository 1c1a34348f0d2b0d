//! One page with a cursor, as the service's SQL selects it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use tbengine_sdk::Timestamp;

use crate::cloud::Cloud;
use crate::consistency::{Appearance, appearance};
use crate::list::cursor::Cursor;
use crate::list::query::{Filter, Query, Sort};
use crate::sandbox::{Id, Sandbox};

/// One page of sandboxes.
pub(crate) struct Page<'a> {
    pub(crate) rows: Vec<Cow<'a, Sandbox>>,
    pub(crate) next: Option<String>,
}

impl Cloud {
    /// The page that a query asks for.
    pub(crate) fn list(&self, organization: usize, query: &Query, now: Timestamp) -> Page<'_> {
        let wanted = query.limit + 1;
        let mut rows: Vec<_> = match query.sort {
            Sort::CreatedAt | Sort::LastActivityAt => self
                .by_time(organization, query)
                .filter_map(|id| self.appears(id, &query.filter, now))
                .take(wanted)
                .collect(),
            _ => {
                let mut all = self.sorted(organization, query, now);
                all.retain(|row| is_after(row, query));
                all.truncate(wanted);
                all
            }
        };
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor::after(row, query.sort).encode());
        Page { rows, next }
    }

    /// Everything that a query is about, in order, whatever the page.
    pub(crate) fn sorted(
        &self,
        organization: usize,
        query: &Query,
        now: Timestamp,
    ) -> Vec<Cow<'_, Sandbox>> {
        let Some(index) = self.store.index(organization) else {
            return Vec::new();
        };
        let ids = index.created.iter().map(|(_, id)| id);
        let rows = ids.filter_map(|id| self.appears(id, &query.filter, now));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|a, b| compare(a, b, query.sort, query.descending));
        rows
    }

    /// How the listing shows this sandbox to this filter, if at all.
    fn appears(&self, id: &Id, filter: &Filter, now: Timestamp) -> Option<Cow<'_, Sandbox>> {
        let row = self.store.get(id)?;
        let row = match appearance(row, now) {
            Appearance::Truth => row,
            Appearance::As(old) => old,
            Appearance::Absent => return None,
        };
        filter.admits(row).then_some(Cow::Borrowed(row))
    }

    /// The ids after the cursor by one of the indices. Rows without a time come last, and only where
    /// there is no cursor: comparing with nothing is never true.
    fn by_time<'a>(
        &'a self,
        organization: usize,
        query: &Query,
    ) -> Box<dyn Iterator<Item = &'a Id> + 'a> {
        let Some(index) = self.store.index(organization) else {
            return Box::new(std::iter::empty());
        };
        let tree = match query.sort {
            Sort::CreatedAt => &index.created,
            _ => &index.active,
        };
        let start = match &query.cursor {
            None => None,
            Some(cursor) => match cursor.time_key() {
                Some(key) => Some((key, Id::from(cursor.id.as_str()))),
                None => return Box::new(std::iter::empty()),
            },
        };
        let first_page = start.is_none();
        let timed = walk(tree, start, query.descending);
        if query.sort == Sort::CreatedAt || !first_page {
            return timed;
        }
        if query.descending {
            Box::new(timed.chain(index.never_active.iter().rev()))
        } else {
            Box::new(timed.chain(index.never_active.iter()))
        }
    }
}

fn walk(
    tree: &BTreeSet<(i64, Id)>,
    start: Option<(i64, Id)>,
    descending: bool,
) -> Box<dyn Iterator<Item = &Id> + '_> {
    let start = start.map_or(Bound::Unbounded, Bound::Excluded);
    if descending {
        let range = tree.range((Bound::Unbounded, start));
        Box::new(range.rev().map(|(_, id)| id))
    } else {
        Box::new(tree.range((start, Bound::Unbounded)).map(|(_, id)| id))
    }
}

fn compare(a: &Sandbox, b: &Sandbox, sort: Sort, descending: bool) -> Ordering {
    let by = match sort {
        Sort::Name => a.name.cmp(&b.name),
        Sort::Cpu => a.cpu.cmp(&b.cpu),
        Sort::Memory => a.memory.cmp(&b.memory),
        Sort::Disk => a.disk.cmp(&b.disk),
        Sort::LastActivityAt => a.last_activity_at.cmp(&b.last_activity_at),
        Sort::CreatedAt => a.created_key().cmp(&b.created_key()),
        Sort::Id => Ordering::Equal,
        Sort::State => a.state.name().cmp(b.state.name()),
        Sort::Snapshot => a.snapshot.cmp(&b.snapshot),
        Sort::Region => a.target.cmp(&b.target),
        Sort::UpdatedAt => a.updated_at.cmp(&b.updated_at),
    };
    let by = by.then_with(|| a.id.cmp(&b.id));
    if descending { by.reverse() } else { by }
}

/// Whether a row comes after the cursor, for the keys that have no index.
fn is_after(row: &Sandbox, query: &Query) -> bool {
    let Some(cursor) = &query.cursor else {
        return true;
    };
    let number = |value: u32| {
        let at = cursor.sort_value.as_f64()?;
        f64::from(value).partial_cmp(&at)
    };
    let by = match query.sort {
        Sort::Name => cursor
            .sort_value
            .as_str()
            .map(|at| row.name.as_str().cmp(at)),
        Sort::Cpu => number(row.cpu),
        Sort::Memory => number(row.memory),
        _ => number(row.disk),
    };
    let Some(by) = by else { return false };
    let by = by.then_with(|| row.id.as_ref().cmp(cursor.id.as_str()));
    if query.descending {
        by.is_lt()
    } else {
        by.is_gt()
    }
}
