//! A machine, and the ledger of what is on it.

use tbengine_sdk::{Identity, Kind};

use crate::act::{Act, Benchmark, Ci, Database, Developer, Harness, Impostor, Job, Nature};
use crate::draft::{Draft, container, dangling, network, tagged, volume};
use crate::ledger::{Ledger, Life, Maker, Remover, Role, Thing};
use crate::provider::Provider;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A machine, and the ledger of what is on it.
pub struct Machine<P> {
    /// Its provider.
    pub provider: P,
    /// The truth.
    pub ledger: Ledger,
}

impl<P: Provider> Machine<P> {
    /// A machine with nothing on it.
    pub fn new(provider: P) -> Self {
        Self {
            provider,
            ledger: Ledger::default(),
        }
    }

    /// The true time, in milliseconds since the story began.
    pub fn now(&self) -> u64 {
        self.provider.now()
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
            } => {
                self.trial_up(*benchmark, *trial, *service);
            }
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

    fn trial_up(&mut self, benchmark: Benchmark, trial: u32, service: bool) -> Option<()> {
        let group = trial_of(trial);
        if !self.ledger.group(&group).is_empty() {
            return None;
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
            return None;
        }
        let image = match self.find(&of_task) {
            Some(image) => image,
            None => {
                let made = Made {
                    key: of_task,
                    group: None,
                    ..made("image", Role::Image)
                };
                self.put(made, tagged(&names.image))?
            }
        };
        let services = if service {
            &["main", "db"][..]
        } else {
            &["main"]
        };
        let mut drafts = vec![
            network(&format!("{}_default", names.project))
                .label(PROJECT, names.project.clone())
                .label("com.docker.compose.network", "default")
                .unit(names.project.clone()),
            volume(&format!("{}_data", names.project))
                .label(PROJECT, names.project.clone())
                .label("com.docker.compose.volume", "data")
                .unit(names.project.clone()),
        ];
        let containers = services.iter();
        drafts.extend(containers.map(|one| names.container(benchmark, one).running()));
        let began = self.now();
        // A trial with a service is what compose is for.
        let of_image = &self.ledger.things[image].identity;
        let composed = match service {
            true => self.provider.compose(of_image, &drafts),
            false => None,
        };
        let mut composed = composed.map(Vec::into_iter);
        let mut up = |machine: &mut Self, made: Made, draft: Draft| match &mut composed {
            Some(identities) => {
                let life = match draft.kind {
                    Kind::CONTAINER => Life::Runs,
                    _ => Life::Still,
                };
                Some(machine.enter(made, identities.next()?, life, began))
            }
            None => machine.put(made, draft),
        };
        let mut drafts = drafts.into_iter();
        let network = up(self, made("network", Role::Network), drafts.next()?)?;
        let data = up(self, made("volume", Role::Volume), drafts.next()?)?;
        for (number, (one, draft)) in services.iter().zip(drafts).enumerate() {
            let role = if number == 0 {
                Role::Main
            } else {
                Role::Container
            };
            let made = Made {
                uses: vec![image, network, data],
                ..made(one, role)
            };
            up(self, made, draft)?;
        }
        Some(())
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
                self.put_once(made, make.running_if(*runs));
            }
            Developer::Again { name } => self.start(&format!("run {name}")),
            Developer::Cluster { name, runs } => {
                let make = container(&format!("{name}-control-plane"))
                    .label("io.x-k8s.kind.cluster", name.clone())
                    .label("io.x-k8s.kind.role", "control-plane");
                let made = Made::new(format!("cluster {name}"), Maker::Developer, Role::Container);
                self.put_once(made.kept(), make.running_if(*runs));
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
                self.put_once(made, make.running_if(true));
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
                    if self.provider.tag(&thing.identity, name) {
                        thing.role = Role::Image;
                        thing.revision += 1;
                    }
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
                let data = self.find(&data).or_else(|| {
                    let made = Made::new(data, Maker::Database, Role::Volume);
                    self.put(made.kept(), volume(&format!("{name}-data")))
                });
                let Some(data) = data else {
                    return;
                };
                let made = Made {
                    uses: vec![data],
                    ..Made::new(key, Maker::Database, Role::Container).kept()
                };
                let make = container(name).attr("restart-policy", "always").running();
                self.put(made, make);
            }
            Database::Stop { name } => self.end(&format!("database {name}")),
            Database::Start { name } => self.start(&format!("database {name}")),
            Database::Remove { name } => {
                self.remove(&format!("database {name}"));
            }
        }
    }

    fn ci(&mut self, act: &Ci) {
        match act {
            Ci::Session { number, runs } => {
                let make = container(&format!("tc-{number}"))
                    .label("org.testcontainers", "true")
                    .label("org.testcontainers.session-id", format!("session-{number}"));
                let made = Made::new(format!("session {number}"), Maker::Ci, Role::Container);
                self.put_once(made, make.running_if(*runs));
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
                self.put_once(made.kept(), make.running_if(false));
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
                    self.put_once(made, make.running_if(true));
                }
            }
            Impostor::NamedLike { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let name = self.ledger.things[index].identity.native.clone();
                    let made =
                        Made::new(format!("named {trial}"), Maker::Impostor, Role::Container);
                    self.put_once(made, container(&name).running_if(true));
                }
            }
            Impostor::Replaces { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let identity = &self.ledger.things[index].identity;
                    let name = self.provider.name_of(identity).unwrap_or_default();
                    if !self.remove(&main_of(*trial)) {
                        return;
                    }
                    let key = format!("replaced {trial}");
                    let made = Made::new(key, Maker::Impostor, Role::Container);
                    let make = container(&name).native(format!("{trial:064x}"));
                    self.put_once(made.kept(), make.running_if(true));
                }
            }
            Impostor::TakesVolume { trial } => {
                let key = format!("{} volume", trial_of(*trial));
                if let Some(index) = self.find(&key) {
                    // A volume goes by its name.
                    let name = self.ledger.things[index].identity.native.clone();
                    if !self.remove(&key) {
                        return;
                    }
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
                self.put_once(made.kept(), make.running_if(false));
            }
        }
    }

    fn job(&mut self, act: &Job) {
        match act {
            Job::Begins { job } => {
                if !self.ledger.live_leases.contains_key(job)
                    && let Some(lease) = self.provider.acquire(*job)
                {
                    self.ledger.live_leases.insert(*job, lease);
                }
            }
            Job::Runs {
                job,
                container: number,
                runs,
            } => {
                // Without a lease nothing would prove whose it is.
                if let Some(lease) = self.ledger.live_leases.get(job).copied() {
                    let make = container(&format!("job-{job}-{number}"));
                    let key = format!("job {job} container {number}");
                    let made = Made::new(key, Maker::Job(lease), Role::Container);
                    self.put_once(made, make.running_if(*runs));
                }
            }
            Job::Expires { job } => {
                if let Some(lease) = self.ledger.live_leases.remove(job) {
                    self.provider.expire(lease);
                }
            }
        }
    }

    fn nature(&mut self, act: &Nature) {
        match act {
            Nature::Odd { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let thing = &mut self.ledger.things[index];
                    if self.provider.obscure(&thing.identity) {
                        thing.life = Life::Unknown;
                        thing.revision += 1;
                    }
                }
            }
            Nature::Damages { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    let thing = &mut self.ledger.things[index];
                    if self.provider.damage(&thing.identity) {
                        thing.is_damaged = true;
                        thing.revision += 1;
                    }
                }
            }
            Nature::Hangs { trial } => {
                if let Some(index) = self.find(&main_of(*trial)) {
                    self.provider.hang(&self.ledger.things[index].identity);
                }
            }
            act => self.provider.nature(act),
        }
    }

    /// The index of the thing that is called so. What is being removed cannot be used any more.
    fn find(&self, key: &str) -> Option<usize> {
        self.ledger.find(key).filter(|_| !self.is_going(key))
    }

    /// Whether the thing that is called so is being removed.
    fn is_going(&self, key: &str) -> bool {
        let index = self.ledger.find(key);
        let identity = index.map(|index| &self.ledger.things[index].identity);
        identity.is_some_and(|identity| self.provider.is_going(identity))
    }

    fn names_of(&self, trial: u32) -> Option<Names> {
        let main = self.find(&main_of(trial))?;
        match self.ledger.things[main].maker {
            Maker::Harness(benchmark) => Some(Names::of(benchmark, trial)),
            _ => None,
        }
    }

    /// A compose project of a user: one container runs, the other has ended.
    fn project(&mut self, group: &str, maker: Maker, project: &str, file: &str) -> Option<()> {
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
        )?;
        let data = self.put(
            made("volume", Role::Volume).kept(),
            volume(&format!("{project}_data"))
                .label(PROJECT, project.to_owned())
                .label("com.docker.compose.volume", "data")
                .unit(project),
        )?;
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
            self.put(made, make.running_if(runs))?;
        }
        Some(())
    }

    fn put_once(&mut self, made: Made, make: Draft) {
        if self.ledger.find(&made.key).is_none() {
            self.put(made, make);
        }
    }

    fn put(&mut self, made: Made, mut draft: Draft) -> Option<usize> {
        let used = made.uses.iter().map(|index| &self.ledger.things[*index]);
        draft.uses = used.map(|one| one.identity.clone()).collect();
        let (kind, runs) = (draft.kind, draft.runs);
        // It is as old as can be: what takes a while to be made was there at the latest when that was done.
        let now = self.now();
        let identity = match made.maker {
            Maker::Job(lease) => self.provider.make_under(lease, draft)?,
            _ => self.provider.make(draft)?,
        };
        let life = match kind {
            Kind::CONTAINER if runs => Life::Runs,
            Kind::CONTAINER => Life::Ended(now),
            _ => Life::Still,
        };
        Some(self.enter(made, identity, life, now))
    }

    /// Enters a thing into the ledger.
    fn enter(&mut self, made: Made, identity: Identity, life: Life, born: u64) -> usize {
        self.ledger.things.push(Thing {
            key: made.key,
            identity,
            maker: made.maker,
            role: made.role,
            group: made.group,
            is_kept: made.is_kept,
            life,
            stopped: None,
            born,
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
        let runs = thing.life == Life::Runs && thing.stopped.is_none();
        if runs && self.provider.end(&thing.identity) {
            // What has ended meanwhile is no less what was to be removed.
            thing.life = Life::Ended(now);
        }
    }

    fn start(&mut self, key: &str) {
        let Some(index) = self.find(key) else {
            return;
        };
        let thing = &mut self.ledger.things[index];
        let has_ended = matches!(thing.life, Life::Ended(_)) || thing.stopped.is_some();
        if has_ended && self.provider.start(&thing.identity) {
            (thing.life, thing.stopped) = (Life::Runs, None);
            thing.revision += 1;
        }
    }

    /// Removes something. Answers whether that was done.
    fn remove(&mut self, key: &str) -> bool {
        let Some(index) = self.find(key) else {
            return false;
        };
        let is_gone = self.provider.remove(&self.ledger.things[index].identity);
        if is_gone {
            self.gone(index, Remover::Other);
        }
        is_gone
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
                project: format!("task-{task}-{}-of-99-2020-01-01__08-00-00", trial + 1),
                image: format!("tb__task-{task}__client"),
            },
            Benchmark::Inspect => Self {
                project: format!("inspect-task{task}-i{id}"),
                image: format!("python:3.1{task}"),
            },
        }
    }

    fn container(&self, benchmark: Benchmark, service: &str) -> Draft {
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

fn trial_of(trial: u32) -> String {
    format!("trial {trial}")
}

fn main_of(trial: u32) -> String {
    format!("trial {trial} main")
}
