//! One page by number: what is deleted in between shifts the rows, and some are never seen.

use serde::Serialize;

/// One page by number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OffsetPage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total: usize,
    pub(crate) page: usize,
    pub(crate) total_pages: usize,
}

/// The page of this number; the first is 1.
pub(crate) fn page_of<'r, R, T>(
    rows: &'r [R],
    page: usize,
    limit: usize,
    view: impl Fn(&'r R) -> T,
) -> OffsetPage<T> {
    let from = limit.saturating_mul(page - 1);
    OffsetPage {
        items: rows.iter().skip(from).take(limit).map(view).collect(),
        total: rows.len(),
        page,
        total_pages: rows.len().div_ceil(limit),
    }
}
