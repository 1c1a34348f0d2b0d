//! Every write and sync of the state, by number: the program is killed there, or the call fails as it does on a broken
//! or a full disk. Nothing depends on luck or on the clock, because the same command makes the same calls each time.
//!
//! The calls of each command are counted first. A sample of them, evenly spread, is tried here; `TESTS_SYSCALLS=all`
//! tries them all. The modules, from the ground up:
//!
//! - `chosen`: which calls are tried
//! - `subject`: a command, and what must hold afterwards
//! - `runs`, `leases`: the commands

mod chosen;
mod leases;
mod runs;
mod subject;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tbengine_harness::{Home, Strace};

use super::point::{Point, STATE};
use chosen::{CALLS, every, sample};
use subject::{Came, Subject};

/// The variable that asks for all points.
const ALL: &str = "TESTS_SYSCALLS";
/// How many points of each command are tried without.
const SAMPLE: usize = 7;

#[test]
fn a_run_survives_whatever_happens_to_its_state() {
    survives(&runs::Run);
}

#[test]
fn a_resumed_run_survives_whatever_happens_to_its_state() {
    survives(&runs::Resume);
}

#[test]
fn a_run_that_cannot_release_what_is_parked_is_begun_or_not() {
    survives(&runs::Release);
}

#[test]
fn a_run_that_is_replaced_survives_whatever_happens_to_its_state() {
    survives(&runs::Replan);
}

#[test]
fn a_lease_is_acquired_or_not_whatever_happens_to_its_state() {
    survives(&leases::Acquire);
}

#[test]
fn a_lease_is_released_or_not_whatever_happens_to_its_state() {
    survives(&leases::Release);
}

#[test]
fn a_guarded_command_leaves_nothing_whatever_happens_to_its_state() {
    survives(&leases::Guard);
}

/// Counts the points of a command, lets something happen at some of them or at all, and checks what came of each.
#[expect(
    clippy::print_stdout,
    reason = "how many there are is shown with --no-capture"
)]
fn survives(subject: &dyn Subject) {
    let prepared = home();
    subject.prepare(&prepared);
    let counted = copy(&prepared);
    let traced = Strace::of(&CALLS).run(&counted, &subject.arguments());
    assert_eq!(traced.code, Some(0), "{}", traced.stderr);
    let points = subject.narrow(Point::all(&counted, &traced.calls));
    for call in subject.calls() {
        let is_there = points.iter().any(|point| point.call == *call);
        assert!(is_there, "{call} is not among {points:?}");
    }
    let is_all = std::env::var_os(ALL).is_some_and(|value| value == "all");
    let chosen = match is_all {
        true => every(&points),
        false => sample(&points, SAMPLE),
    };
    let next = AtomicUsize::new(0);
    let violations = Mutex::new(Vec::new());
    let work = || {
        while let Some((point, fault)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let home = copy(&prepared);
            let came = point.run(&home, &subject.arguments(), *fault);
            let checked = came.and_then(|traced| {
                let came = Came {
                    fault: *fault,
                    traced,
                };
                subject.check(&home, &came)
            });
            if let Err(why) = checked {
                let violation = format!("{fault:?} at {point}: {why}");
                let mut violations = violations.lock().unwrap_or_else(PoisonError::into_inner);
                violations.push(violation);
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..subject.side_by_side())
            .map(|_| scope.spawn(work))
            .collect();
        for worker in workers {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let violations = violations
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let (calls, tried) = (points.len(), chosen.len());
    assert!(
        violations.is_empty(),
        "{} of {tried} at {calls} calls:\n{}",
        violations.len(),
        violations.join("\n")
    );
    println!("{calls} calls; {tried} tried");
}

/// A home with a simulated host. Locks last so long that none is renewed meanwhile.
fn home() -> Home {
    with_host(crate::home())
}

fn with_host(home: Home) -> Home {
    home.memory("[state]\nlock = \"1h\"")
}

/// Another home with the same host, and no state.
fn empty(home: &Home) -> Home {
    let mut other = crate::home();
    other.since.clone_from(&home.since);
    with_host(other)
}

/// Another home with the same host and the same state.
fn copy(home: &Home) -> Home {
    let other = empty(home);
    let state = home.path(STATE);
    if state.exists() {
        let to = other.path(STATE);
        let parent = to.parent().expect("it lies in a directory");
        std::fs::create_dir_all(parent).expect("a directory can be made");
        let copied = Command::new("cp").arg("-a").args([&state, &to]).status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "{}",
            state.display()
        );
    }
    other
}
