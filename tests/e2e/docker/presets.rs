//! The policies for one benchmark: what a killed harness left goes unit by unit, and nothing else does.

use std::collections::BTreeSet;

use serde_json::Value;
use tbengine_dockerd::Dockerd;

use crate::on_docker;

/// A compose project as a benchmark makes one.
struct Project<'a> {
    daemon: &'a Dockerd,
    name: String,
}

impl<'a> Project<'a> {
    /// The project with its network and a named volume.
    fn new(daemon: &'a Dockerd, name: &str) -> Self {
        let project = Self {
            daemon,
            name: name.to_owned(),
        };
        let label = project.label();
        daemon.create_network(&format!("{name}_default"), &["--label", &label]);
        daemon.create_volume(&format!("{name}_data"), &["--label", &label]);
        project
    }

    fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.name)
    }

    /// A running container of a service, in the project's network and with its volume.
    fn run(&self, service: &str, name: &str) {
        let volume = format!("{}_data:/data", self.name);
        let network = format!("{}_default", self.name);
        let service = format!("com.docker.compose.service={service}");
        // Compose names its files on the containers of all services.
        let files = format!(
            "com.docker.compose.project.config_files=/tasks/compose.yaml,/tmp/{}-docker-compose-resources.json",
            self.name
        );
        let labels = [self.label(), service, files];
        let mut options = vec!["--name", name, "--network", &network, "--volume", &volume];
        options.extend(labels.iter().flat_map(|label| ["--label", label]));
        self.daemon.run_sleeper(&options);
    }

    /// The same, killed as a second Ctrl-C does it: it exits with 137, and the rest stays.
    fn leave(&self, service: &str, name: &str) {
        self.run(service, name);
        self.daemon.docker(&["kill", name]);
        self.daemon.docker(&["wait", name]);
    }
}

/// The names of all networks and volumes that belong to a project.
fn used(daemon: &Dockerd) -> BTreeSet<String> {
    let filter = ["--filter", "label=com.docker.compose.project"];
    let list = |what: &str| {
        let format = ["ls", "--format", "{{.Name}}"];
        let names = daemon.docker(&[&[what], &format[..], &filter].concat());
        names.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    [list("network"), list("volume")]
        .concat()
        .into_iter()
        .collect()
}

fn both_of(projects: &[&str]) -> BTreeSet<String> {
    let of = |project: &&str| [format!("{project}_default"), format!("{project}_data")];
    projects.iter().flat_map(of).collect()
}

/// What became of what the plan named, and why it went.
fn ended(ran: &Value) -> Vec<(&str, &str)> {
    let outcomes = ran["report"]["outcomes"].as_array().unwrap();
    outcomes
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (text("name"), text("result"))
        })
        .collect()
}

const TRIAL: &str = "hello-1-of-1-2026-01-02__03-04-05";

#[test]
fn only_dead_units_of_the_benchmark_go() {
    let (daemon, home) = on_docker();
    let twice = Project::new(&daemon, "solve__abc2234__env");
    twice.leave("main", "solve__abc2234__env-main-1");
    twice.leave("db", "solve__abc2234__env-db-1");
    // The main container is gone, what served it goes on.
    let headless = Project::new(&daemon, "solve__bcd2345__env");
    headless.run("db", "solve__bcd2345__env-db-1");
    headless.leave("main", "solve__bcd2345__env-main-1");
    // Nothing is left but the network and the volume, and a name proves nothing.
    Project::new(&daemon, "solve__cde3456__env");
    // The same will be of this one, whose container was seen before.
    let seen = Project::new(&daemon, "solve__efg5678__env");
    seen.run("main", "solve__efg5678__env-main-1");
    let live = Project::new(&daemon, "solve__def4567__env");
    live.leave("setup", "solve__def4567__env-setup-1");
    live.run("main", "solve__def4567__env-main-1");
    let foreign = Project::new(&daemon, "shop");
    foreign.leave("main", "shop-main-1");
    daemon.run_to_end(&["--name", "plain"], 137);
    // A look into the image of a trial: it inherits the labels that compose gave the image.
    let look = ["--name", "look", "--label", &twice.label()];
    daemon.run_to_end(
        &[&look[..], &["--label", "com.docker.compose.service=main"]].concat(),
        0,
    );
    let trial = Project::new(&daemon, TRIAL);
    trial.leave("client", TRIAL);
    for image in ["hb__solve", "company/release"] {
        daemon.create_image(image);
    }
    let before = daemon.containers().len();

    let run = |policy: &str, more: &[&str]| {
        let run = ["run", "--policy", policy, "--min-age", "0s", "--yes"];
        let settings = ["--set", "dead-older-than=0s", "--stop-timeout", "100ms"];
        let (ran, code) = home.json(&[&run[..], &settings, more].concat());
        assert_eq!(code, 0, "{ran:#}");
        ran
    };
    let ran = run("harbor", &[]);
    for (name, result) in ended(&ran) {
        assert_eq!(result, "deleted", "{name}");
    }
    assert_eq!(
        daemon.containers(),
        [
            TRIAL,
            "look",
            "plain",
            "shop-main-1",
            "solve__def4567__env-main-1",
            "solve__def4567__env-setup-1",
            "solve__efg5678__env-main-1",
        ]
    );
    assert_eq!(before - daemon.containers().len(), 4);
    assert_eq!(
        used(&daemon),
        both_of(&[
            "shop",
            "solve__cde3456__env",
            "solve__def4567__env",
            "solve__efg5678__env",
            TRIAL
        ])
    );
    daemon.docker(&["rm", "--force", "solve__efg5678__env-main-1"]);
    let ran_again = run("harbor", &[]);
    let names: BTreeSet<String> = ended(&ran_again)
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names, both_of(&["solve__efg5678__env"]));
    let reason = |name: &str| {
        let steps = ran["plan"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        step["reason"].as_str().unwrap().to_owned()
    };
    let first = reason("solve__abc2234__env-main-1");
    assert!(first.starts_with("exited (137) "), "{first}");
    let served = reason("solve__bcd2345__env-db-1");
    let over = "its unit is finished: `solve__bcd2345__env-main-1` exited (137) ";
    assert!(
        served.starts_with("running, ") && served.contains(over),
        "{served}"
    );

    let ran = run("terminal-bench", &[]);
    assert_eq!(ended(&ran).len(), 3, "{ran:#}");
    assert_eq!(
        used(&daemon),
        both_of(&["shop", "solve__cde3456__env", "solve__def4567__env"])
    );
    // Images are shared, so they go on request only, and those of the benchmark only.
    let images = ["--set", "images=true", "--set", "image-older-than=0s"];
    assert_eq!(ended(&run("harbor", &[])), []);
    assert_eq!(
        ended(&run("harbor", &images)),
        [("hb__solve:latest", "deleted")]
    );
    assert_eq!(daemon.containers().len(), 5);
}

#[test]
fn a_narrow_scope_never_makes_a_live_unit_look_dead() {
    let (daemon, home) = on_docker();
    let live = Project::new(&daemon, "solve__abc2234__env");
    live.run("main", "solve__abc2234__env-main-1");
    live.leave("setup", "solve__abc2234__env-setup-1");
    let plan = [
        "plan",
        "--policy",
        "harbor",
        "--set",
        "dead-older-than=0s",
        "--min-age",
        "0s",
        "--state",
        "exited,present",
    ];
    let (planned, code) = home.json(&plan);
    assert_eq!(code, 0, "{planned:#}");
    assert_eq!(
        planned["plan"]["steps"],
        Value::Array(Vec::new()),
        "{planned:#}"
    );
}
