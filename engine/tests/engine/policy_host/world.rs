//! The world that a guest sees through WASI stands still and is empty.

use tbengine_engine::policy::{Fault, FaultKind, Limits, Policy};

use crate::policy_host::support::{configured, context};

fn look(at: &str, run_id: &str) -> Fault {
    let policy = configured(
        tbengine_builtins::WORLDLY,
        &[("looks", at)],
        Limits::default(),
    )
    .unwrap();
    let mut context = context();
    context.run_id = run_id.into();
    policy.decide(&context, &[]).unwrap_err()
}

#[test]
fn there_is_nothing_but_the_time_of_the_call() {
    let seen = look("around", "r").message;
    assert_eq!(
        seen,
        "time Ok(1800000000s), vars [], args [], file false, dir false, socket false"
    );
}

#[test]
fn chance_follows_from_the_policy_and_its_parameters_and_never_from_the_run() {
    let seen = look("chance", "run-a").message;
    assert_eq!(look("chance", "run-b").message, seen);
    assert_ne!(look("other-chance", "run-a").message, seen);
    let (first, second) = seen.split_once(' ').unwrap();
    assert_ne!(first, second);
}

#[test]
fn sleeping_takes_no_time() {
    // An hour in the host would outlast every deadline of the guest.
    assert_eq!(look("clock", "r").message, "slept 3600");
}

#[test]
fn leaving_is_a_fault_with_the_code() {
    let fault = look("exit", "r");
    // WASI 0.2.6 knows success and failure only.
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Trap, "exited with code 1")
    );
}

#[test]
fn a_panic_is_reported_here_as_well() {
    let fault = look("panic", "r");
    assert_eq!(fault.kind, FaultKind::Trap);
    assert!(fault.message.contains("into the void"), "{}", fault.message);
}

#[test]
fn standard_error_is_kept_up_to_a_size_and_does_not_stop_the_guest() {
    let fault = look("flood", "r");
    assert_eq!(fault.message, "flooded");
    assert!(
        fault.stderr.starts_with("a line of sixty bytes"),
        "{}",
        &fault.stderr[..100]
    );
    let (kept, note) = fault.stderr.rsplit_once('\n').unwrap();
    assert_eq!(kept.len(), 64 << 10);
    assert_eq!(
        note,
        format!("[{} more bytes]", 100_000 * 62 + 11 - (64 << 10))
    );
}

#[test]
fn such_a_guest_works_from_a_tokio_runtime_where_blocking_is_allowed() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let message = runtime.block_on(async {
        tokio::task::spawn_blocking(|| look("clock", "r").message)
            .await
            .unwrap()
    });
    assert_eq!(message, "slept 3600");
}
