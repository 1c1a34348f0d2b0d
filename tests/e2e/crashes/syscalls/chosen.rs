//! Which calls count, and which of them are tried.

use tbengine_harness::Injected;

use crate::crashes::point::Point;

/// The calls that change files or make them durable. What is opened counts where it may be made by that.
pub(super) const CALLS: [&str; 14] = [
    "pwrite64",
    "write",
    "writev",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "openat",
];

/// What may happen at each point.
const FAULTS: [Injected; 3] = [
    Injected::Kill,
    Injected::Error("EIO"),
    Injected::Error("ENOSPC"),
];

/// A few of these, evenly spread, and the same each time: half of them writes to databases, of which there are many,
/// and half of all other calls. What happens at each goes round.
pub(super) fn sample(points: &[Point], size: usize) -> Vec<(Point, Injected)> {
    let (many, few): (Vec<_>, Vec<_>) = points.iter().partition(|point| point.call == "pwrite64");
    let few_size = match many.is_empty() {
        true => size,
        false => size.div_ceil(2).min(few.len()),
    };
    let spread = |points: &[&Point], size: usize| -> Vec<Point> {
        let size = size.min(points.len());
        // The middle of each part.
        let place = |part: usize| (2 * part + 1) * points.len() / (2 * size);
        (0..size).map(|part| points[place(part)].clone()).collect()
    };
    let faults = || FAULTS.into_iter().cycle();
    // Rows are written last, where a kill shows more than an error does.
    let many = spread(&many, size - few_size)
        .into_iter()
        .zip(faults().skip(1));
    let few = spread(&few, few_size).into_iter().zip(faults());
    many.chain(few).collect()
}

/// Everything that can happen.
pub(super) fn every(points: &[Point]) -> Vec<(Point, Injected)> {
    let each = points.iter();
    each.flat_map(|point| FAULTS.map(|fault| (point.clone(), fault)))
        .collect()
}
