//! One trial of a benchmark as it was left: Harbor's, Terminal-Bench's, or a sandbox.

use tbengine_sdk::recognise::{HARBOR, TERMINAL_BENCH, harbor_labels};
use tbengine_sdk::{Identity, Kind, Owner, State};

use super::{GIB, HOUR, Host, seconds};
use crate::make::{self, Make, random_id};

/// How a trial's main container was left behind.
#[derive(Clone, Copy)]
pub(super) struct Left {
    state: State,
    exit_code: i64,
    age: u64,
}

impl Left {
    pub(super) fn new(state: State, exit_code: i64, age: u64) -> Self {
        Self {
            state,
            exit_code,
            age,
        }
    }
}

impl Host<'_> {
    pub(super) fn harbor_trial(&mut self, task: &str, left: Left, anonymous_volume: bool) {
        let trial = self.harbor_names(task);
        let network = self.harbor_network(&trial, left.age);
        if anonymous_volume {
            let name = random_id(Kind::Volume, &mut self.random);
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
    pub(super) fn trial(&mut self, task: &str) -> String {
        let mut trial = format!("{task}__");
        trial.extend((0..7).map(|_| self.random.alphanumeric()));
        trial
    }

    pub(super) fn harbor_names(&mut self, task: &str) -> HarborNames {
        let trial = self.trial(task);
        HarborNames {
            project: format!("{}__env", trial.to_lowercase()),
            trial,
        }
    }

    pub(super) fn harbor_network(&mut self, names: &HarborNames, age: u64) -> Identity {
        self.put(
            compose_network(&names.project)
                .created(seconds(age))
                .owner(Owner::Benchmark(HARBOR.to_owned())),
        )
    }

    pub(super) fn harbor_container(
        &mut self,
        names: &HarborNames,
        task: &str,
        left: Left,
        uses: &[(Identity, bool)],
    ) {
        let reference = format!("hb__{task}");
        let image = self.image(
            &reference,
            left.age + HOUR,
            Owner::Benchmark(HARBOR.to_owned()),
        );
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
            .owner(Owner::Benchmark(HARBOR.to_owned()))
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

    pub(super) fn terminal_bench_trial(&mut self, task: &str, left: Left) {
        // The trial's start is in its name, to the second, in the local form that the harness writes.
        let stamp = self.now.minus(seconds(left.age)).to_string();
        let (date, time) = stamp.split_at(10);
        let time = time.get(1..9).unwrap_or("00:00:00").replace(':', "-");
        let project = format!("{task}-1-of-1-{date}__{time}");
        let owner = Owner::Benchmark(TERMINAL_BENCH.to_owned());
        let reference = format!("tb__{task}__client");
        let image = self.image(&reference, left.age + HOUR, owner.clone());
        let network = self.put(
            compose_network(&project)
                .created(seconds(left.age))
                .owner(owner.clone()),
        );
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
            .owner(owner)
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
                random_id(Kind::Container, &mut self.random),
            )
    }

    pub(super) fn sandbox(&mut self, session: &str, state: State, age: u64) {
        let task = session.split("__").next().unwrap_or(session).to_owned();
        // Harbor gives a sandbox no name, so the provider's id serves as one.
        let native = random_id(Kind::Sandbox, &mut self.random);
        self.put(
            make::sandbox(&native)
                .native(native)
                .state(state)
                .created(seconds(age))
                .finished(seconds(age - age / 4))
                .unit(session)
                .owner(Owner::Benchmark(HARBOR.to_owned()))
                .label(harbor_labels::MANAGED, "true")
                .label("harbor.environment_name", task)
                .label(harbor_labels::SESSION_ID, session.to_owned())
                .disk(10 * GIB),
        );
    }
}

/// A trial's name and the compose project that Harbor makes of it.
pub(super) struct HarborNames {
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
