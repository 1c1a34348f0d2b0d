//! How runs end, and what they say of that.

use std::time::{Duration, Instant};

use tbengine_fake_daytona::{Runner, State, VolumeState, permission, sandbox};

use super::{DAY, HOUR, World, counted, leaked};

#[test]
fn what_is_only_hidden_is_no_failure_and_no_candidate_any_more() {
    let world = World::new();
    for state in [[State::Error; 14].as_slice(), &[State::BuildFailed; 5]].concat() {
        world.fake.put(sandbox().state(state).age(2 * DAY));
    }
    let failed = ["--state", "failed"];
    assert_eq!(world.run(&failed, 0), counted(&[("surrendered", 19)]));
    for _ in 0..4 {
        assert_eq!(world.run(&failed, 0), []);
    }
    assert_eq!(world.planned(&failed), [""; 0]);
    let record = world.fake.record();
    assert_eq!(record.count("DELETE", "/sandbox/"), 19);
}

#[test]
fn how_long_a_deletion_may_take_is_the_operators() {
    let world = World::new();
    world.fake.put(leaked("away").runner(Runner::Away));
    let began = Instant::now();
    let stuck = ["--stuck-after", "500ms"];
    assert_eq!(world.run(&stuck, 1), counted(&[("stuck", 1)]));
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_key_that_may_delete_and_not_stop_deletes_what_runs() {
    let mut world = World::new();
    world.fake.with(|cloud, _| {
        let held = [permission::DELETE_SANDBOXES];
        cloud.accounts.add_key("dtn_narrow", "narrow", 0, &held);
    });
    world.key = "dtn_narrow".into();
    for trial in ["a", "b", "c"] {
        world.fake.put(leaked(trial));
    }
    assert_eq!(world.run(&[], 0), counted(&[("deleted", 3)]));
    assert_eq!(world.requests("POST", "/stop"), 0);
}

#[test]
fn the_reason_of_the_provider_is_shown() {
    let world = World::new();
    world.home.write(
        ".config/tbengine/tbengine.toml",
        "[backends.daytona]\nkind = \"daytona\"\nexclusive = true\n",
    );
    world.fake.with(|cloud, now| {
        let long_ago = now.minus(2 * DAY);
        let id = cloud.put_volume(0, "data", VolumeState::Ready, long_ago);
        cloud.fail_volume(&id, "the bucket is not empty");
    });
    let fails = Runner::Fails("no space left on device".into());
    world.fake.put(leaked("full").runner(fails));
    let run = world.report(&["--retries", "1", "--retry-delay", "10ms"], 1);
    let outcomes = run["report"]["outcomes"].as_array().unwrap();
    let detail = |result: &str| {
        let found = outcomes.iter().find(|one| one["result"] == result);
        found.unwrap_or_else(|| panic!("{run}"))["detail"].to_string()
    };
    let failed = detail("failed");
    assert!(failed.contains("the bucket is not empty"), "{failed}");
    let hidden = detail("surrendered");
    assert!(hidden.contains("no space left on device"), "{hidden}");
}

#[test]
fn a_cause_is_whole_in_a_pipe() {
    let world = World::new();
    world.home.write(
        ".config/tbengine/tbengine.toml",
        "[backends.daytona]\nkind = \"daytona\"\nexclusive = true\n",
    );
    let id = "4f3a".repeat(16);
    let long = format!(
        "the driver of volume {id} {} failed: device or resource busy",
        "x".repeat(60)
    );
    world.fake.with(|cloud, now| {
        let long_ago = now.minus(2 * DAY);
        let volume = cloud.put_volume(0, "data", VolumeState::Ready, long_ago);
        cloud.fail_volume(&volume, long);
    });
    let run = ["run", "--yes", "--retries", "0"];
    let ended = world.tbengine(&run).with_code(1);
    assert!(
        ended.stdout.contains("failed: device or resource busy"),
        "{}",
        ended.stdout
    );
    // Long ids inside messages are as short as they are elsewhere.
    assert!(
        ended.stdout.contains("volume 4f3a4f3a4f3a "),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains(&id));
}

#[test]
fn what_comes_back_each_night_is_named() {
    let world = World::new();
    for night in 0..4 {
        world.fake.put(
            leaked("worker")
                .name("worker-1")
                .age((10 - night) * 2 * DAY),
        );
        let ended = world.tbengine(&["run", "--yes"]).with_code(0);
        let said = ended.stderr.contains("sandbox worker-1 was deleted in");
        assert_eq!(said, night >= 2, "{night}: {}", ended.stderr);
    }
}

#[test]
fn a_report_over_two_backends_says_which_is_which() {
    let world = World::new();
    // Another organization.
    let other = World::with(tbengine_fake_daytona::Settings {
        seed: 2,
        ..Default::default()
    });
    let table = |name: &str, url: String, key: &str| {
        world.home.write(&format!("{name}.key"), key);
        let file = world.home.path(&format!("{name}.key"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        format!(
            "[backends.{name}]\nkind = \"daytona\"\napi-url = \"{url}\"\napi-key-file = \"{}\"\n",
            file.display()
        )
    };
    let first = table("east", world.fake.url(), &world.key);
    let second = table("west", other.fake.url(), &other.key);
    world
        .home
        .write(".config/tbengine/tbengine.toml", &(first + &second));
    world.fake.put(leaked("a"));
    other.fake.put(leaked("b"));
    let foreign = sandbox().age(HOUR).label("tbengine.protect", "true");
    other.fake.put(foreign.label("harbor.managed", "true"));
    let plan = world.bare(&["plan"]).with_code(0).stdout;
    let ran = world.bare(&["run", "--yes"]).with_code(0).stdout;
    for shown in [plan, ran] {
        let mut lines = shown.lines();
        assert!(lines.next().unwrap().contains("BACKEND"), "{shown}");
        let mut rows: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        rows.sort_by_key(|row| row.contains("west"));
        assert_eq!(rows.len(), 2, "{shown}");
        assert!(
            rows[0].contains("east") && rows[1].contains("west"),
            "{shown}"
        );
    }
    // With one it does not matter.
    let one = world.bare(&["plan", "--backend", "west"]).with_code(0);
    assert!(!one.stdout.contains("BACKEND"), "{}", one.stdout);
}
