//! The leaked inventory, made from a seed: a host after several killed benchmark runs.
//!
//! The first [`DEFAULT_RESOURCES`](crate::config::DEFAULT_RESOURCES) resources are one of every sort;
//! after them come ever more trials. Each resource follows what it uses, so that every number of
//! resources leaves a host without dangling relations.

mod trials;

use std::collections::HashMap;
use std::time::Duration;

use tbengine_sdk::{Identity, Kind, Owner, State, Timestamp};

use crate::config::MemoryConfig;
use crate::make::{self, Make, random_id};
use crate::provider::{Account, Entry};
use trials::Left;

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
        // The worker was killed with SIGKILL: its container runs for ever.
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
        let image = self.image("postgres:16", 90 * DAY, Owner::Unknown);
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
        let anonymous = random_id(Kind::Volume, &mut self.random);
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
    fn image(&mut self, reference: &str, age: u64, owner: Owner) -> Identity {
        if let Some(known) = self.images.get(reference) {
            return known.clone();
        }
        let disk = self.random.u64(GIB / 4..2 * GIB);
        let made = make::image(reference)
            .created(seconds(age))
            .owner(owner)
            .disk(disk);
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
}

/// Clears the screen, sets its title, fakes a question, reverses and hides what follows.
const DECEIT: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\nproceed? [Y/n] \u{202e}\u{2066}\u{200b}\u{2028}\u{0}\u{7f},\";";

/// So many bytes of it, or a little less.
fn hostile(bytes: usize) -> String {
    DECEIT.repeat(bytes / DECEIT.len())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
