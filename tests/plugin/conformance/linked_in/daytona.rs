//! Daytona behaves as the sdk says, on the fake service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libtest_mimic::Trial;
use tbengine_daytona::Daytona;
use tbengine_fake_daytona::{
    FakeDaytona, RunnerTimes, Settings, SnapshotState, State as Raw, VolumeState, sandbox,
};
use tbengine_sdk::testkit::{Fixture, Made, Wanted};
use tbengine_sdk::{
    Backend, DeleteOptions, Identity, Kind, ListRequest, OpenRequest, State, Timestamp, async_trait,
};

struct DaytonaFixture {
    fake: FakeDaytona,
    backend: Arc<dyn Backend>,
    made: AtomicUsize,
}

fn open(url: &str, key: &str) -> Arc<dyn Backend> {
    let request = OpenRequest {
        name: "cloud".into(),
        config: serde_json::json!({ "api-url": url }),
        environment: Arc::new(BTreeMap::from([(
            "DAYTONA_API_KEY".to_owned(),
            key.to_owned(),
        )])),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    };
    Arc::new(Daytona::open(request).expect("the configuration is right"))
}

/// What Daytona does not have, of what is wanted.
fn beyond_daytona(wanted: &Wanted) -> Option<&'static str> {
    let reasons = [
        (
            wanted.takes_along,
            "nothing of the suite goes along with a sandbox",
        ),
        (
            wanted.restarts,
            "a sandbox of Daytona does not restart by itself",
        ),
        (
            wanted.exit_code.is_some(),
            "a sandbox of Daytona has no exit code",
        ),
        (
            !wanted.uses.is_empty(),
            "listings of Daytona do not say what a sandbox uses",
        ),
        (
            wanted.kind != Kind::SANDBOX && !wanted.labels.is_empty(),
            "only sandboxes of Daytona have labels",
        ),
    ];
    let found = reasons.into_iter().find(|(wants, _)| *wants);
    found.map(|(_, why)| why)
}

impl DaytonaFixture {
    fn new() -> Self {
        let settings = Settings {
            // An organization without resources has to be told apart before any is made.
            key_tells_organization: true,
            runner: RunnerTimes {
                pick_up: Duration::from_millis(5),
                // Longer than the suite waits to see that a gentle stop kills nothing.
                stop: Duration::from_millis(800),
                destroy: Duration::from_millis(50),
                ..RunnerTimes::default()
            },
            ..Settings::default()
        };
        let fake = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(FakeDaytona::start(settings))
        });
        let fake = fake.expect("a port is free");
        fake.with(|cloud, now| {
            cloud.put_snapshot(None, "daytonaio/sandbox:latest", SnapshotState::Active, now);
        });
        Self {
            backend: open(&fake.url(), &fake.key()),
            fake,
            made: AtomicUsize::new(0),
        }
    }

    fn sandbox(&self, wanted: &Wanted) -> Option<String> {
        let state = match wanted.state {
            State::Running => Raw::Started,
            State::Stopped => Raw::Stopped,
            State::Archived => Raw::Archived,
            State::Failed => Raw::Error,
            State::Paused => Raw::Paused,
            _ => return None,
        };
        let mut make = sandbox().state(state);
        if let Some(name) = &wanted.name {
            make = make.name(name);
        }
        for (key, value) in &wanted.labels {
            make = make.label(key, value);
        }
        Some(self.fake.put(make))
    }
}

#[async_trait]
impl Fixture for DaytonaFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        if let Some(why) = beyond_daytona(wanted) {
            return Ok(Made::NotApplicable(why.to_owned()));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = wanted
            .name
            .clone()
            .unwrap_or_else(|| format!("made-{number}"));
        let native = match wanted.kind {
            Kind::SANDBOX => match self.sandbox(wanted) {
                Some(native) => native,
                None => {
                    let why = format!("no sandbox of Daytona is {}", wanted.state);
                    return Ok(Made::NotApplicable(why));
                }
            },
            Kind::SNAPSHOT => self.fake.with(|cloud, now| {
                cloud
                    .put_snapshot(Some(0), name, SnapshotState::Active, now)
                    .to_string()
            }),
            Kind::VOLUME => self.fake.with(|cloud, now| {
                cloud
                    .put_volume(0, name, VolumeState::Ready, now)
                    .to_string()
            }),
            _ => {
                let why = format!("Daytona has no {}s", wanted.kind);
                return Ok(Made::NotApplicable(why));
            }
        };
        Ok(Made::Yes(Identity {
            backend: "cloud".into(),
            account: "".into(),
            kind: wanted.kind,
            native,
            created: None,
        }))
    }

    async fn clean_up(&self) -> Result<(), String> {
        for kind in self.backend.capabilities().words() {
            let request = ListRequest::first(kind);
            let page = self.backend.list(request).await;
            let page = page.map_err(|error| error.to_string())?;
            for resource in page.resources {
                // Hidden ones and those that are on their way out cannot be removed any faster.
                let force = DeleteOptions::FORCE;
                let _left = self.backend.delete(&resource.identity, force).await;
            }
        }
        Ok(())
    }

    fn is_ours(&self, resource: &tbengine_sdk::Resource) -> bool {
        // What an earlier trial left is only hidden, or on its way out.
        resource.attrs.get("hidden").is_none() && resource.state != State::Removing
    }

    fn kept_by_provider(&self) -> Vec<(Kind, String)> {
        vec![(Kind::SNAPSHOT, "daytonaio/sandbox:latest".to_owned())]
    }

    async fn with_refused_credentials(&self) -> Option<Arc<dyn Backend>> {
        Some(open(&self.fake.url(), "dtn_unknown"))
    }

    async fn with_nothing_answering(&self) -> Option<Arc<dyn Backend>> {
        // Reserved, and nobody listens there.
        Some(open("http://127.0.0.1:1/api", &self.fake.key()))
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.fake.key(), "dtn_unknown".to_owned()]
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    super::trials("daytona", DaytonaFixture::new)
}
