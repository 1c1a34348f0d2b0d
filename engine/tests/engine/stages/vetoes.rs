//! What vetoes take away of a plan, and what goes with it.

use std::sync::{Arc, Mutex};

use tbengine_engine::plan::{BlastRadius, Plan, Safeguard};
use tbengine_engine::policy::{
    Candidate, Fault, FaultKind, Interest, Policy, PolicyContext, PolicySource, Review, Veto,
    Vetoed,
};
use tbengine_engine::report::StepResult;
use tbengine_memory::{Memory, container, network};

use crate::stages::support::{HOUR, Scripted, World, delete_all, provider, result};

type Judge = dyn Fn(&str) -> Option<&'static str> + Send + Sync;

/// A veto made of a closure over names.
struct Made {
    source: PolicySource,
    judge: Box<Judge>,
    /// The names of what it was given, each time it was asked.
    given: Mutex<Vec<Vec<String>>>,
}

fn veto(
    name: &str,
    judge: impl Fn(&str) -> Option<&'static str> + Send + Sync + 'static,
) -> Arc<Made> {
    let source = Scripted::new(|_| None).source().clone();
    Arc::new(Made {
        source: PolicySource {
            name: name.into(),
            ..source
        },
        judge: Box::new(judge),
        given: Mutex::default(),
    })
}

impl Veto for Made {
    fn source(&self) -> &PolicySource {
        &self.source
    }

    fn interest(&self) -> Interest {
        Interest::everything()
    }

    fn review(
        &self,
        _: &PolicyContext,
        candidates: &[Candidate<'_>],
        review: &Review<'_>,
    ) -> Result<Vec<Vetoed>, Fault> {
        assert_eq!(review.policy, "scripted");
        let names = candidates.iter().map(|one| one.resource.name.clone());
        self.given.lock().unwrap().push(names.collect());
        let vetoed = review.proposals.iter().filter_map(|one| {
            let name = &candidates[one.candidate].resource.name;
            let reason = (self.judge)(name)?;
            if reason == "fail" {
                return Some(Err(Fault {
                    policy: self.source.name.clone(),
                    function: "review".into(),
                    kind: FaultKind::Refused,
                    message: "the moon is full".into(),
                    backtrace: Vec::new(),
                    stderr: String::new(),
                    log: Vec::new(),
                }));
            }
            Some(Ok(Vetoed {
                candidate: one.candidate,
                reason: reason.into(),
            }))
        });
        vetoed.collect()
    }
}

fn only(name: &'static str) -> impl Fn(&str) -> Option<&'static str> + Send + Sync {
    move |other| (other == name).then_some("needed")
}

/// The names of the steps, and of the refusals with their safeguards and details.
fn outcome(plan: &Plan) -> (Vec<&str>, Vec<(&str, Safeguard, &str)>) {
    let steps = plan.steps.iter().map(|step| &*step.name).collect();
    let refusals = plan.refusals.iter();
    let refusals = refusals.map(|one| (&*one.name, one.safeguard, &*one.detail));
    (steps, refusals.collect())
}

/// A container that uses a network, and one that uses nothing.
fn web_and_other() -> Memory {
    let memory = provider();
    let net = memory.insert(network("net"));
    memory.insert(container("web").uses(&net));
    memory.insert(container("other"));
    memory.insert(container("around"));
    memory
}

/// Deletes everything but one, which is only around.
fn delete_most() -> Scripted {
    let all = delete_all();
    Scripted::new(move |candidate| match &*candidate.resource.name {
        "around" => None,
        _ => all.judge(candidate),
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_vetoed_stays_and_so_does_what_it_uses() {
    let memory = web_and_other();
    let mut world = World::new(memory);
    let asked = veto("team", only("web"));
    world.vetoes = vec![asked.clone()];
    let plan = world.plan(delete_most()).await.plan;
    let (steps, refusals) = outcome(&plan);
    assert_eq!(steps, ["other"]);
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert!(refusals.contains(&("web", Safeguard::Veto, "team: needed")));
    let (_, safeguard, detail) = refusals.iter().find(|one| one.0 == "net").unwrap();
    assert_eq!(*safeguard, Safeguard::InUse);
    assert!(detail.ends_with("which is kept"), "{detail}");
    // It was given what is proposed, and nothing else.
    let mut given = asked.given.lock().unwrap().concat();
    given.sort();
    assert_eq!(given, ["net", "other", "web"]);
}

#[tokio::test(start_paused = true)]
async fn each_veto_reviews_what_those_before_it_left() {
    let mut world = World::new(web_and_other());
    let (first, second) = (veto("first", only("web")), veto("second", only("other")));
    world.vetoes = vec![first, second.clone()];
    let plan = world.plan(delete_most()).await.plan;
    assert_eq!(outcome(&plan).0, [""; 0]);
    assert_eq!(*second.given.lock().unwrap(), [["other"]]);
}

#[tokio::test(start_paused = true)]
async fn a_veto_that_fails_refuses_the_plan_and_its_steps_are_still_shown() {
    let mut world = World::new(web_and_other());
    let failing = veto("failing", |_| Some("fail"));
    let never = veto("never", |_| panic!("nothing is left to review"));
    world.vetoes = vec![veto("first", only("other")), failing, never];
    let plan = world.plan(delete_most()).await.plan;
    let (steps, refusals) = outcome(&plan);
    assert_eq!(steps, ["web", "net"]);
    assert_eq!(refusals, [("other", Safeguard::Veto, "first: needed")]);
    let Some(BlastRadius::VetoFailed { fault }) = &plan.blast_radius else {
        panic!("{:?}", plan.blast_radius)
    };
    assert_eq!(
        (&*fault.policy, &*fault.message),
        ("failing", "the moon is full")
    );
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_is_reviewed_again() {
    let memory = web_and_other();
    let mut world = World::new(memory);
    let plan = world.plan(delete_most()).await.plan;
    assert_eq!(plan.steps.len(), 3);
    world.vetoes = vec![veto("late", only("web"))];
    let engine = world.engine();
    let inventory = Arc::new(engine.discover(&mut |_| {}).await);
    let policy: Arc<dyn Policy> = Arc::new(delete_most());
    let revised = engine
        .revise(
            plan,
            &inventory,
            &world.facts,
            &policy,
            24 * HOUR,
            &mut |_| {},
        )
        .await
        .unwrap();
    assert_eq!(outcome(&revised).0, ["other"]);
    let report = world.apply(revised, delete_most()).await;
    assert_eq!(result(&report, "other"), StepResult::Deleted);
    assert_eq!(report.outcomes.len(), 1);
}
