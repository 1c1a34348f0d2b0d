//! Sandboxes that are linked to another one, which they go with.

use tbengine_engine::plan::Safeguard;
use tbengine_engine::report::StepResult;
use tbengine_fake_daytona::{Make, sandbox};

use crate::cloud::support::{World, fast, leaked, result};

fn refused(plan: &tbengine_engine::plan::Plan, id: &str) -> Option<Safeguard> {
    let mut refusals = plan.refusals.iter();
    let refusal = refusals.find(|refusal| refusal.target.native == id)?;
    Some(refusal.safeguard)
}

/// The deletions that were asked for, in their order, by id.
fn deletions(world: &World) -> Vec<String> {
    let record = world.fake.record();
    let deletions = record.requests.iter().filter(|one| one.method == "DELETE");
    let id = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    deletions.map(|one| id(&one.path)).collect()
}

#[tokio::test]
async fn what_is_linked_goes_before_its_owner() {
    let world = World::new(fast()).await;
    let owner = world.fake.put(leaked("owner"));
    let followers: Vec<String> = (0..3)
        .map(|number| {
            world
                .fake
                .put(leaked(&format!("f{number}")).linked_to(&owner))
        })
        .collect();
    let report = world.run().await;
    for id in followers.iter().chain([&owner]) {
        assert_eq!(result(&report, id), StepResult::Deleted);
    }
    assert_eq!(deletions(&world).last(), Some(&owner));
    assert_eq!(world.fake.record().destroyed_by_callers().len(), 4);
}

#[tokio::test]
async fn an_owner_stays_for_what_is_linked_to_it_and_stays() {
    let foreign = || sandbox().age(std::time::Duration::from_secs(3600));
    type Follower = fn() -> Make;
    let protected: Follower = || leaked("follower").label("tbengine.protect", "true");
    let younger: Follower = || leaked("follower").age(std::time::Duration::from_secs(5));
    for follower in [protected, younger, foreign as Follower] {
        let world = World::new(fast()).await;
        let owner = world.fake.put(leaked("owner"));
        let other = world.fake.put(leaked("other").on_runner("runner-2"));
        let follower = world.fake.put(follower().linked_to(&owner));
        let plan = world.plan().await;
        assert_eq!(refused(&plan, &owner), Some(Safeguard::InUse), "{plan:?}");
        assert!(refused(&plan, &follower).is_some());
        let report = world.run().await;
        assert_eq!(result(&report, &other), StepResult::Deleted);
        let mut live = world.fake.live();
        live.sort();
        let mut kept = vec![owner, follower];
        kept.sort();
        assert_eq!(live, kept);
    }
}

#[tokio::test]
async fn an_owner_is_blocked_by_what_is_linked_to_it_and_cannot_go() {
    let mut world = World::new(fast()).await;
    world.apply.stuck_after = std::time::Duration::from_millis(300);
    let owner = world.fake.put(leaked("owner"));
    let runner = tbengine_fake_daytona::Runner::Away;
    let follower = world
        .fake
        .put(leaked("follower").linked_to(&owner).runner(runner));
    let report = world.run().await;
    assert_eq!(result(&report, &follower), StepResult::Stuck);
    assert_eq!(result(&report, &owner), StepResult::Blocked);
    assert_eq!(deletions(&world), [follower]);
}

/// Only what may be linked is read for that: what is ephemeral, and on the machine of an older one.
#[tokio::test]
async fn few_are_read_to_learn_what_is_linked() {
    let world = World::new(fast()).await;
    let aged = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    let oldest = world.fake.put(leaked("oldest").ephemeral().age(aged(60)));
    world.fake.put(leaked("lasting").age(aged(50)));
    let elsewhere = leaked("elsewhere").on_runner("runner-2");
    world.fake.put(elsewhere.ephemeral().age(aged(40)));
    let follower = leaked("follower").age(aged(30)).linked_to(&oldest);
    let follower = world.fake.put(follower);
    let plan = world.plan().await;
    assert_eq!(plan.steps.len(), 4, "{plan:?}");
    let record = world.fake.record();
    let reads = record.requests.iter().map(|one| &*one.path);
    let reads: Vec<&str> = reads.filter(|path| path.contains("/sandbox/")).collect();
    assert_eq!(reads.len(), 1, "{reads:?}");
    assert!(reads[0].ends_with(&follower), "{reads:?}");
}

/// What cannot be read may be linked to any older one on its machine.
#[tokio::test]
async fn what_may_be_linked_and_cannot_be_read_keeps_the_older_ones_on_its_machine() {
    let world = World::new(fast()).await;
    let owner = world.fake.put(leaked("owner"));
    let other = world.fake.put(leaked("other").on_runner("runner-2"));
    let age = std::time::Duration::from_secs(1800);
    let follower = sandbox().age(age).linked_to(&owner);
    let follower = world.fake.put(follower);
    world.fake.set_faults(tbengine_fake_daytona::FaultPlan {
        script: vec![tbengine_fake_daytona::Scripted {
            times: u64::MAX,
            ..tbengine_fake_daytona::Scripted::next(
                "GET",
                &format!("/sandbox/{follower}"),
                tbengine_fake_daytona::Fault::Status(500),
            )
        }],
        ..Default::default()
    });
    let report = world.run().await;
    assert_eq!(result(&report, &other), StepResult::Deleted);
    let mut live = world.fake.live();
    live.sort();
    let mut kept = vec![owner, follower];
    kept.sort();
    assert_eq!(live, kept);
}
