//! What is on the disk before something is done, by the order of the system calls.

use std::path::{Path, PathBuf};

use tbengine_harness::{Home, Strace, SystemCall, Traced};

use crate::{home, on_docker};

/// Where the state lies in a home.
const STATE: &str = ".local/state/tbengine";
/// The calls that change files and directories, that make them durable, and that send something.
const CALLS: [&str; 12] = [
    "pwrite64",
    "write",
    "writev",
    "sendto",
    "sendmsg",
    "fsync",
    "fdatasync",
    "rename",
    "mkdir",
    "clone",
    "clone3",
    "vfork",
];
/// As much of each buffer as a page of a database has, and the header of a log's frame.
const SHOWN: usize = 4096 + 24;

/// Calls in their order.
struct Order {
    home: PathBuf,
    calls: Vec<SystemCall>,
}

impl Order {
    fn new(home: &Home, traced: Traced) -> Self {
        assert_eq!(traced.code, Some(0), "{}", traced.stderr);
        Self {
            home: home.directory().to_owned(),
            calls: traced.calls,
        }
    }

    fn state(&self) -> PathBuf {
        self.home.join(STATE)
    }

    /// The places of the calls of which this holds.
    fn all(&self, holds: impl Fn(&SystemCall) -> bool) -> Vec<usize> {
        let calls = self.calls.iter().enumerate();
        calls
            .filter(|(_, call)| call.succeeded() && holds(call))
            .map(|(place, _)| place)
            .collect()
    }

    /// The place of the first call of a name about a file, from a place on.
    #[track_caller]
    fn first(&self, from: usize, names: &[&str], file: &Path) -> usize {
        let found = self.all(|call| is_of(call, names, file));
        let found = found.into_iter().find(|place| *place >= from);
        found.unwrap_or_else(|| panic!("no {names:?} of {} after call {from}", file.display()))
    }

    /// The place of the last call of a name about a file.
    #[track_caller]
    fn last(&self, names: &[&str], file: &Path) -> usize {
        let found = self.all(|call| is_of(call, names, file));
        let found = found.last().copied();
        found.unwrap_or_else(|| panic!("no {names:?} of {}", file.display()))
    }

    /// Where a file that is written beside its place has that place durably, name and all.
    #[track_caller]
    fn in_place(&self, new: &Path) -> usize {
        let written = self.last(&["write", "pwrite64"], new);
        let synced = self.first(written, &["fsync", "fdatasync"], new);
        let renamed = self.first(0, &["rename"], new);
        assert!(
            synced < renamed,
            "{} is renamed before it is durable",
            new.display()
        );
        let directory = new.parent().expect("it lies in a directory");
        self.first(renamed, &["fsync"], directory)
    }

    /// Checks that every directory that is made for the state is durable at a place.
    #[track_caller]
    fn directories_are_durable_at(&self, place: usize) {
        let made =
            self.all(|call| call.name == "mkdir" && Path::new(&call.file).starts_with(&self.home));
        assert!(!made.is_empty());
        for made in made.into_iter().filter(|made| *made < place) {
            let directory = Path::new(&self.calls[made].file);
            let parent = directory.parent().expect("it lies in a directory");
            let synced = self.first(made, &["fsync"], parent);
            assert!(synced < place, "{} may be lost", directory.display());
        }
    }
}

fn is_of(call: &SystemCall, names: &[&str], file: &Path) -> bool {
    names.contains(&&*call.name) && Path::new(&call.file) == file
}

/// Whether a call sends a request that may change something.
fn is_change(call: &SystemCall) -> bool {
    let is_sent = ["write", "writev", "sendto", "sendmsg"].contains(&&*call.name);
    is_sent
        && ["\"DELETE /", "\"POST /"]
            .iter()
            .any(|begin| call.rest.contains(begin))
}

#[test]
fn the_approved_plan_and_each_intent_are_written_before_the_request() {
    let (daemon, home) = on_docker();
    // Named by a label, since nobody is known to own what runs.
    let ours = ["--label", "order=yes"];
    let mut containers = vec![daemon.run_sleeper(&ours)];
    containers.extend((0..3).map(|_| daemon.create(&ours, &["true"])));
    let run = [
        "run",
        "--yes",
        "--policy",
        "aggressive",
        "--kind",
        "container",
        "--label",
        "order=yes",
        "--force",
        "--min-age",
        "0s",
        "--max-delete",
        "100",
        "--set",
        "running-older-than=0s",
        "--set",
        "dead-older-than=0s",
    ];
    let traced = Strace::of(&CALLS).showing(SHOWN).run(&home, &run);
    let order = Order::new(&home, traced);
    let (runs, _) = home.json(&["history"]);
    let run = runs[0]["run"].as_str().expect("an id").to_owned();
    let (record, _) = home.json(&["history", &run]);
    let file = |end: &str| order.state().join(format!("runs/{run}.{end}"));

    let requests = order.all(is_change);
    let first = *requests.first().expect("requests");
    let approved = order.in_place(&file("new"));
    assert!(
        approved < first,
        "a request leaves before the plan is durable"
    );
    order.directories_are_durable_at(first);

    let (log, mut stopped) = (file("db-wal"), 0);
    for container in &containers {
        let steps = record["step-records"].as_array().expect("steps");
        let is_it = |step: &&serde_json::Value| {
            step["id"]
                .as_str()
                .is_some_and(|id| id.ends_with(container.as_str()))
        };
        let step = steps.iter().find(is_it).expect("it is deleted");
        let intent = format!(r#"\"entry\":\"intent\",\"step\":{},"#, step["step"]);
        let intents =
            order.all(|call| is_of(call, &["pwrite64"], &log) && call.rest.contains(&intent));
        let intended = *intents.first().expect("an intent");
        let about = requests
            .iter()
            .filter(|place| order.calls[**place].rest.contains(container.as_str()));
        let about: Vec<_> = about.collect();
        assert!(!about.is_empty(), "{container} is not deleted");
        assert!(
            about.iter().all(|place| intended < **place),
            "a request leaves before its intent is written"
        );
        stopped += about.len() - 1;
    }
    assert!(stopped > 0, "nothing was stopped first");

    // The end is durable: the log, and then the record.
    let synced = order.first(order.last(&["pwrite64"], &log), &["fdatasync"], &log);
    let written = order.last(&["pwrite64"], &file("db"));
    assert!(
        synced < written,
        "the record changes before its log is durable"
    );
    order.first(written, &["fdatasync"], &file("db"));
}

#[test]
fn a_lease_is_durable_before_anyone_relies_on_it() {
    let lease = |order: &Order, part: &str| {
        order.in_place(&order.state().join(format!("leases/ordered.{part}.new")))
    };
    let durable = |order: &Order| lease(order, "baseline").max(lease(order, "json"));

    let host = home().memory("");
    let acquire = ["lease", "acquire", "--run-id", "ordered"];
    let order = Order::new(
        &host,
        Strace::of(&CALLS).showing(SHOWN).run(&host, &acquire),
    );
    let shown = order.all(|call| call.name == "write" && call.rest.contains("\"ordered\\n\""));
    let shown = *shown.first().expect("the id is shown");
    assert!(durable(&order) < shown);
    order.directories_are_durable_at(shown);

    let host = home().memory("");
    let guard = [
        "guard",
        "--run-id",
        "ordered",
        "--settle-time",
        "50ms",
        "--",
        "true",
    ];
    let order = Order::new(&host, Strace::of(&CALLS).showing(SHOWN).run(&host, &guard));
    let is_process = |call: &SystemCall| {
        ["clone", "clone3", "vfork"].contains(&&*call.name) && !call.rest.contains("CLONE_THREAD")
    };
    // The first ones are asked what they are; the last one is the command.
    let started = *order.all(is_process).last().expect("it starts something");
    let leases = order.state().join("leases");
    let first = order.first(
        order.first(0, &["rename"], &leases.join("ordered.json.new")),
        &["fsync"],
        &leases,
    );
    assert!(first < started);
    order.directories_are_durable_at(started);
}
