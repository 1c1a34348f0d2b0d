//! What fails in run after run.

use tbengine_engine::clock::RunClock;
use tbengine_engine::facts::{IdentityKey, Quarantine};
use tbengine_engine::plan::Safeguard;
use tbengine_engine::report::StepResult;
use tbengine_memory::{Fault, Operation, container};
use tbengine_sdk::{Error, ErrorKind};
use tbengine_store::Store;

use super::Subject;
use super::runs::{carry_out, planned};
use crate::world::{NOW, World, delete_all, provider, result};

/// What is parked after so many failures.
async fn parked(store: &dyn Store, after: u32) -> Quarantine {
    Quarantine::new(store.parked(after).await.unwrap())
}

pub(crate) async fn what_fails_in_run_after_run_is_parked(subject: &dyn Subject) {
    let store = subject.store();
    let memory = provider();
    let bad = memory.insert(container("bad"));
    memory.insert(container("good"));
    let refusal = Error::new(ErrorKind::Unsupported, "cannot be done");
    memory
        .script(Operation::Delete)
        .of("bad")
        .then(Fault::Answer(refusal));
    let mut world = World::new(memory.clone());
    for (number, name) in ["run-1", "run-2", "run-3"].into_iter().enumerate() {
        let quarantine = parked(&*store, 3).await;
        assert!(quarantine.entry(&bad).is_none(), "after {number} runs");
        world.run = name;
        let plan = planned(&world).await;
        let journal = store
            .begin(&plan, RunClock::starting_at(NOW))
            .await
            .unwrap();
        let report = carry_out(&world, plan, &*journal, &mut |_| {}).await;
        assert_eq!(result(&report, "bad"), StepResult::Failed);
    }
    let quarantine = parked(&*store, 3).await;
    let entry = quarantine.entry(&bad).unwrap();
    assert_eq!((entry.runs, &*entry.last_run), (3, "run-3"));
    assert!(entry.reason.contains("cannot be done"));
    assert_eq!(parked(&*store, 0).await, Quarantine::default());

    world.facts.quarantine = quarantine.clone();
    let planned_now = world.plan(delete_all()).await.plan;
    assert!(planned_now.steps.iter().all(|step| step.name != "bad"));
    let refusal = planned_now
        .refusals
        .iter()
        .find(|one| one.name == "bad")
        .unwrap();
    assert_eq!(refusal.safeguard, Safeguard::Quarantined);

    for (wanted, released) in [
        (bad.id().to_string(), true),
        (bad.native.clone(), true),
        (bad.native[..8].to_owned(), true),
        (bad.native[..7].to_owned(), false),
        ("another-resource".to_owned(), false),
    ] {
        let quarantine = quarantine.clone().releasing(std::slice::from_ref(&wanted));
        assert_eq!(quarantine.entry(&bad).is_none(), released, "{wanted}");
        assert_eq!(quarantine.releases(&bad), released, "{wanted}");
    }
    world.facts.quarantine = quarantine.releasing(&[bad.id().to_string()]);
    assert!(
        planned(&world)
            .await
            .steps
            .iter()
            .any(|step| step.name == "bad")
    );
    store.forget(&[IdentityKey::of(&bad)]).await.unwrap();
    assert!(parked(&*store, 1).await.entry(&bad).is_none());
}
