//! A guest that misbehaves is stopped, and the report says what it did.

use std::time::Duration;

use tbengine_engine::policy::{
    ConfigError, Fault, FaultKind, Limits, Policy, RetryAdvice, Verdict,
};
use tbengine_sdk::{ErrorKind, State};

use crate::policy_host::support::{
    ENGINE, configured, container, context, decide, failure, hostile, params, shaped,
};

fn fault_of(decides: &str, limits: Limits) -> Fault {
    let fault = decide(
        &hostile(&[("decides", decides)], limits),
        &[container("a", State::Exited, 1)],
    )
    .unwrap_err();
    assert_eq!(
        (fault.policy.as_str(), fault.function.as_str()),
        ("hostile", "decide")
    );
    fault
}

#[test]
fn an_endless_loop_meets_its_deadline() {
    let limits = Limits {
        decide_timeout: Duration::from_millis(50),
        fuel: u64::MAX / 4,
        ..Limits::default()
    };
    let fault = fault_of("loop", limits);
    assert_eq!(fault.kind, FaultKind::TimedOut);
    assert_eq!(fault.to_string(), "policy `hostile`: ran longer than 50ms");
}

#[test]
fn an_endless_loop_burns_its_fuel() {
    let limits = Limits {
        fuel: 1_000_000,
        fuel_per_resource: 10,
        ..Limits::default()
    };
    let fault = fault_of("loop", limits);
    assert_eq!(fault.kind, FaultKind::OutOfFuel);
    assert_eq!(fault.message, "used up its 1000010 units of fuel");
    assert!(
        fault
            .backtrace
            .iter()
            .any(|frame| frame.contains("misbehave")),
        "{:?}",
        fault.backtrace
    );
}

#[test]
fn a_memory_bomb_is_told_how_much_it_wanted() {
    let fault = fault_of(
        "memory-bomb",
        Limits {
            memory: 8 << 20,
            ..Limits::default()
        },
    );
    assert_eq!(fault.kind, FaultKind::OutOfMemory);
    assert!(fault.message.starts_with("asked for "), "{}", fault.message);
    assert!(
        fault.message.ends_with("its limit is 8 MiB"),
        "{}",
        fault.message
    );
}

#[test]
fn a_panic_is_reported_with_its_message_and_its_place() {
    let fault = fault_of("panic", Limits::default());
    assert_eq!(fault.kind, FaultKind::Trap);
    assert!(
        fault.message.contains("I never could stand Mondays"),
        "{}",
        fault.message
    );
    assert!(
        fault.message.contains("testing/hostile/src/lib.rs:"),
        "{}",
        fault.message
    );
    assert_eq!(fault.log.last().unwrap().level, "error");
    assert!(
        fault
            .backtrace
            .iter()
            .any(|frame| frame.contains("core::panicking")),
        "{:?}",
        fault.backtrace
    );
}

#[test]
fn a_stack_overflow_is_named() {
    let fault = fault_of("stack-overflow", Limits::default());
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Trap, "overflowed its stack")
    );
}

#[test]
fn traps_of_bare_modules_are_named() {
    let fault = |body: &str| {
        let parts = format!(r#"(func (export "decide") (param i32) (result i32) {body})"#);
        let policy = configured(&shaped(&parts), &[], Limits::default()).unwrap();
        decide(&policy, &[]).unwrap_err()
    };
    assert_eq!(fault("unreachable").message, "aborted");
    assert!(
        fault("(i32.load (i32.const -8))")
            .message
            .contains("out-of-bounds")
    );
    assert!(
        fault("(i32.div_u (i32.const 1) (i32.const 0))")
            .message
            .contains("divide by zero")
    );
    // An answer that is not a valid encoding: a case of `result` that there is not.
    assert_eq!(
        fault("(i32.store8 (i32.const 256) (i32.const 7)) (i32.const 256)").kind,
        FaultKind::Trap
    );
}

#[test]
fn a_flood_of_output_is_stopped() {
    let fault = fault_of("output-flood", Limits::default());
    assert_eq!(fault.kind, FaultKind::TooMuchOutput, "{fault}");
    assert_eq!(
        fault.message,
        "sent more than 64 MiB to the host in one call"
    );
}

#[test]
fn how_much_output_is_too_much_is_a_limit_like_any_other() {
    let limits = Limits {
        output: 8 << 20,
        ..Limits::default()
    };
    assert_eq!(
        fault_of("long-reason", limits).kind,
        FaultKind::TooMuchOutput
    );
    let policy = hostile(&[("decides", "long-reason")], Limits::default());
    assert!(decide(&policy, &[container("a", State::Exited, 1)]).is_ok());
}

#[test]
fn a_flood_of_log_lines_is_cut_off() {
    let policy = hostile(
        &[("decides", "log-flood")],
        Limits {
            fuel: 10_000_000_000,
            ..Limits::default()
        },
    );
    let answer = decide(&policy, &[]).unwrap();
    assert_eq!(answer.log.len(), 201);
    assert_eq!(answer.log[0].message, "line 0");
    assert_eq!(answer.log[200].message, "99800 more lines were dropped");

    let answer = decide(
        &hostile(&[("decides", "long-log-lines")], Limits::default()),
        &[],
    )
    .unwrap();
    assert_eq!(answer.log.len(), 4);
    assert_eq!(answer.log[3].message, "7 more lines were dropped");
}

#[test]
fn a_panic_is_heard_above_a_flood() {
    let fault = fault_of("log-flood-and-panic", Limits::default());
    assert!(fault.message.contains("Mondays"), "{}", fault.message);
    assert_eq!(fault.log.len(), 202);
    assert_eq!(fault.log[200].message, "99800 more lines were dropped");
}

#[test]
fn a_refusal_is_the_policys_own_words() {
    let fault = fault_of("refuse", Limits::default());
    assert_eq!(
        (fault.kind, fault.to_string().as_str()),
        (FaultKind::Refused, "policy `hostile`: the moon is full")
    );
}

#[test]
fn a_fault_in_one_call_leaves_the_next_one_alone() {
    let limits = Limits {
        fuel: 5_000_000,
        fuel_per_resource: 0,
        ..Limits::default()
    };
    let compiled = ENGINE.load(tbengine_builtins::HOSTILE, "hostile").unwrap();
    let broken = compiled
        .configure(&params(&[("decides", "panic")]), limits.clone())
        .unwrap();
    let sound = compiled.configure(&params(&[]), limits).unwrap();
    for _ in 0..3 {
        assert!(decide(&broken, &[]).is_err());
        assert!(decide(&sound, &[]).is_ok());
    }
}

#[test]
fn what_configure_refuses_and_where_it_fails() {
    let error = |does: &str| {
        configured(
            tbengine_builtins::HOSTILE,
            &[("configures", does)],
            Limits::default(),
        )
        .unwrap_err()
    };
    assert_eq!(
        error("never").to_string(),
        "policy `hostile` rejected its parameters: configures: is not to my liking"
    );
    let ConfigError::Fault(fault) = error("panic") else {
        panic!()
    };
    assert_eq!(
        (fault.function.as_str(), fault.kind),
        ("configure", FaultKind::Trap)
    );
}

#[test]
fn retry_has_its_own_limits() {
    let retry = |does: &str, limits: Limits| {
        hostile(&[("retries", does)], limits).retry(&context(), &failure(ErrorKind::Transient, 1))
    };
    let fault = retry(
        "loop",
        Limits {
            retry_fuel: 100_000,
            ..Limits::default()
        },
    )
    .unwrap_err();
    assert_eq!(
        (fault.function.as_str(), fault.kind),
        ("retry", FaultKind::OutOfFuel)
    );
    let limits = Limits {
        retry_fuel: u64::MAX / 4,
        retry_timeout: Duration::from_millis(30),
        ..Limits::default()
    };
    assert_eq!(retry("loop", limits).unwrap_err().kind, FaultKind::TimedOut);
    let fault = retry("refuse", Limits::default()).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (FaultKind::Refused, "ask someone else")
    );
}

#[test]
fn every_text_is_cut_where_nobody_reads_on() {
    let fault = fault_of("refuse-at-length", Limits::default());
    assert!(fault.message.len() < 17 << 10, "{}", fault.message.len());
    let note = format!("… ({} more bytes)", (2 << 20) - (16 << 10));
    assert!(fault.message.ends_with(&note), "{note}");

    let resources = [container("a", State::Exited, 1)];
    let policy = hostile(&[("decides", "long-reason")], Limits::default());
    let answer = decide(&policy, &resources).unwrap();
    let Verdict::Keep { reason } = &answer.proposals[0].verdict else {
        panic!()
    };
    assert!(reason.len() < 2 << 10 && reason.ends_with(" more bytes)"));

    let policy = hostile(&[("retries", "give-up-at-length")], Limits::default());
    let advice = policy.retry(&context(), &failure(ErrorKind::Transient, 1));
    let Ok(RetryAdvice::GiveUp(reason)) = advice else {
        panic!("{advice:?}")
    };
    assert!(reason.len() < 2 << 10);

    let refused = configured(
        tbengine_builtins::HOSTILE,
        &[("configures", "never-at-length")],
        Limits::default(),
    );
    assert!(refused.unwrap_err().to_string().len() < 2 << 10);
}
