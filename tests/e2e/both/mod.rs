//! The program end to end over two backends in one run: a real Docker, on a private daemon, and Daytona,
//! as the fake service has it.

mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tbengine_fake_daytona::{Fault, FaultPlan, Scripted, State, TlsFront, permission, sandbox};

use crate::both::world::{World, leaked, results};

fn rows(rows: &[(&str, &str, usize)]) -> Vec<(String, String, usize)> {
    rows.iter()
        .map(|(backend, result, count)| ((*backend).to_owned(), (*result).to_owned(), *count))
        .collect()
}

#[test]
fn both_are_cleaned_in_one_run_and_the_key_is_nowhere() {
    let world = World::new();
    let ids = world.leak(&["a", "b", "c", "d"]);
    let both = ["--backend", "docker", "--backend", "daytona", "-vv"];
    let plan = [
        "plan",
        "--policy",
        "./aggressive.wasm",
        "--save",
        "plan.json",
    ];
    let planned = world.tbengine(&[&plan[..], &both].concat());
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    let saved = std::fs::read_to_string(world.home().join("plan.json")).expect("the plan is saved");
    assert!(!saved.contains(&world.key));

    let ran = world.clean().json(0);
    assert_eq!(
        results(&ran),
        rows(&[("daytona", "deleted", 4), ("docker", "deleted", 3)])
    );
    assert_eq!(world.containers(), 0);
    let mut destroyed: Vec<String> = world
        .fake
        .record()
        .destroyed_by_callers()
        .into_iter()
        .map(str::to_owned)
        .collect();
    destroyed.sort();
    let mut ids = ids;
    ids.sort();
    assert_eq!(destroyed, ids);
    // The plan, the journal, the shared file, the compiled policies.
    let files = files_under(world.home());
    assert!(
        files.iter().any(|path| path.ends_with("leases.db")),
        "{files:?}"
    );
    assert!(
        files
            .iter()
            .any(|path| path.to_string_lossy().contains("/runs/"))
    );
    for path in files {
        let content = std::fs::read(&path).expect("it is there");
        let key = world.key.as_bytes();
        let has_key = content.windows(key.len()).any(|part| part == key);
        assert!(!has_key, "the key is in {}", path.display());
    }
}

fn files_under(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_under(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn what_cannot_be_listed_makes_the_run_incomplete_and_the_other_backend_is_cleaned() {
    let world = World::new();
    let ids = world.leak(&["a", "b"]);
    world.fake.set_faults(FaultPlan {
        script: vec![Scripted {
            times: u64::MAX,
            ..Scripted::next("GET", "/sandbox?", Fault::Maintenance)
        }],
        ..FaultPlan::default()
    });
    let ended = world.clean();
    let ran = ended.json(6);
    assert_eq!(results(&ran), rows(&[("docker", "deleted", 3)]));
    assert_eq!(ran["failures"][0]["backend"], "daytona", "{ran:#}");
    assert!(ended.stderr.contains("maintenance"), "{}", ended.stderr);
    assert_eq!(world.containers(), 0);
    assert_eq!(world.fake.live().len(), ids.len());
}

#[test]
fn what_daytona_will_not_delete_is_reported_and_the_rest_is_done() {
    let world = World::new();
    world.leak(&["a", "b"]);
    // It is only hidden, and it stays because its fork does.
    world.fake.put(leaked("broken").state(State::Error));
    let parent = world.fake.put(leaked("parent"));
    let child = leaked("child").label("tbengine.protect", "true");
    world.fake.put(child.fork_of(&parent));
    let ran = world.clean().json(1);
    assert_eq!(
        results(&ran),
        rows(&[
            ("daytona", "blocked", 1),
            ("daytona", "deleted", 2),
            ("daytona", "stuck", 1),
            ("docker", "deleted", 3),
        ])
    );
    assert_eq!(world.containers(), 0);
    assert_eq!(world.fake.live().len(), 2);
}

#[test]
fn a_key_that_may_not_delete_is_told_by_plan_and_doctor_before_anything_is_tried() {
    let mut world = World::new();
    world.leak(&["a"]);
    world.fake.with(|cloud, _| {
        let held = [permission::WRITE_SANDBOXES, permission::DELETE_SNAPSHOTS];
        cloud.accounts.add_key("dtn_narrow", "narrow", 0, &held);
    });
    world.key = "dtn_narrow".into();
    let says = "the key lacks delete:sandboxes: deleting sandboxes will be refused";
    let plan = ["plan", "--backend", "daytona", "--policy", "aggressive"];
    let planned = world.tbengine(&plan);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert!(planned.stderr.contains(says), "{}", planned.stderr);
    std::fs::create_dir_all(world.home().join(".config/tbengine")).expect("a directory");
    std::fs::write(
        world.home().join(".config/tbengine/tbengine.toml"),
        "[backends.daytona]\nkind = \"daytona\"\n",
    )
    .expect("the configuration is written");
    let doctor = world.tbengine(&["doctor"]);
    assert!(
        doctor.stdout.contains(says),
        "{}\n{}",
        doctor.stdout,
        doctor.stderr
    );
    let changes = world.fake.record();
    assert!(
        changes
            .requests
            .iter()
            .all(|request| request.method == "GET")
    );

    // Then the run: what runs is at least stopped, and that is not called a deletion.
    let ran = world.clean().json(1);
    assert_eq!(
        results(&ran),
        rows(&[("daytona", "denied", 1), ("docker", "deleted", 3)])
    );
}

#[test]
fn of_a_session_that_harbor_created_several_times_the_newest_goes_on() {
    let world = World::new();
    let put = |trial: &str, minutes: u64| {
        let age = Duration::from_secs(minutes * 60);
        world.fake.put(leaked(trial).age(age).idle(age))
    };
    let (first, second, third) = (put("a", 62), put("a", 61), put("a", 60));
    // Somebody works in the first of these two: then the times of creation are no proof.
    let used = world.fake.put(
        leaked("b")
            .age(Duration::from_secs(3720))
            .idle(Duration::ZERO),
    );
    let newer = put("b", 60);
    let foreign = world.fake.put(sandbox().label("team", "research"));
    world.fake.put(leaked("broken").state(State::Error));
    let clean = || {
        let backends = ["--backend", "docker", "--backend", "daytona"];
        let policy = ["--policy", "harbor", "--output", "json"];
        world.tbengine(&[&["run"][..], &backends, &policy].concat())
    };
    // What failed is only hidden by its deletion, and the next run leaves it to Daytona.
    let ran = clean().json(1);
    assert_eq!(
        results(&ran),
        rows(&[("daytona", "deleted", 2), ("daytona", "stuck", 1)])
    );
    let record = world.fake.record();
    let destroyed = BTreeSet::from_iter(record.destroyed_by_callers());
    assert_eq!(destroyed, BTreeSet::from([&*first, &*second]));
    let live: BTreeSet<String> = world.fake.live().into_iter().collect();
    assert_eq!(live, BTreeSet::from([third, used, newer, foreign]));
    assert_eq!(results(&clean().json(0)), rows(&[]));
    assert_eq!(world.containers(), 3, "they are nobody's");
}

#[test]
fn a_private_authority_is_believed_by_the_variable_that_other_programs_read() {
    let world = World::new();
    world.leak(&["a"]);
    let front = world.threads.block_on(TlsFront::before(&world.fake));
    let front = front.expect("a loopback port is free");
    let authority = world.home().join("authority.pem");
    std::fs::write(&authority, front.authority()).expect("the certificate is written");
    let list = ["list", "--backend", "daytona", "--output", "json"];
    let authority = (
        "SSL_CERT_FILE",
        authority.to_str().expect("its path is text"),
    );
    let url = front.url();
    let listed = world.tbengine_with(&list, &[("DAYTONA_API_URL", &url), authority]);
    let resources = &listed.json(0)["resources"];
    assert_eq!(resources.as_array().map(Vec::len), Some(1), "{resources}");

    let refused = world.tbengine_with(&list, &[("DAYTONA_API_URL", &url)]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    let says = "is signed by an authority that is not trusted here";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
}
