//! The official Python client must be able to work with the fake: that is the proof that the fake is
//! faithful. It is installed once, into a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use tbengine_fake_daytona::{By, FakeDaytona, Runner, Settings, State, sandbox};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// The Python of a virtual environment that has the official client; the tests share it.
static PYTHON_WITH_CLIENT: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = format!("{PYTHON}/requirements.txt");
    tbengine_venv::python(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        requirements.as_ref(),
    )
});

/// What the script saw.
async fn official_client(fake: &FakeDaytona, script: &str) -> Value {
    let (url, key) = (fake.url(), fake.key());
    let script = format!("{PYTHON}/{script}");
    let printed = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(&*PYTHON_WITH_CLIENT);
        command.arg(script).current_dir(PYTHON);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DAYTONA_") {
                command.env_remove(name);
            }
        }
        command
            .env("DAYTONA_API_URL", url)
            .env("DAYTONA_API_KEY", key);
        tbengine_venv::run(&mut command, "the official client was not content")
    });
    serde_json::from_str(&printed.await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_lists_gets_creates_and_deletes() {
    let fake = FakeDaytona::start(Settings {
        sandboxes: 120,
        ..Settings::default()
    })
    .await
    .unwrap();
    // The first of the listing, which the client deletes twice.
    let last = sandbox().runner(Runner::Away).idle(Default::default());
    let wedged = fake.put(last);
    let mut live = fake.live();
    live.sort();
    let seen = official_client(&fake, "official_client.py").await;
    assert_eq!(seen["listed"], serde_json::json!(live));
    let made = &seen["made"];
    assert_eq!(seen["state"], "started");
    assert_eq!(seen["labelled"], serde_json::json!([made]));
    assert_eq!(&seen["by_name"], made);
    assert_eq!(seen["after_delete"], "destroyed");
    assert_eq!(seen["get_after_delete"], "DaytonaNotFoundError");
    assert_eq!(seen["deleted"], wedged);
    assert_eq!(seen["delete_again"], "DaytonaConflictError");
    assert_eq!(
        (&seen["snapshots"], &seen["volumes"]),
        (&3.into(), &1.into())
    );
    let gone = fake.record().destroyed;
    assert_eq!(gone.len(), 1);
    assert_eq!(
        (&Value::from(gone[0].id.as_str()), &gone[0].by),
        (made, &By::Key("key-0".into()))
    );
    fake.with(|cloud, _| {
        assert_eq!(cloud.truth(&wedged).unwrap().shown(), State::Destroying);
    });
}

/// Servers that are older than the client make it fail after the sandbox runs: a leak.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_leaks_where_the_server_is_older() {
    let fake = FakeDaytona::start(Settings {
        kvm: false,
        ..Settings::default()
    })
    .await
    .unwrap();
    let seen = official_client(&fake, "create_only.py").await;
    assert_eq!(seen["raised"], true);
    assert_eq!(fake.live().len(), 1);
}

/// What is linked goes with its owner, as the client sees it as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_links_sandboxes_that_go_together() {
    let fake = FakeDaytona::start(Settings::default()).await.unwrap();
    let seen = official_client(&fake, "linked.py").await;
    assert_eq!(seen["link"], seen["owner"]);
    let after = seen["follower_after"].as_str().unwrap();
    assert!(
        matches!(after, "destroying" | "DaytonaNotFoundError"),
        "{seen}"
    );
    let service = fake.record().destroyed.into_iter();
    let gone = service.filter(|gone| gone.by == By::Service("linked"));
    assert!(gone.count() <= 1);
}
