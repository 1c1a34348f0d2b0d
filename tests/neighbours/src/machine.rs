//! A machine, and the ledger of what is on it.

use std::collections::BTreeSet;
use std::time::Duration;

use tbengine_engine::facts::{Facts, LiveLease};
use tbengine_engine::owners::Remembered;
use tbengine_engine::terms::{Filter, Terms};
use tbengine_memory::{
    Chaos, ExternalChange, Fault, Make, Memory, Operation, container, image, network, volume,
};
use tbengine_sdk::owner::RUN_ID_LABEL;
use tbengine_sdk::{Damage, Error, ErrorKind, Kind, Owner, State, Timestamp};
use tokio::time::Instant;

use crate::act::{Act, Benchmark, Ci, Database, Developer, Harness, Impostor, Job, Nature};
use crate::entitled::User;
use crate::ledger::{Ledger, Life, Maker, Remover, Role, Thing};

/// The calendar time at which a story begins.
pub const BEGIN: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

/// The label by which a job's lease names what is its own.
const JOB: &str = "job";
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A machine, and the ledger of what is on it.
pub struct Machine {
    /// Its provider.
    pub memory: Memory,
    /// The truth.
    pub ledger: Ledger,
    /// What tbengine remembers from run to run, for each of its users.
    pub remembered: [Remembered; 2],
    began: Instant,
    latency: Duration,
    expired_jobs: BTreeSet<u32>,
    /// How far the clock of tbengine's users is ahead of the provider's, in milliseconds.
    ahead: i64,
}

impl Machine {
    /// A machine with nothing on it.
    pub fn new() -> Self {
        Self {
            memory: Memory::new("docker", BEGIN),
            ledger: Ledger::default(),
            remembered: Default::default(),
            began: Instant::now(),
            latency: Duration::ZERO,
            expired_jobs: BTreeSet::new(),
            ahead: 0,
        }
    }

    /// The true time, in milliseconds since the story began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long a call takes.
    pub fn latency(&self) -> Duration {
        self.latency
    }

    /// The time by the clock of tbengine's users.
    pub fn now_of_users(&self) -> Timestamp {
        let now = self.memory.now().as_unix_ms();
        Timestamp::from_unix_ms(now.saturating_add(self.ahead))
    }

    /// What the store of a user says: the leases.
    pub fn facts(&self, user: User) -> Facts {
        if user == User::Another {
            return Facts::default();
        }
        let live = self.ledger.live_jobs.iter().map(|job| LiveLease {
            id: lease_of(*job),
            terms: Terms {
                filters: vec![Filter {
                    labels: vec![format!("{JOB}={job}").parse().expect("a label")],
                    ..Filter::default()
                }],
                ..Terms::default()
            },
            images: Default::default(),
        });
        Facts {
            live: live.collect(),
            over: self.expired_jobs.iter().copied().map(lease_of).collect(),
            ..Facts::default()
        }
    }

    /// Lets something happen, unless it makes no sense any more.
    pub fn play(&mut self, act: &Act) {
        match act {
            Act::Harness(act) => self.harness(act),
            Act::Developer(act) => self.developer(act),
            Act::Database(act) => self.database(act),
            Act::Ci(act) => self.ci(act),
            Act::Impostor(act) => self.impostor(act),
            Act::Job(act) => self.job(act),
            Act::Nature(act) => self.nature(act),
            Act::Operator(_) => {}
        }
    }

    fn harness(&mut self, act: &Harness) {
        match act {
            Harness::Up {
                benchmark,
                trial,
                service,
            } => self.trial_up(*benchmark, *trial, *service),
            Harness::Ends { trial } => self.end(&main_of(*trial)),
            Harness::Restarts { trial } => self.start(&main_of(*trial)),
            Harness::Down { trial } => self.down(&trial_of(*trial)),
            Harness::Dies { trials, ended } => {
                for trial in trials {
                    for index in self.ledger.group(&trial_of(*trial)) {
                        let of_harness =
                            matches!(self.ledger.things[index].maker, Maker::Harness(_));
                        if of_harness {
                            self.ledger.things[index].is_abandoned = true;
                            if *ended {
                                self.end_at(index);
                            }
                        }
                    }
                }
            }
        }
    }

    fn trial_up(&mut self, benchmark: Benchmark, trial: u32, service: bool) {
        let group = trial_of(trial);
        if !self.ledger.group(&group).is_empty() {
            return;
        }
        let maker = Maker::Harness(benchmark);
        let names = Names::of(benchmark, trial);
        let made = |what: &str, role| Made {
            key: format!("{group} {what}"),
            maker,
            role,
            group: Some(group.clone()),
            is_kept: false,
            uses: Vec::new(),
        };
        let of_task = format!("image of task {}", trial % 3);
        if self.is_going(&of_task) {
            return;
        }
        let image = self.find(&of_task).unwrap_or_else(|| {
            let made = Made {
                key: of_task.clone(),
                group: None,
                ..made("image", Role::Image)
            };
            self.put(made, tagged(&names.image))
        });
        let network = self.put(
            made("network", Role::Network),
            network(&format!("{}_default", names.project))
                .label(PROJECT, names.project.clone())
                .label("com.docker.compose.network", "default")
                .unit(names.project.clone()),
        );
        let data = self.put(
            made("volume", Role::Volume),
            volume(&format!("{}_data", names.project))
                .label(PROJECT, names.project.clone())
                .label("com.docker.compose.volume", "data")
                .unit(names.project.clone()),
        );
        let services = if service {
            &["main", "db"][..]
        } else {
            &["main"]
        };
        for (number, one) in services.iter().enumerate() {
            let role = if number == 0 {
                Role::Main
            } else {
                Role::Container
            };
            let made = Made {
                uses: vec![image, network, data],
                ..made(one, role)
            };
            let make = names.container(benchmark, one).running();
            self.put(made, make.created(Duration::ZERO));
        }
    }

    fn developer(&mut self, act: &Developer) {
        let project_of = |project: &str| format!("project {project}");
        match act {
            Developer::Up { project } => {
                let group = project_of(project);
                if self.ledger.group(&group).is_empty() {
                    let file = format!("/home/me/{project}/compose.yaml");
                    self.project(&group, Maker::Developer, project, &file);
                }
            }
            Developer::Stop { project } => {
                for index in self.ledger.group(&project_of(project)) {
                    self.end_at(index);
                }
            }
            Developer::Start { project } => self.start(&format!("{} web", project_of(project))),
            Developer::Run { name, runs } => {
                let make = container(&format!("dev-{name}"));
                let made = Made::new(format!("run {name}"), Maker::Developer, Role::Container);
                self.put_once(made, ended_or_not(make, *runs));
            }
            Developer::Again { name } => self.start(&format!("run {name}")),
            Developer::Cluster { name, runs } => {
                let make = container(&format!("{name}-control-plane"))
                    .label("io.x-k8s.kind.cluster", name.clone())
                    .label("io.x-k8s.kind.role", "control-plane");
                let made = Made::new(format!("cluster {name}"), Maker::Developer, Role::Container);
                self.put_once(made.kept(), ended_or_not(make, *runs));
            }
            Developer::LooksInto { trial } => {
                let Some(main) = self.find(&main_of(*trial)) else {
                    return;
                };
                let Maker::Harness(benchmark) = self.ledger.things[main].maker else {
                    return;
                };
                let names = Names::of(benchmark, *trial);
                // Compose writes these two into the image that it builds.
                let make = container(&format!("look-{trial}"))
                    .label(PROJECT, names.project.clone())
                    .label(SERVICE, "main")
                    .attr("image", names.image.clone());
                let made = Made {
                    uses: self.ledger.things[main]
                        .uses
                        .first()
                        .copied()
                        .into_iter()
                        .collect(),
                    ..Made::new(format!("look {trial}"), Maker::Developer, Role::Container)
                };
                self.put_once(made, ended_or_not(make, true));
            }
            Developer::Volume { name } => {
                let made = Made::new(format!("volume {name}"), Maker::Developer, Role::Volume);
                self.put_once(made.kept(), volume(&format!("dev-{name}")));
            }
            Developer::Build { number } => {
                let made = Made::new(format!("build {number}"), Maker::Developer, Role::Dangling);
                self.put_once(made, dangling(*number));
            }
            Developer::Tag { number } => {
                if let Some(index) = self.find(&format!("build {number}")) {
                    let name = format!("mine:{number}");
                    let thing = &mut self.ledger.things[index];
                    thing.role = Role::Image;
                    thing.revision += 1;
                    let change = ExternalChange::Name(thing.identity.clone(), name);
                    self.memory.change(change);
                }
            }
        }
    }

    fn database(&mut self, act: &Database) {
        match act {
            Database::Up { name } => {
                let key = format!("database {name}");
                let data = format!("data of {name}");
                if self.ledger.find(&key).is_some() || self.is_going(&data) {
                    return;
                }
                let data = self.find(&data).unwrap_or_else(|| {
                    let made = Made::new(data.clone(), Maker::Database, Role::Volume);
                    self.put(made.kept(), volume(&format!("{name}-data")))
                });
                let made = Made {
                    uses: vec![data],
                    ..Made::new(key, Maker::Database, Role::Container).kept()
                };
                let make = container(name).attr("restart-policy", "always").running();
                self.put(made, make);
            }
            Database::Stop { name } => self.end(&format!("database {name}")),
            Database::Start { name } => self.start(&format!("database {name}")),
            Database::Remove { name } => self.remove(&format!("database {name}")),
        }
    }

    fn ci(&mut self, act: &Ci) {
        match act {
            Ci::Session { number, runs } => {
                let make = container(&format!("tc-{number}"))
                    .label("org.testcontainers", "true")
                    .label("org.testcontainers.session-id", format!("session-{number}"));
                let made = Made::new(format!("session {number}"), Maker::Ci, Role::Container);
                self.put_once(made, ended_or_not(make, *runs));
            }
            Ci::Pull { number } => {
                let made = Made::new(format!("pulled {number}"), Maker::Ci, Role::Image);
                self.put_once(made.kept(), tagged(&format!("registry/base:{number}")));
            }
            Ci::Service { number } => {
                let make = container(&format!("web.1.{number}"))
                    .label("com.docker.swarm.service.name", "web")
                    .label("com.docker.swarm.task.id", format!("task{number}"));
                let made = Made::new(format!("service {number}"), Maker::Ci, Role::Container);
                // The last tasks of a service are its history, which swarm keeps and reads.
                self.put_once(made.kept(), ended_or_not(make, false));
            }
        }
    }

    fn impostor(&mut self, act: &Impostor) {
        match act {
            Impostor::Project { number, benchmark } => {
                let group = format!("impostor {number}");
                if self.ledger.group(&group).is_empty() {
                    let names = Names::of(*benchmark, 10_000 + number);
                    let file = format!("/srv/{}/compose.yaml", names.project);
                    self.project(&group, Maker::Impostor, &names.project, &file);
                }
            }
            Impostor::Borrows { trial } => {
                if let Some(names) = self.names_of(*trial) {
                    let make =
                        container(&format!("borrower-{trial}")).label(PROJECT, names.project);
                    let made = Made::new(
                        format!("borrower {trial}"),
                        Maker::Impostor,
                        Role::Container,
                    );
                    self.put_once(made, ended_or_not(make, true));
                }
            }
            Impostor::NamedLike { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let name = self.ledger.things[index].identity.native.clone();
                    let made =
                        Made::new(format!("named {trial}"), Maker::Impostor, Role::Container);
                    self.put_once(made, ended_or_not(container(&name), true));
                }
            }
            Impostor::Replaces { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let identity = &self.ledger.things[index].identity;
                    let before = self.memory.oracle().resource(identity);
                    let name = before.map_or(String::new(), |before| before.name);
                    self.remove(&main_of(*trial));
                    let key = format!("replaced {trial}");
                    let made = Made::new(key, Maker::Impostor, Role::Container);
                    let make = container(&name).native(format!("{trial:064x}"));
                    self.put_once(made.kept(), ended_or_not(make, true));
                }
            }
            Impostor::TakesVolume { trial } => {
                let key = format!("{} volume", trial_of(*trial));
                if let Some(index) = self.find(&key) {
                    // A volume goes by its name.
                    let name = self.ledger.things[index].identity.native.clone();
                    self.remove(&key);
                    let key = format!("taken {trial}");
                    let made = Made::new(key, Maker::Impostor, Role::Volume);
                    self.put_once(made.kept(), volume(&name));
                }
            }
            Impostor::Protects { number } => {
                let make =
                    container(&format!("precious-{number}")).label("tbengine.protect", "true");
                let made = Made::new(
                    format!("precious {number}"),
                    Maker::Impostor,
                    Role::Container,
                );
                self.put_once(made.kept(), ended_or_not(make, false));
            }
        }
    }

    fn job(&mut self, act: &Job) {
        match act {
            // The id of a lease is never used again.
            Job::Begins { job } if self.expired_jobs.contains(job) => {}
            Job::Begins { job } => {
                self.ledger.live_jobs.insert(*job);
            }
            Job::Runs {
                job,
                container: number,
                runs,
            } => {
                // Without a lease nothing would prove whose it is.
                if self.ledger.live_jobs.contains(job) {
                    let make = container(&format!("job-{job}-{number}"))
                        .label(JOB, job.to_string())
                        .label(RUN_ID_LABEL, lease_of(*job))
                        .owner(Owner::Run(lease_of(*job)));
                    let key = format!("job {job} container {number}");
                    let made = Made::new(key, Maker::Job(*job), Role::Container);
                    self.put_once(made, ended_or_not(make, *runs));
                }
            }
            Job::Expires { job } => {
                if self.ledger.live_jobs.remove(job) {
                    self.expired_jobs.insert(*job);
                }
            }
        }
    }

    fn nature(&mut self, act: &Nature) {
        match act {
            Nature::Chaos { seed, percent } => {
                let share = f64::from(*percent) / 100.0;
                // Listings are complete: if a provider leaves out resources, it cannot be known what uses the others.
                let chaos = Chaos {
                    transient: share,
                    lost_before: share / 4.0,
                    lost_after: share / 4.0,
                    rate_limited: share / 8.0,
                    ..Chaos::default()
                };
                self.memory.chaos(chaos, *seed);
            }
            Nature::Slow { latency } => {
                self.latency = Duration::from_millis(*latency);
                self.memory.latency(self.latency);
            }
            Nature::Outage { lasts } => {
                let now = Duration::from_millis(self.now());
                self.memory.outage(now..now + Duration::from_millis(*lasts));
            }
            Nature::ListingFails { kind, times } => {
                let Ok(kind) = kind.parse::<Kind>() else {
                    return;
                };
                let error = Error::new(ErrorKind::Internal, "the listing failed");
                let script = self.memory.script(Operation::List).of_kind(kind);
                script.calls(..*times).then(Fault::Answer(error));
            }
            Nature::Odd { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let thing = &mut self.ledger.things[index];
                    thing.life = Life::Unknown;
                    thing.revision += 1;
                    let change = ExternalChange::SetState(thing.identity.clone(), State::Unknown);
                    self.memory.change(change);
                }
            }
            Nature::Damages { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let thing = &mut self.ledger.things[index];
                    let resource = self.memory.oracle().resource(&thing.identity);
                    if let Some(mut resource) = resource.filter(|one| one.damaged.is_none()) {
                        thing.is_damaged = true;
                        thing.revision += 1;
                        resource.damaged = Some(Damage {
                            message: "its layer does not exist".into(),
                            code: None,
                        });
                        self.memory.insert_resource(resource);
                    }
                }
            }
            Nature::Hangs { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let identity = &self.ledger.things[index].identity;
                    let script = self.memory.script(Operation::Get).of_identity(identity);
                    script.then(Fault::Hang(Duration::from_secs(24 * 3600)));
                }
            }
            Nature::Crowded { per_second } => self.memory.rate_limit(*per_second, 5),
            Nature::Lingers { takes } => {
                self.memory.deletion_takes(Duration::from_millis(*takes));
            }
            Nature::Clock { ahead } => self.ahead = *ahead,
            Nature::Heals => {
                self.memory.heal();
                self.memory.deletion_takes(Duration::ZERO);
                self.ahead = 0;
                self.latency = Duration::ZERO;
                self.memory.latency(Duration::ZERO);
            }
        }
    }

    /// The index of the thing that is called so. Nobody can do anything with what is being removed.
    fn find(&self, key: &str) -> Option<usize> {
        self.ledger.find(key).filter(|_| !self.is_going(key))
    }

    /// Whether the thing that is called so is being removed.
    fn is_going(&self, key: &str) -> bool {
        let index = self.ledger.find(key);
        let identity = index.map(|index| &self.ledger.things[index].identity);
        let there = identity.and_then(|identity| self.memory.oracle().resource(identity));
        there.is_some_and(|one| one.state == State::Removing)
    }

    fn names_of(&self, trial: u32) -> Option<Names> {
        let main = self.find(&main_of(trial))?;
        match self.ledger.things[main].maker {
            Maker::Harness(benchmark) => Some(Names::of(benchmark, trial)),
            _ => None,
        }
    }

    /// A compose project of a user: one container runs, the other has ended.
    fn project(&mut self, group: &str, maker: Maker, project: &str, file: &str) {
        let made = |what: &str, role| Made {
            group: Some(group.to_owned()),
            ..Made::new(format!("{group} {what}"), maker, role)
        };
        let net = self.put(
            made("network", Role::Network),
            network(&format!("{project}_default"))
                .label(PROJECT, project.to_owned())
                .label("com.docker.compose.network", "default")
                .unit(project),
        );
        let data = self.put(
            made("volume", Role::Volume).kept(),
            volume(&format!("{project}_data"))
                .label(PROJECT, project.to_owned())
                .label("com.docker.compose.volume", "data")
                .unit(project),
        );
        for (service, runs) in [("web", true), ("init", false)] {
            let make = container(&format!("{project}-{service}-1"))
                .label(PROJECT, project.to_owned())
                .label(SERVICE, service)
                .label("com.docker.compose.project.config_files", file.to_owned())
                .label("com.docker.compose.container-number", "1")
                .label("com.docker.compose.oneoff", "False")
                .label("com.docker.compose.config-hash", "0a1b2c")
                .unit(project);
            let made = Made {
                uses: vec![net, data],
                ..made(service, Role::Container)
            };
            self.put(made, ended_or_not(make, runs));
        }
    }

    fn put_once(&mut self, made: Made, make: Make) {
        if self.ledger.find(&made.key).is_none() {
            self.put(made, make);
        }
    }

    fn put(&mut self, made: Made, make: Make) -> usize {
        let mut make = make.created(Duration::ZERO);
        for used in &made.uses {
            make = make.uses(&self.ledger.things[*used].identity);
        }
        let identity = self.memory.insert(make);
        let now = self.now();
        let state = self
            .memory
            .oracle()
            .resource(&identity)
            .map(|one| one.state);
        let life = match (made.role, state) {
            (Role::Main | Role::Container, Some(State::Running)) => Life::Runs,
            (Role::Main | Role::Container, _) => Life::Ended(now),
            _ => Life::Still,
        };
        self.ledger.things.push(Thing {
            key: made.key,
            identity,
            maker: made.maker,
            role: made.role,
            group: made.group,
            is_kept: made.is_kept,
            life,
            stopped: None,
            born: now,
            revision: 0,
            is_damaged: false,
            uses: made.uses,
            is_abandoned: false,
            gone: None,
        });
        self.ledger.things.len() - 1
    }

    fn end(&mut self, key: &str) {
        if let Some(index) = self.find(key) {
            self.end_at(index);
        }
    }

    fn end_at(&mut self, index: usize) {
        let now = self.now();
        let thing = &mut self.ledger.things[index];
        if thing.life == Life::Runs && thing.stopped.is_none() {
            // What has ended meanwhile is no less what was to be removed.
            thing.life = Life::Ended(now);
            let change = ExternalChange::End(thing.identity.clone(), 137);
            self.memory.change(change);
        }
    }

    fn start(&mut self, key: &str) {
        let Some(index) = self.find(key) else {
            return;
        };
        let thing = &mut self.ledger.things[index];
        let has_ended = matches!(thing.life, Life::Ended(_)) || thing.stopped.is_some();
        if has_ended {
            (thing.life, thing.stopped) = (Life::Runs, None);
            thing.revision += 1;
            let change = ExternalChange::Restart(thing.identity.clone());
            self.memory.change(change);
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(index) = self.find(key) {
            let identity = self.ledger.things[index].identity.clone();
            self.gone(index, Remover::Other);
            self.memory.change(ExternalChange::Delete(identity));
        }
    }

    /// Removes what is there of a group, what uses others first.
    fn down(&mut self, group: &str) {
        let members = self.ledger.group(group);
        for index in members.into_iter().rev() {
            let key = self.ledger.things[index].key.clone();
            self.remove(&key);
        }
    }

    /// Notes that tbengine ended a thing.
    pub fn stopped(&mut self, index: usize) {
        self.ledger.things[index].stopped = Some(self.now());
    }

    /// Notes that a thing is gone.
    pub fn gone(&mut self, index: usize, by: Remover) {
        self.ledger.things[index].gone.get_or_insert(by);
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

/// What the ledger is to say of a thing in the making.
struct Made {
    key: String,
    maker: Maker,
    role: Role,
    group: Option<String>,
    is_kept: bool,
    uses: Vec<usize>,
}

impl Made {
    fn new(key: String, maker: Maker, role: Role) -> Self {
        Self {
            key,
            maker,
            role,
            group: None,
            is_kept: false,
            uses: Vec::new(),
        }
    }

    fn kept(self) -> Self {
        Self {
            is_kept: true,
            ..self
        }
    }
}

/// How a benchmark names what a trial has.
struct Names {
    project: String,
    image: String,
}

impl Names {
    fn of(benchmark: Benchmark, trial: u32) -> Self {
        let task = trial % 3;
        // Seven signs of the alphabet that these ids have.
        let id: String = (0..7)
            .map(|place| char::from(b'a' + ((trial >> (3 * place)) as u8 & 7)))
            .collect();
        match benchmark {
            Benchmark::Harbor => Self {
                project: format!("task-{task}__{id}__env"),
                image: format!("hb__task-{task}"),
            },
            Benchmark::TerminalBench => Self {
                project: format!("task-{task}-{}-of-99-2027-01-01__08-00-00", trial + 1),
                image: format!("tb__task-{task}__client"),
            },
            Benchmark::Inspect => Self {
                project: format!("inspect-task{task}-i{id}"),
                image: format!("python:3.1{task}"),
            },
        }
    }

    fn container(&self, benchmark: Benchmark, service: &str) -> Make {
        let project = &self.project;
        let (name, file) = match benchmark {
            Benchmark::Harbor => (
                format!("{project}-{service}-1"),
                "/v/harbor/environments/docker/docker-compose-build.yaml,/t/docker-compose.yaml"
                    .to_owned(),
            ),
            Benchmark::TerminalBench if service == "main" => {
                (project.clone(), "/tasks/docker-compose.yaml".to_owned())
            }
            Benchmark::TerminalBench => (
                format!("{project}-{service}-1"),
                "/tasks/docker-compose.yaml".to_owned(),
            ),
            Benchmark::Inspect => (
                format!("{project}-{service}-1"),
                format!("/home/ci/.local/share/inspect_ai/{project}.yaml"),
            ),
        };
        let service = match (benchmark, service) {
            (Benchmark::TerminalBench, "main") => "client",
            (_, service) => service,
        };
        container(&name)
            .label(PROJECT, project.clone())
            .label(SERVICE, service.to_owned())
            .label("com.docker.compose.project.config_files", file)
            .label("com.docker.compose.container-number", "1")
            .label("com.docker.compose.oneoff", "False")
            .label("com.docker.compose.config-hash", "0a1b2c")
            .attr("image", self.image.clone())
            .unit(project.clone())
    }
}

/// The id of a job's lease.
fn lease_of(job: u32) -> String {
    format!("lease-{job}")
}

fn trial_of(trial: u32) -> String {
    format!("trial {trial}")
}

fn main_of(trial: u32) -> String {
    format!("trial {trial} main")
}

fn ended_or_not(make: Make, runs: bool) -> Make {
    if runs { make.running() } else { make }
}

/// An image with a name.
fn tagged(name: &str) -> Make {
    image(name).attr("tags", name.to_owned())
}

/// An image without a name.
fn dangling(number: u32) -> Make {
    image("<none>:<none>")
        .native(format!("sha256:{number:064x}"))
        .attr("dangling", "true")
}
