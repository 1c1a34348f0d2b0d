//! The leaked inventory, made from a seed: a host after several killed benchmark runs.
//!
//! The first [`DEFAULT_RESOURCES`](crate::config::DEFAULT_RESOURCES) resources are one of every kind;
//! after them come ever more trials. Each resource follows what it uses, so that every number of
//! resources leaves a host without dangling relations.

use std::collections::HashMap;
use std::time::Duration;

use tbengine_sdk::{Identity, Kind, State, Timestamp};

use crate::config::MemoryConfig;
use crate::entry::{Account, Entry};
use crate::make::{self, Make, random_id};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const GIB: u64 = 1 << 30;

const TASKS: &[&str] = &[
    "fix-git",
    "sqlite-db-truncate",
    "hello-world",
    "build-linux-kernel-qemu",
    "chess-best-move",
    "crack-7z-hash",
    "train-fasttext",
    "nginx-request-logging",
    "polyglot-c-py",
    "swe-bench-astropy-1",
    "write-compressor",
    "qemu-alpine-ssh",
];

/// Makes the inventory.
#[expect(clippy::vec_box, reason = "growing the list would move every entry")]
pub(crate) fn inventory(
    config: &MemoryConfig,
    account: &Account,
    now: Timestamp,
) -> Vec<Box<Entry>> {
    let mut host = Host {
        random: fastrand::Rng::with_seed(config.seed),
        entries: Vec::with_capacity(config.resources + 8),
        images: HashMap::new(),
        labels: (0..config.labels.unwrap_or(0))
            .map(|number| {
                (
                    format!("example.com/label-{number}"),
                    format!("value {number}"),
                )
            })
            .collect(),
        hostile: (config.hostile_label > 0).then(|| hostile(config.hostile_label)),
        account,
        now,
    };
    host.every_sort();
    while host.entries.len() < config.resources {
        host.one_more_trial();
    }
    host.entries.truncate(config.resources);
    host.entries
}

#[expect(clippy::vec_box, reason = "growing the list would move every entry")]
struct Host<'a> {
    random: fastrand::Rng,
    entries: Vec<Box<Entry>>,
    images: HashMap<String, Identity>,
    /// What fills the labels of a resource up.
    labels: Vec<(String, String)>,
    hostile: Option<String>,
    account: &'a Account,
    now: Timestamp,
}

impl Host<'_> {
    fn every_sort(&mut self) {
        self.harbor_trials();
        self.terminal_bench_trials();
        self.sandboxes();
        self.other_people();
        self.oddities();
    }

    fn harbor_trials(&mut self) {
        // The worker was killed with SIGKILL: its container runs forever.
        self.harbor_trial("fix-git", Left::new(State::Running, 0, 26 * HOUR), false);
        // Ctrl-C twice: exited with 137, and nothing was taken down.
        self.harbor_trial(
            "sqlite-db-truncate",
            Left::new(State::Exited, 137, 3 * DAY),
            true,
        );
        self.harbor_trial("fix-git", Left::new(State::Exited, 0, 30 * HOUR), false);
        self.harbor_trial("fix-git", Left::new(State::Paused, 0, 5 * HOUR), false);
        // The address pools were used up: created, never started. The next one left only its network.
        let trial = self.harbor_names("sqlite-db-truncate");
        self.harbor_network(&trial, 2 * HOUR);
        self.harbor_container(
            &trial,
            "sqlite-db-truncate",
            Left::new(State::Created, 0, 2 * HOUR),
            &[],
        );
        let trial = self.harbor_names("fix-git");
        self.harbor_network(&trial, 4 * DAY);
    }

    fn terminal_bench_trials(&mut self) {
        self.terminal_bench_trial("hello-world", Left::new(State::Exited, 1, 2 * DAY));
        self.terminal_bench_trial("hello-world", Left::new(State::Running, 0, 9 * HOUR));
        self.terminal_bench_trial("chess-best-move", Left::new(State::Dead, 137, 6 * DAY));
    }

    fn sandboxes(&mut self) {
        for (state, age) in [
            (State::Failed, 2 * DAY),
            (State::Stopped, 8 * DAY),
            (State::Archived, 40 * DAY),
        ] {
            let session = self.trial("train-fasttext") + "__env";
            self.sandbox(&session, state, age);
        }
        // Created twice, because the first reply was lost: two live sandboxes of one session.
        let session = self.trial("polyglot-c-py") + "__env";
        self.sandbox(&session, State::Running, 20 * HOUR);
        self.sandbox(&session, State::Running, 20 * HOUR - MINUTE);
        for age in [9 * DAY, 2 * DAY] {
            let name = format!("harbor__{:012x}__snapshot", self.random.u64(..1 << 48));
            self.put(make::snapshot(&name).disk(2 * GIB).created(seconds(age)));
        }
    }

    /// Resources that must not be touched, as no fact says that a benchmark left them.
    fn other_people(&mut self) {
        let image = self.image("postgres:16", 90 * DAY);
        let volume = self.put(
            make::volume("pgdata")
                .created(seconds(60 * DAY))
                .disk(3 * GIB),
        );
        self.put(
            make::container("postgres")
                .running()
                .created(seconds(60 * DAY))
                .attr("image", "postgres:16")
                .attr("restart-policy", "unless-stopped")
                .uses(&image)
                .uses(&volume),
        );
        self.put(
            make::container("paper-figures")
                .created(seconds(12 * DAY))
                .finished(seconds(11 * DAY))
                .label("tbengine.protect", "true"),
        );
        let keep_until = self.now.plus(seconds(2 * DAY)).to_string();
        self.put(
            make::volume("rollouts-cache")
                .created(seconds(5 * DAY))
                .label("tbengine.keep-until", keep_until),
        );
    }

    fn oddities(&mut self) {
        self.put(
            make::container("flaky-proxy")
                .state(State::Restarting)
                .created(seconds(DAY))
                .attr("restart-policy", "always"),
        );
        self.put(
            make::image("<none>:<none>")
                .created(seconds(14 * DAY))
                .disk(GIB),
        );
        let anonymous = random_id(Kind::VOLUME, &mut self.random);
        self.put(
            make::volume(&anonymous)
                .created(seconds(3 * DAY))
                .label("com.docker.volume.anonymous", ""),
        );
        self.put(
            make::sandbox("spot-runner")
                .state(State::Unknown)
                .created(seconds(3 * DAY))
                .attr("provider-state", "hibernating"),
        );
        self.put(
            make::container("web\u{1b}[2J\u{1b}]0;owned\u{7}\nfake-row\u{202e}gnp")
                .created(seconds(2 * DAY))
                .exit_code(1)
                .label("note\u{1b}[31m", "red\r\nand \u{202e}backwards\u{0}"),
        );
        self.put(make::volume("from-before-dates-were-kept").created_unknown());
    }

    /// What a large host has more of.
    fn one_more_trial(&mut self) {
        let task = TASKS[self.random.usize(..TASKS.len())];
        let age = self.random.u64(10 * MINUTE..30 * DAY);
        let left = match self.random.u8(..10) {
            0 => Left::new(State::Running, 0, age),
            1 => Left::new(State::Created, 0, age),
            2 => Left::new(State::Dead, 137, age),
            3..=5 => Left::new(State::Exited, 137, age),
            6 | 7 => Left::new(State::Exited, 1, age),
            _ => Left::new(State::Exited, 0, age),
        };
        match self.random.u8(..4) {
            0 => self.harbor_trial(task, left, true),
            1 => self.harbor_trial(task, left, false),
            2 => self.terminal_bench_trial(task, left),
            _ => {
                let state = [
                    State::Failed,
                    State::Stopped,
                    State::Archived,
                    State::Running,
                ][self.random.usize(..4)];
                let session = self.trial(task) + "__env";
                self.sandbox(&session, state, age);
            }
        }
    }

    /// The image of this name; the trials of a task share it.
    fn image(&mut self, reference: &str, age: u64) -> Identity {
        if let Some(known) = self.images.get(reference) {
            return known.clone();
        }
        let disk = self.random.u64(GIB / 4..2 * GIB);
        let made = make::image(reference).created(seconds(age)).disk(disk);
        let identity = self.put(made);
        self.images.insert(reference.to_owned(), identity.clone());
        identity
    }

    fn put(&mut self, mut made: Make) -> Identity {
        for (key, value) in self.labels.iter().skip(made.label_count()) {
            made = made.label(key.clone(), value.clone());
        }
        if let Some(text) = &self.hostile {
            made = made.label("hostile\u{1b}[2J", text.clone());
        }
        let entry = made
            .native_at_random(&mut self.random)
            .build(self.account, self.now);
        let identity = entry.resource.identity.clone();
        self.entries.push(Box::new(entry));
        identity
    }

    fn harbor_trial(&mut self, task: &str, left: Left, anonymous_volume: bool) {
        let trial = self.harbor_names(task);
        let network = self.harbor_network(&trial, left.age);
        if anonymous_volume {
            let name = random_id(Kind::VOLUME, &mut self.random);
            let volume = self.put(
                make::volume(&name)
                    .created(seconds(left.age))
                    .label("com.docker.volume.anonymous", ""),
            );
            self.harbor_container(&trial, task, left, &[(network, false), (volume, true)]);
        } else {
            self.harbor_container(&trial, task, left, &[(network, false)]);
        }
    }

    /// `<task>__<7 characters>`, as Harbor names a trial.
    fn trial(&mut self, task: &str) -> String {
        let mut trial = format!("{task}__");
        // Digits that are taken for letters are not in the alphabet of these ids.
        trial.extend((0..7).map(|_| match self.random.alphanumeric() {
            '0' => '2',
            '1' => '3',
            sign => sign,
        }));
        trial
    }

    fn harbor_names(&mut self, task: &str) -> HarborNames {
        let trial = self.trial(task);
        HarborNames {
            project: format!("{}__env", trial.to_lowercase()),
            trial,
        }
    }

    fn harbor_network(&mut self, names: &HarborNames, age: u64) -> Identity {
        self.put(compose_network(&names.project).created(seconds(age)))
    }

    fn harbor_container(
        &mut self,
        names: &HarborNames,
        task: &str,
        left: Left,
        uses: &[(Identity, bool)],
    ) {
        let reference = format!("hb__{task}");
        let image = self.image(&reference, left.age + HOUR);
        let config_files = format!(
            "/home/ci/tasks/{task}/environment/docker-compose.yaml,/tmp/{}__env-docker-compose-resources.json",
            names.trial
        );
        let made = self
            .compose_container(&format!("{}-main-1", names.project), &names.project, left)
            .label("com.docker.compose.service", "main")
            .label("com.docker.compose.project.config_files", config_files)
            .label(
                "com.docker.compose.project.working_dir",
                format!("/home/ci/tasks/{task}/environment"),
            )
            .attr("image", reference)
            .uses(&image);
        let made = uses.iter().fold(made, |made, (used, along)| {
            if *along {
                made.takes_along(used)
            } else {
                made.uses(used)
            }
        });
        self.put(made);
    }

    fn terminal_bench_trial(&mut self, task: &str, left: Left) {
        // The trial's start is in its name, to the second, in the local form that the harness writes.
        let stamp = self.now.minus(seconds(left.age)).to_string();
        let (date, time) = stamp.split_at(10);
        let time = time.get(1..9).unwrap_or("00:00:00").replace(':', "-");
        let project = format!("{task}-1-of-1-{date}__{time}");
        let reference = format!("tb__{task}__client");
        let image = self.image(&reference, left.age + HOUR);
        let network = self.put(compose_network(&project).created(seconds(left.age)));
        let made = self
            .compose_container(&project, &project, left)
            .label("com.docker.compose.service", "client")
            .label(
                "com.docker.compose.project.working_dir",
                format!("/home/ci/tb/tasks/{task}"),
            )
            .label(
                "com.docker.compose.project.config_files",
                format!("/home/ci/tb/tasks/{task}/docker-compose.yaml"),
            )
            .attr("image", reference)
            .uses(&image)
            .uses(&network);
        self.put(made);
    }

    fn compose_container(&mut self, name: &str, project: &str, left: Left) -> Make {
        let ran = self.random.u64(..=left.age / 2);
        make::container(name)
            .state(left.state)
            .exit_code(left.exit_code)
            .created(seconds(left.age))
            .finished(seconds(left.age - ran))
            .unit(project)
            .attr("restart-policy", "no")
            .label("com.docker.compose.project", project.to_owned())
            .label("com.docker.compose.oneoff", "False")
            .label("com.docker.compose.container-number", "1")
            .label("com.docker.compose.version", "2.29.7")
            .label(
                "com.docker.compose.config-hash",
                random_id(Kind::CONTAINER, &mut self.random),
            )
    }

    fn sandbox(&mut self, session: &str, state: State, age: u64) {
        let task = session.split("__").next().unwrap_or(session).to_owned();
        // Harbor gives a sandbox no name, so the provider's id serves as one.
        let native = random_id(Kind::SANDBOX, &mut self.random);
        self.put(
            make::sandbox(&native)
                .native(native)
                .state(state)
                .created(seconds(age))
                .finished(seconds(age - age / 4))
                .unit(session)
                .label("harbor.managed", "true")
                .label("harbor.environment_name", task)
                .label("harbor.session_id", session.to_owned())
                .disk(10 * GIB),
        );
    }
}

/// How a trial's main container was left behind.
#[derive(Clone, Copy)]
struct Left {
    state: State,
    exit_code: i64,
    age: u64,
}

impl Left {
    fn new(state: State, exit_code: i64, age: u64) -> Self {
        Self {
            state,
            exit_code,
            age,
        }
    }
}

/// A trial's name and the compose project that Harbor makes of it.
struct HarborNames {
    trial: String,
    project: String,
}

fn compose_network(project: &str) -> Make {
    make::network(&format!("{project}_default"))
        .unit(project)
        .label("com.docker.compose.project", project.to_owned())
        .label("com.docker.compose.network", "default")
        .label("com.docker.compose.version", "2.29.7")
}

/// Clears the screen, sets its title, fakes a question, reverses and hides what follows.
const HOSTILE_NAME: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\nproceed? [Y/n] \u{202e}\u{2066}\u{200b}\u{2028}\u{0}\u{7f},\";";

/// So many bytes of it, or a little less.
fn hostile(bytes: usize) -> String {
    HOSTILE_NAME.repeat(bytes / HOSTILE_NAME.len())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
