//! What stands in the way of a plan, for people.

use tbengine_engine::discover::ListFailure;
use tbengine_engine::plan::{BlastRadius, Plan};
use tbengine_engine::policy::Fault;

use super::console::Console;
use super::plan::print_fault;

/// Says what could not be listed, why the policy failed, and which safeguard refuses the whole plan.
pub(crate) fn print_obstacles(
    console: &Console,
    plan: &Plan,
    failures: &[ListFailure],
    fault: Option<&Fault>,
) {
    print_failures(console, failures);
    if let Some(fault) = fault {
        print_fault(console, fault);
    }
    if let Some(trip) = &plan.blast_radius {
        let hint = match trip {
            BlastRadius::VetoFailed { fault } => {
                print_fault(console, fault);
                return;
            }
            BlastRadius::MaxDelete { .. } | BlastRadius::UnprovenRunning { .. } => {
                "review `tbengine plan`; if it is right, raise the limit with --max-delete"
            }
            BlastRadius::Unreadable { .. } => {
                "`tbengine lease list` shows the leases; if one cannot be read and nothing runs under it any more, `tbengine lease release ID` moves its record away"
            }
        };
        console.error(&trip.to_string(), &[hint.into()]);
    }
}

/// Says loudly what could not be listed.
pub(crate) fn print_failures(console: &Console, failures: &[ListFailure]) {
    for failure in failures {
        let what = match failure.kind {
            Some(kind) if let Some(item) = &failure.item => format!(
                "a {kind} of backend `{}` cannot be read: {item}",
                failure.backend
            ),
            Some(kind) => format!(
                "the {} of backend `{}` could not be listed",
                kind.plural(),
                failure.backend
            ),
            None if let Some(item) = &failure.item => {
                format!("backend `{}`, {item}", failure.backend)
            }
            None => format!("backend `{}` could not be listed", failure.backend),
        };
        let hints: Vec<String> = failure.error.hint.iter().cloned().collect();
        console.error(&format!("{what}: {}", failure.error), &hints);
    }
}
