//! What a policy's answer must be like to count.

use std::sync::{Arc, Mutex};

use tbengine_engine::policy::{
    Answer, Candidate, Failure, Fault, FaultKind, Force, MAX_BATCH, Policy, PolicyContext,
    PolicySource, Proposal, RetryAdvice, Verdict,
};
use tbengine_memory::{container, network};

use crate::stages::support::{Scripted, World, delete, provider, seconds};

/// A policy that answers with these ids, whatever it is asked.
struct Answers(PolicySource, Vec<String>);

impl Policy for Answers {
    fn source(&self) -> &PolicySource {
        &self.0
    }

    fn decide(&self, _: &PolicyContext, _: &[Candidate<'_>]) -> Result<Answer, Fault> {
        let proposals = self.1.iter().map(|id| Proposal {
            id: id.clone(),
            verdict: delete(Force::Always, seconds(0)),
            priority: 0,
        });
        Ok(Answer {
            proposals: proposals.collect(),
            log: Vec::new(),
        })
    }

    fn retry(&self, _: &PolicyContext, _: &Failure) -> Result<RetryAdvice, Fault> {
        Ok(RetryAdvice::NoOpinion)
    }
}

async fn fault_of(ids: &[String], world: &World) -> Option<Fault> {
    let source = Scripted::new(|_| None).source().clone();
    let policy: Arc<dyn Policy> = Arc::new(Answers(source, ids.to_vec()));
    let engine = world.engine();
    let inventory = Arc::new(engine.discover(&mut |_| {}).await);
    let planned = engine
        .plan(inventory, &world.facts, &policy, "x", false, &mut |_| {})
        .await;
    assert_eq!(planned.decisions.fault.is_some(), planned.plan.is_empty());
    planned.decisions.fault
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_not_asked_about_or_comes_twice_voids_the_answer() {
    let memory = provider();
    let one = memory.insert(container("one")).id().to_string();
    let mut world = World::new(memory.clone());
    assert_eq!(fault_of(std::slice::from_ref(&one), &world).await, None);
    for (ids, told) in [
        (vec![one.clone(), one.clone()], "two verdicts"),
        (
            vec![one.clone(), "memory/container/other".into()],
            "not in the request",
        ),
        (vec![one.clone(), String::new()], "not in the request"),
    ] {
        let fault = fault_of(&ids, &world).await.unwrap();
        assert_eq!(fault.kind, FaultKind::BadAnswer);
        assert!(fault.message.contains(told), "{}", fault.message);
    }
    // It exists, but the operator did not let the policy see it.
    let net = memory.insert(network("net")).id().to_string();
    world.scope.kinds = vec![tbengine_sdk::Kind::CONTAINER];
    let fault = fault_of(&[net], &world).await.unwrap();
    assert!(
        fault.message.contains("not in the request"),
        "{}",
        fault.message
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_says_nothing_about_is_kept() {
    let memory = provider();
    memory.insert(container("one"));
    let planned = World::new(memory).plan(Scripted::new(|_| None)).await;
    assert!(planned.plan.is_empty() && planned.plan.refusals.is_empty());
    assert_eq!(planned.decisions.candidates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_policy_sees_holders_that_are_out_of_scope() {
    let memory = provider();
    let net = memory.insert(network("net"));
    let web = memory.insert(container("web").uses(&net));
    let mut world = World::new(memory);
    world.scope.kinds = vec![tbengine_sdk::Kind::NETWORK];
    let policy = Scripted::new(move |candidate| {
        assert_eq!(candidate.resource.name, "net");
        let [user] = candidate.used_by else {
            panic!("{candidate:?}")
        };
        assert_eq!((user.identity, user.candidate), (&web, None));
        None
    });
    let planned = world.plan(policy).await;
    assert_eq!(planned.decisions.fault, None);
    assert_eq!(planned.decisions.candidates, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_host_deletes_nothing() {
    let memory = provider();
    memory.insert(container("one"));
    let planned = World::new(memory)
        .plan(Scripted::new(|_| panic!("boom")))
        .await;
    assert_eq!(planned.decisions.fault.unwrap().kind, FaultKind::Trap);
    assert!(planned.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn units_of_a_large_inventory_come_in_one_piece_and_each_verdict_finds_its_resource() {
    let memory = provider();
    let units = MAX_BATCH / 2 + 1;
    // The two members of each unit are as far apart as can be.
    for number in 0..units * 2 {
        memory.insert(container(&number.to_string()).unit(format!("u{}", number % units)));
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_policy = seen.clone();
    let policy = Scripted::new(move |candidate| {
        let unit = candidate.resource.unit.clone().unwrap().0;
        seen_by_policy.lock().unwrap().push((candidate.group, unit));
        let reason = candidate.resource.name.clone();
        Some(Verdict::Keep { reason })
    });
    let planned = World::new(memory).plan(policy).await;

    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), units * 2);
    for pair in seen.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    assert_eq!(planned.decisions.made.len(), units * 2);
    for decision in &planned.decisions.made {
        let name = &planned.inventory.resources[decision.resource].name;
        let reason = name.clone();
        assert_eq!(decision.verdict, Verdict::Keep { reason });
    }
}
