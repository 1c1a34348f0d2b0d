//! The host speaks an older and a newer version of the contract at once.

use std::time::Duration;

use tbengine_engine::policy::{Limits, Verdict, Version, pack};
use tbengine_sdk::State;

use crate::policy_host::support::{ENGINE, configured, container, decide, verdicts};

/// Built with the guest crate as it was when the contract was at 1.0, and never built again.
const BUILT_FOR_1: &[u8] = include_bytes!("guests/long-ended-1.0.wasm");

#[test]
fn a_policy_that_was_built_for_the_older_version_goes_on_working() {
    let policy = ENGINE.load(BUILT_FOR_1, "long-ended").unwrap();
    assert_eq!(policy.version(), Version::V1);
    let resources = [
        container("new", State::Exited, 23),
        container("old", State::Exited, 25),
    ];
    let old = configured(BUILT_FOR_1, &[], Limits::default()).unwrap();
    let new = pack(
        include_bytes!("../../../../policies/templates/wat/max-age.wat"),
        "max-age.wat",
        None,
    )
    .unwrap();
    assert_eq!(new.version, Version::V2);
    let new = configured(&new.component, &[], Limits::default()).unwrap();
    // Both in one process, in turns.
    for _ in 0..2 {
        let answer = decide(&old, &resources).unwrap();
        assert_eq!(
            verdicts(&answer).into_iter().collect::<Vec<_>>(),
            [("old", "delete: ended long ago".into())]
        );
        let answer = decide(&new, &resources).unwrap();
        assert_eq!(
            verdicts(&answer).into_iter().collect::<Vec<_>>(),
            [("old", "delete: older than allowed".into())]
        );
    }
}

#[test]
fn the_newer_version_can_archive() {
    // Archives the first resource: a verdict of 56 bytes at 512, whose id is the resource's.
    let text = r#"(module (memory (export "memory") 4)
        (global $free (mut i32) (i32.const 4096))
        (data (i32.const 16) "odd1")
        (data (i32.const 64) "\10\00\00\00\03\00\00\00\13\00\00\00\01\00\00\00\10\00\00\00\03\00\00\00\10\00\00\00\00\00\00\00\02\00\00\00")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
          (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
          (global.get $free) (global.set $free (i32.add (global.get $free) (local.get 3))))
        (func (export "describe") (result i32) (i32.const 64))
        (func (export "configure") (param i32 i32) (result i32) (i32.const 128))
        (func (export "decide") (param i64 i32 i32 i32 i32 i32) (param $one i32) (param i32) (result i32)
          (i64.store (i32.const 512) (i64.load (local.get $one)))
          (i32.store8 (i32.const 520) (i32.const 3))
          (i32.store (i32.const 528) (i32.const 16))
          (i32.store (i32.const 532) (i32.const 3))
          (i32.store8 (i32.const 536) (i32.const 1))
          (i64.store (i32.const 544) (i64.const 1500))
          (i32.store (i32.const 552) (i32.const -7))
          (i32.store (i32.const 260) (i32.const 512))
          (i32.store (i32.const 264) (i32.const 1))
          (i32.const 256))
        (func (export "retry") (param i32) (result i32) (i32.const 128)))"#;
    let packed = pack(text.as_bytes(), "archiver.wat", None).unwrap();
    let policy = configured(&packed.component, &[], Limits::default()).unwrap();
    let answer = decide(&policy, &[container("a", State::Stopped, 1)]).unwrap();
    let archived = Verdict::Archive {
        reason: "odd".into(),
        grace: Some(Duration::from_millis(1500)),
    };
    assert_eq!(
        (&answer.proposals[0].verdict, answer.proposals[0].priority),
        (&archived, -7)
    );
    // What the older version cannot say is not an answer there.
    let packed = pack(text.as_bytes(), "archiver.wat", Some(Version::V1)).unwrap();
    let policy = configured(&packed.component, &[], Limits::default()).unwrap();
    assert!(decide(&policy, &[container("a", State::Stopped, 1)]).is_err());
}
