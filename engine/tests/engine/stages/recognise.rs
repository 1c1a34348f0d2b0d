//! Whose the resources are that discovery found.

use std::sync::Arc;

use tbengine_engine::Engine;
use tbengine_engine::discover::Inventory;
use tbengine_engine::owners::{Owners, Remembered};
use tbengine_engine::plan::Safeguard;
use tbengine_engine::policy::Policy;
use tbengine_memory::{ExternalChange, container, image, network, sandbox, snapshot};
use tbengine_sdk::Owner;

use crate::stages::support::{World, delete_all, provider, refused};

const PROJECT: &str = "com.docker.compose.project";
const FILES: &str = "com.docker.compose.project.config_files";

fn recognising(world: &World) -> Engine {
    let owners = Arc::new(Owners::embedded().unwrap());
    world.engine().recognising(owners)
}

fn owner<'i>(inventory: &'i Inventory, name: &str) -> (&'i Owner, Option<&'i str>) {
    let mut resources = inventory.resources.iter();
    let found = resources.find(|one| one.name == name).unwrap();
    (&found.owner, found.unit.as_ref().map(|unit| &*unit.0))
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_keeps_stays_and_its_hint_is_shown() {
    let memory = provider();
    memory.insert(container("node").label("io.x-k8s.kind.cluster", "dev"));
    // What the backend says of owners does not count.
    let said = Owner::Benchmark("harbor".into());
    memory.insert(container("box").running().owner(said));
    let world = World::new(memory);
    let owners = Arc::new(Owners::embedded().unwrap());
    let engine = world.engine().recognising(owners);
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    let plan = world.plan_with(&engine, &policy).await.plan;
    assert_eq!(refused(&plan, "node"), Some(Safeguard::KeptOwner));
    assert_eq!(refused(&plan, "box"), Some(Safeguard::UnprovenOwner));
    let node = plan.refusals.iter().find(|one| one.name == "node").unwrap();
    assert_eq!(
        node.detail,
        "kind keeps it on purpose (nodes of kind clusters): `kind delete cluster --name NAME`, or name it with --label to claim it"
    );
}

/// What a swarm makes anew is deleted where it is claimed, and the report says how to end it.
#[tokio::test(start_paused = true)]
async fn what_its_owner_makes_anew_is_named_in_the_report() {
    let service = "com.docker.swarm.service.name";
    let memory = provider();
    for task in ["web.1.a", "web.2.b"] {
        memory.insert(container(task).label(service, "web"));
    }
    memory.insert(container("plain"));
    let mut world = World::new(memory);
    world.scope.labels = vec!["com.docker.swarm.service.name=web".parse().unwrap()];
    let engine = recognising(&world);
    let policy: Arc<dyn Policy> = Arc::new(delete_all());
    let plan = world.plan_with(&engine, &policy).await.plan;
    let quiet = &mut |_: &_| {};
    let report = engine
        .apply(plan, &policy, &world.control, None, quiet)
        .await;
    assert_eq!(report.outcomes.len(), 2);
    let said: Vec<&String> = report
        .warnings
        .iter()
        .filter(|warning| warning.contains("swarm"))
        .collect();
    assert_eq!(
        said,
        [
            "`web.1.a` and 1 more were deleted, but swarm makes such things anew; to end it: `docker service rm NAME`"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_proven_of_some_holds_for_the_rest_and_is_learned() {
    let memory = provider();
    let unit = "hello__dqmfgz2__env";
    let net = memory.insert(network("net").label(PROJECT, unit).unit(unit));
    let built = memory.insert(image("hb__hello"));
    let files = "/v/harbor/environments/docker/docker-compose-build.yaml";
    let main = container("main").label(PROJECT, unit).label(FILES, files);
    let main = memory.insert(main.uses(&net).uses(&built));
    let session = sandbox("box").label("harbor.managed", "true");
    memory.insert(session.label("harbor.session_id", "a__DqmfGz2__env"));
    memory.insert(snapshot("harbor__0123456789ab__snapshot"));
    memory.insert(container("mine").label("tbengine.run-id", "r-1"));

    let world = World::new(memory.clone());
    let engine = recognising(&world);
    let inventory = engine.discover(&mut |_| {}).await;
    let harbor = Owner::Benchmark("harbor".into());
    for (name, unit) in [
        ("net", Some(unit)),
        // The rule gives a unit where the backend knows of none.
        ("main", Some(unit)),
        ("hb__hello", None),
        ("box", Some("a__DqmfGz2__env")),
        ("harbor__0123456789ab__snapshot", None),
    ] {
        assert_eq!(owner(&inventory, name), (&harbor, unit), "{name}");
    }
    assert_eq!(owner(&inventory, "mine").0, &Owner::Run("r-1".into()));

    // Its container is gone, and another process looks.
    let mut remembered = Remembered::default();
    for one in &inventory.learned {
        let learned = &one.learned;
        remembered.add(&one.account, learned.unit.as_deref(), &learned.owner);
    }
    memory.change(ExternalChange::Delete(main));
    let engine = recognising(&World::new(memory));
    let forgetful = engine.discover(&mut |_| {}).await;
    assert_eq!(owner(&forgetful, "net").0, &Owner::Unknown);
    let remembering = engine
        .discover_remembering(Arc::new(remembered), &mut |_| {})
        .await;
    assert_eq!(owner(&remembering, "net").0, &harbor);
}
