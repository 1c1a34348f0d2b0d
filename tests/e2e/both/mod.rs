//! The program end to end over two backends in one run: a real Docker, on a private daemon, and Daytona,
//! as the fake service has it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_fake_daytona::{
    FakeDaytona, Fault, FaultPlan, Make, RunnerTimes, Scripted, Settings, State, TlsFront,
    permission, sandbox,
};
use tbengine_harness::{Ended, Home};
use tokio::runtime::Runtime;

use crate::on_docker;

/// Both providers, and the program that cleans them up.
struct World {
    daemon: Dockerd,
    fake: FakeDaytona,
    /// The key that the program gets.
    key: String,
    home: Home,
    // After the service, which lives on it.
    threads: Runtime,
}

impl World {
    /// Three containers that have ended, and nothing at Daytona yet.
    fn new() -> Self {
        let threads = Runtime::new().expect("a runtime starts");
        let settings = Settings {
            runner: RunnerTimes {
                pick_up: Duration::from_millis(5),
                destroy: Duration::from_millis(50),
                ..RunnerTimes::default()
            },
            ..Settings::default()
        };
        let fake = threads
            .block_on(FakeDaytona::start(settings))
            .expect("a loopback port is free");
        let (daemon, home) = on_docker();
        for number in 0..3 {
            daemon.run_to_end(&["--name", &format!("c{number}")], 1);
        }
        let world = Self {
            daemon,
            key: fake.key(),
            home: home.var("DAYTONA_API_URL", fake.url()),
            fake,
            threads,
        };
        let export = ["policy", "export", "aggressive", "-o", "aggressive.wasm"];
        world.tbengine(&export).with_code(0);
        world
    }

    /// Puts sandboxes there that Harbor left an hour ago, and answers their ids.
    fn leak(&self, trials: &[&str]) -> Vec<String> {
        let put = |trial: &&str| self.fake.put(leaked(trial));
        trials.iter().map(put).collect()
    }

    fn containers(&self) -> usize {
        self.daemon.containers().len()
    }

    /// Runs the program on both backends.
    fn tbengine(&self, arguments: &[&str]) -> Ended {
        self.tbengine_with(arguments, &[])
    }

    /// The same, with other variables in its environment.
    fn tbengine_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let key = [("DAYTONA_API_KEY", &*self.key)];
        let ended = self
            .home
            .run_with(arguments, &[&key[..], variables].concat());
        // Whatever it does, the key is its own business.
        assert!(!ended.stdout.contains(&self.key) && !ended.stderr.contains(&self.key));
        ended
    }

    /// Cleans both up with the policy from the file.
    fn clean(&self) -> Ended {
        let both = ["--backend", "docker", "--backend", "daytona"];
        let policy = ["--policy", "./aggressive.wasm", "--min-age", "0s"];
        let now = ["--set", "running-older-than=0s", "--stop-timeout", "0s"];
        let more = ["--max-delete", "100%", "--output", "json"];
        self.tbengine(&[&["run"][..], &both, &policy, &now, &more].concat())
    }
}

/// A sandbox that Harbor left.
fn leaked(trial: &str) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.session_id", format!("{trial}__DqmfGz2__env"))
        .age(Duration::from_secs(3600))
}

/// Backend and result of each outcome, and how many of each.
fn results(run: &Value) -> Vec<(String, String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for outcome in run["report"]["outcomes"].as_array().expect("outcomes") {
        let id = outcome["id"].as_str().expect("an id");
        let backend = id.split('/').next().unwrap_or_default().to_owned();
        let result = outcome["result"].as_str().expect("a result").to_owned();
        *counts.entry((backend, result)).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .map(|((backend, result), count)| (backend, result, count))
        .collect()
}

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
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    let saved = world.home.read("plan.json");
    assert!(!saved.contains(&world.key));

    let ran = world.clean().with_code(0).json();
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
    let files = files_under(world.home.directory());
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
    let ended = world.clean().with_code(6);
    let ran = ended.json();
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
    let ran = world.clean().with_code(1).json();
    assert_eq!(
        results(&ran),
        rows(&[
            ("daytona", "blocked", 1),
            ("daytona", "deleted", 2),
            ("daytona", "surrendered", 1),
            ("docker", "deleted", 3),
        ])
    );
    assert_eq!(world.containers(), 0);
    assert_eq!(world.fake.live().len(), 2);
}

#[test]
fn a_key_that_may_not_delete_is_reported_by_plan_and_doctor_before_anything_is_tried() {
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
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert!(planned.stderr.contains(says), "{}", planned.stderr);
    let table = "[backends.daytona]\nkind = \"daytona\"\n";
    world.home.write(".config/tbengine/tbengine.toml", table);
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
    let ran = world.clean().with_code(1).json();
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
    // Someone works in the first of these two: then the creation times prove nothing.
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
    let ran = clean().with_code(0).json();
    assert_eq!(
        results(&ran),
        rows(&[("daytona", "deleted", 2), ("daytona", "surrendered", 1)])
    );
    let record = world.fake.record();
    let destroyed = BTreeSet::from_iter(record.destroyed_by_callers());
    assert_eq!(destroyed, BTreeSet::from([&*first, &*second]));
    let live: BTreeSet<String> = world.fake.live().into_iter().collect();
    assert_eq!(live, BTreeSet::from([third, used, newer, foreign]));
    assert_eq!(results(&clean().with_code(0).json()), rows(&[]));
    assert_eq!(world.containers(), 3, "they are nobody's");
}

#[test]
fn a_private_authority_is_believed_by_the_variable_that_other_programs_read() {
    let world = World::new();
    world.leak(&["a"]);
    let front = world.threads.block_on(TlsFront::before(&world.fake));
    let front = front.expect("a loopback port is free");
    let authority = world.home.write("authority.pem", front.authority());
    let list = ["list", "--backend", "daytona", "--output", "json"];
    let authority = (
        "SSL_CERT_FILE",
        authority.to_str().expect("its path is text"),
    );
    let url = front.url();
    let listed = world.tbengine_with(&list, &[("DAYTONA_API_URL", &url), authority]);
    let resources = &listed.with_code(0).json()["resources"];
    assert_eq!(resources.as_array().map(Vec::len), Some(1), "{resources}");

    let refused = world.tbengine_with(&list, &[("DAYTONA_API_URL", &url)]);
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    let says = "is signed by an untrusted authority";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
}
