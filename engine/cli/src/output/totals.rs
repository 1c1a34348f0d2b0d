//! What resources take up together.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tbengine_engine::plan::{ActionKind, Step};
use tbengine_sdk::{State, Usage};

/// What resources take up together, as far as their backends say. What does not run has no processor and no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Totals {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_bytes: Option<u64>,
}

impl Totals {
    /// What these steps free.
    pub(crate) fn freed_by(steps: &[Arc<Step>]) -> Self {
        let is_deletion = |step: &&Arc<Step>| step.action.kind() == ActionKind::Delete;
        let deletions = steps.iter().filter(is_deletion);
        Self::of(deletions.map(|step| (step.state, &step.known.usage)))
    }

    /// Those of resources with these states.
    pub(crate) fn of<'u>(resources: impl IntoIterator<Item = (State, &'u Usage)>) -> Self {
        let mut totals = Self::default();
        for (state, usage) in resources {
            if state.is_running() {
                add(&mut totals.cpu_millis, usage.cpu_millis);
                add(&mut totals.memory_bytes, usage.memory_bytes);
            }
            // What is shared with others does not count.
            add(
                &mut totals.disk_bytes,
                usage.reclaimable_bytes.or(usage.disk_bytes),
            );
        }
        totals
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default().saturating_add(more));
    }
}

/// As a list that goes on after a comma; empty if nothing is known.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu_millis,
            memory_bytes,
            disk_bytes,
        } = *self;
        let mut parts = Vec::new();
        if let Some(cpu_millis @ 1..) = cpu_millis {
            let one = if cpu_millis == 1000 { "CPU" } else { "CPUs" };
            parts.push(format!("{} {one}", rounded(cpu_millis, 1000)));
        }
        for (bytes, what) in [(memory_bytes, "memory"), (disk_bytes, "disk")] {
            if let Some(bytes @ 1..) = bytes {
                parts.push(format!("{} of {what}", size(bytes)));
            }
        }
        f.write_str(&parts.join(", "))
    }
}

/// A size with at most one decimal.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{} {name}", rounded(bytes, unit)),
        None => format!("{bytes} B"),
    }
}

/// A quotient with one decimal, unless that is zero.
fn rounded(amount: u64, unit: u64) -> String {
    let text = format!("{:.1}", amount as f64 / unit as f64);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_summed_up() {
        let usage = |cpu, memory, disk| Usage {
            cpu_millis: Some(cpu),
            memory_bytes: Some(memory),
            disk_bytes: Some(disk),
            ..Usage::default()
        };
        let gib = 1 << 30;
        let (one, two) = (usage(500, gib, gib), usage(500, gib, 3 * gib / 2));
        let all = [(State::Running, &one), (State::Stopped, &two)];
        let text = Totals::of(all).to_string();
        assert_eq!(text, "0.5 CPUs, 1 GiB of memory, 2.5 GiB of disk");
        let both = [(State::Running, &one), (State::Paused, &two)];
        assert!(
            Totals::of(both)
                .to_string()
                .starts_with("1 CPU, 2 GiB of memory")
        );
        let nothing = Usage::default();
        assert_eq!(Totals::of([(State::Running, &nothing)]).to_string(), "");
        let huge = usage(0, 0, u64::MAX);
        let text = Totals::of([(State::Exited, &huge), (State::Exited, &huge)]).to_string();
        assert_eq!(text, "16777216 TiB of disk");
        let layer = Usage {
            reclaimable_bytes: Some(10),
            ..one
        };
        let text = Totals::of([(State::Present, &layer)]).to_string();
        assert_eq!(text, "10 B of disk");
    }
}
