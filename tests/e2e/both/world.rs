//! A private dockerd, the fake Daytona service, and a home of its own for the program.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_fake_daytona::{FakeDaytona, Make, RunnerTimes, Settings, sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Both providers and whoever cleans them up.
pub(crate) struct World {
    pub(crate) daemon: Dockerd,
    pub(crate) fake: FakeDaytona,
    /// The key that the program gets.
    pub(crate) key: String,
    home: TempDir,
    // After the service, which lives on it.
    pub(crate) threads: Runtime,
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// Three containers that have ended, and nothing at Daytona yet.
    pub(crate) fn new() -> Self {
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
        let daemon = match Dockerd::start() {
            Ok(daemon) => daemon,
            Err(error) => panic!("{error}"),
        };
        for number in 0..3 {
            daemon.run_to_end(&["--name", &format!("c{number}")], 1);
        }
        let world = Self {
            daemon,
            key: fake.key(),
            fake,
            home: tempfile::tempdir().expect("a temporary directory"),
            threads,
        };
        let exported = world.tbengine(&["policy", "export", "aggressive", "-o", "aggressive.wasm"]);
        assert_eq!(exported.code, Some(0), "{}", exported.stderr);
        world
    }

    /// Puts sandboxes there that Harbor left an hour ago, and answers their ids.
    pub(crate) fn leak(&self, trials: &[&str]) -> Vec<String> {
        trials
            .iter()
            .map(|trial| self.fake.put(leaked(trial)))
            .collect()
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The names of the containers that exist.
    pub(crate) fn containers(&self) -> usize {
        self.daemon.docker(&["ps", "-aq"]).lines().count()
    }

    /// Runs the program on both backends.
    pub(crate) fn tbengine(&self, arguments: &[&str]) -> Ended {
        self.tbengine_with(arguments, &[])
    }

    /// The same, with other variables in its environment.
    pub(crate) fn tbengine_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_tbengine"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            // Compiled policies are the same for every test.
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("DOCKER_HOST", self.daemon.host())
            .env("DAYTONA_API_URL", self.fake.url())
            .env("DAYTONA_API_KEY", &self.key)
            .envs(variables.iter().copied())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let ended = Ended::from(output);
        // Whatever it does, the key is its own business.
        assert!(!ended.stdout.contains(&self.key) && !ended.stderr.contains(&self.key));
        ended
    }

    /// Cleans both up with the policy from the file.
    pub(crate) fn clean(&self) -> Ended {
        let both = ["--backend", "docker", "--backend", "daytona"];
        let policy = ["--policy", "./aggressive.wasm", "--min-age", "0s"];
        let now = ["--set", "running-older-than=0s", "--stop-timeout", "0s"];
        let more = ["--max-delete", "100%", "--output", "json"];
        self.tbengine(&[&["run"][..], &both, &policy, &now, &more].concat())
    }
}

/// A sandbox that Harbor left.
pub(crate) fn leaked(trial: &str) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.session_id", format!("{trial}__DqmfGz2__env"))
        .age(Duration::from_secs(3600))
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// Standard output as JSON, after checking the exit code.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// Backend and result of each outcome, and how many of each.
pub(crate) fn results(run: &Value) -> Vec<(String, String, usize)> {
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
