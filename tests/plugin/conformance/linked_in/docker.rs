//! Docker behaves as the sdk says, on a real daemon.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use libtest_mimic::{Arguments, Trial};
use tbengine_docker::Docker;
use tbengine_dockerd::shared;
use tbengine_sdk::testkit::{Fixture, Made, Wanted};
use tbengine_sdk::{Backend, Identity, Kind, OpenRequest, Resource, State, Timestamp, async_trait};

/// Where no daemon is.
const NOWHERE: &str = "unix:///nonexistent/docker.sock";

struct DockerFixture {
    made: AtomicUsize,
}

impl DockerFixture {
    fn open(&self, host: &str) -> Arc<dyn Backend> {
        let request = OpenRequest {
            name: "docker".into(),
            config: serde_json::json!({ "host": host }),
            environment: Arc::new(BTreeMap::new()),
            now: Timestamp::from_unix_seconds(1_800_000_000),
        };
        Arc::new(Docker::open(request).expect("the configuration is right"))
    }

    fn docker(&self, arguments: &[String]) -> Result<String, String> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        shared()
            .try_docker(&arguments)
            .map_err(|error| error.to_string())
    }

    fn container(&self, wanted: &Wanted, name: String) -> Result<String, String> {
        let starts = wanted.state != State::Created;
        let mut arguments: Vec<String> = if starts {
            vec!["run".into(), "--detach".into()]
        } else {
            vec!["create".into()]
        };
        arguments.extend(["--name".into(), name]);
        let network = wanted.uses.iter().find(|used| used.kind == Kind::NETWORK);
        let network = network.map_or("none", |network| &network.native);
        arguments.extend(["--network".into(), network.into()]);
        arguments.extend(labels(wanted));
        for volume in wanted.uses.iter().filter(|used| used.kind == Kind::VOLUME) {
            arguments.extend(["--volume".into(), format!("{}:/data", volume.native)]);
        }
        if wanted.takes_along {
            arguments.extend(["--volume".into(), "/scratch".into()]);
        }
        if wanted.restarts {
            arguments.extend(["--restart".into(), "always".into()]);
        }
        let image = wanted.uses.iter().find(|used| used.kind == Kind::IMAGE);
        arguments.push(image.map_or(shared().image().into(), |image| image.native.clone()));
        let script = match (wanted.state, wanted.ends_when_asked) {
            (State::Exited, _) => format!("exit {}", wanted.exit_code.unwrap_or(0)),
            (_, true) => "trap 'exit 0' TERM; sleep 100000 & wait".into(),
            (_, false) => "trap '' TERM; while true; do sleep 1; done".into(),
        };
        arguments.extend(["sh".into(), "-c".into(), script]);
        let id = self.docker(&arguments)?;
        match wanted.state {
            State::Exited => self.docker(&["wait".into(), id.clone()])?,
            State::Paused => self.docker(&["pause".into(), id.clone()])?,
            _ => String::new(),
        };
        Ok(id)
    }

    fn image(&self, wanted: &Wanted, name: &str) -> Result<String, String> {
        let base = self.docker(&["create".into(), shared().image().into(), "true".into()])?;
        let mut arguments: Vec<String> = vec!["commit".into(), "--message".into(), name.into()];
        for (key, value) in &wanted.labels {
            // A LABEL line takes the value quoted, with these escapes.
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            arguments.extend(["--change".into(), format!("LABEL {key}=\"{value}\"")]);
        }
        arguments.push(base.clone());
        let id = self.docker(&arguments)?;
        self.docker(&["rm".into(), "--force".into(), base])?;
        Ok(id)
    }
}

fn labels(wanted: &Wanted) -> Vec<String> {
    let one = |(key, value): &(String, String)| ["--label".to_owned(), format!("{key}={value}")];
    wanted.labels.iter().flat_map(one).collect()
}

#[async_trait]
impl Fixture for DockerFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        // What is only listed needs no daemon.
        static LISTED: LazyLock<bool> = LazyLock::new(|| Arguments::from_args().list);
        let host = match *LISTED {
            true => NOWHERE.to_owned(),
            false => shared().host(),
        };
        self.open(&host)
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = wanted
            .name
            .clone()
            .unwrap_or_else(|| format!("made-{number}"));
        let native = match wanted.kind {
            Kind::CONTAINER => self.container(wanted, name)?,
            Kind::NETWORK => {
                let mut arguments: Vec<String> = vec!["network".into(), "create".into()];
                arguments.extend(labels(wanted));
                arguments.push(name);
                self.docker(&arguments)?
            }
            Kind::VOLUME => {
                let mut arguments: Vec<String> = vec!["volume".into(), "create".into()];
                arguments.extend(labels(wanted));
                arguments.push(name);
                self.docker(&arguments)?
            }
            Kind::IMAGE if wanted.labels.iter().any(|(_, value)| value.contains('\n')) => {
                let why = "a LABEL line cannot hold line breaks";
                return Ok(Made::NotApplicable(why.to_owned()));
            }
            Kind::IMAGE => self.image(wanted, &name)?,
            _ => {
                let why = format!("Docker has no {}", wanted.kind);
                return Ok(Made::NotApplicable(why));
            }
        };
        Ok(Made::Yes(Identity {
            backend: "docker".into(),
            account: "".into(),
            kind: wanted.kind,
            native,
            created: None,
        }))
    }

    async fn clean_up(&self) -> Result<(), String> {
        let lists: [(&[&str], &[&str]); 4] = [
            (&["ps", "-aq"], &["rm", "-f", "-v"]),
            (
                &["network", "ls", "-q", "--filter", "type=custom"],
                &["network", "rm"],
            ),
            (&["volume", "ls", "-q"], &["volume", "rm"]),
            (
                &["images", "-q", "--filter", "dangling=true"],
                &["rmi", "-f"],
            ),
        ];
        for (list, remove) in lists {
            for id in shared().docker(list).lines() {
                let mut arguments = remove.to_vec();
                arguments.push(id);
                shared()
                    .try_docker(&arguments)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// All but the image that containers are made from.
    fn is_ours(&self, resource: &Resource) -> bool {
        resource.identity.kind != Kind::IMAGE || resource.name != shared().image()
    }

    fn kept_by_provider(&self) -> Vec<(Kind, String)> {
        ["bridge", "host", "none", "ingress"]
            .map(|name| (Kind::NETWORK, name.to_owned()))
            .into()
    }

    async fn with_nothing_answering(&self) -> Option<Arc<dyn Backend>> {
        Some(self.open(NOWHERE))
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    super::trials("docker", || DockerFixture {
        made: AtomicUsize::new(0),
    })
}
