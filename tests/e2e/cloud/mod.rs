//! The program over the fake Daytona service alone, and what it shows of that.

mod doctor;
mod outcomes;
mod scope;

use std::time::Duration;

use serde_json::Value;
use tbengine_fake_daytona::{FakeDaytona, Make, RunnerTimes, Settings, sandbox};
use tbengine_harness::{Ended, Home};
use tokio::runtime::Runtime;

use crate::home;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The service, and the program that cleans it up.
struct World {
    fake: FakeDaytona,
    /// The key that the program gets.
    key: String,
    home: Home,
    // After the service, which lives on it.
    _threads: Runtime,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    /// One whose runners are quick, and otherwise set so.
    fn with(settings: Settings) -> Self {
        let threads = Runtime::new().expect("a runtime starts");
        let runner = RunnerTimes {
            pick_up: Duration::from_millis(5),
            stop: Duration::from_millis(20),
            destroy: Duration::from_millis(50),
            archive: Duration::from_millis(50),
            ..settings.runner
        };
        let settings = Settings { runner, ..settings };
        let fake = threads
            .block_on(FakeDaytona::start(settings))
            .expect("a loopback port is free");
        Self {
            key: fake.key(),
            home: home().var("DAYTONA_API_URL", fake.url()),
            fake,
            _threads: threads,
        }
    }

    /// Runs the program, with the key in its environment.
    fn bare(&self, arguments: &[&str]) -> Ended {
        let key = [("DAYTONA_API_KEY", &*self.key)];
        let ended = self.home.run_with(arguments, &key);
        assert!(!ended.stdout.contains(&self.key) && !ended.stderr.contains(&self.key));
        ended
    }

    /// Runs a command about the service.
    fn tbengine(&self, arguments: &[&str]) -> Ended {
        self.bare(&[arguments, &["--backend", "daytona"]].concat())
    }

    /// Runs a plan, and answers how many steps ended in each way.
    fn run(&self, arguments: &[&str], code: i32) -> Vec<(String, usize)> {
        let run = self.report(arguments, code);
        let mut counts = std::collections::BTreeMap::new();
        for outcome in run["report"]["outcomes"].as_array().expect("outcomes") {
            let result = outcome["result"].as_str().expect("a result");
            *counts.entry(result.to_owned()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// Runs a plan, and answers the document.
    fn report(&self, arguments: &[&str], code: i32) -> Value {
        let all = ["run", "--yes", "--max-delete", "100%", "--output", "json"];
        let ended = self.tbengine(&[&all, arguments].concat());
        ended.with_code(code).json()
    }

    /// The native ids of what is planned.
    fn planned(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.tbengine(&[&["plan", "--output", "json"], arguments].concat());
        let plan = ended.with_code(0).json();
        let steps = plan["plan"]["steps"].as_array().expect("steps").iter();
        let mut ids: Vec<String> = steps
            .map(|step| step["target"]["native"].as_str().expect("an id").to_owned())
            .collect();
        ids.sort();
        ids
    }

    /// The native ids of what is listed.
    fn listed(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.tbengine(&[&["list", "--output", "json"], arguments].concat());
        let list = ended.with_code(0).json();
        let found = list["resources"].as_array().expect("resources").iter();
        let native = |one: &Value| one["identity"]["native"].as_str().map(str::to_owned);
        let mut ids: Vec<String> = found.filter_map(native).collect();
        ids.sort();
        ids
    }

    /// How many requests of this method went to a path that ends so.
    fn requests(&self, method: &str, end: &str) -> usize {
        let record = self.fake.record();
        let requests = record.requests.iter();
        requests
            .filter(|one| one.method == method && one.path.ends_with(end))
            .count()
    }
}

/// A sandbox that Harbor left two days ago.
fn leaked(trial: &str) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.session_id", format!("{trial}__DqmfGz2__env"))
        .age(2 * DAY)
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

fn counted(counts: &[(&str, usize)]) -> Vec<(String, usize)> {
    let owned = |(word, count): &(&str, usize)| ((*word).to_owned(), *count);
    counts.iter().map(owned).collect()
}
