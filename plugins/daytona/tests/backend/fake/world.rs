//! The service and the backend, and waiting for what becomes of sandboxes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tbengine_daytona::Daytona;
use tbengine_fake_daytona::{FakeDaytona, Fault, FaultPlan, Make, RunnerTimes, Scripted, Settings};
use tbengine_sdk::{
    Backend, DeleteOptions, Identity, Kind, ListRequest, OpenRequest, Resource, Result, State,
    Timestamp,
};

pub(crate) const FORCE: DeleteOptions = DeleteOptions::FORCE;
pub(crate) const GENTLE: DeleteOptions = DeleteOptions::GENTLE;

/// The service, and the backend that reaches it.
pub(crate) struct World {
    pub(crate) fake: FakeDaytona,
    pub(crate) backend: Daytona,
}

/// A service whose runners take milliseconds.
pub(crate) fn fast() -> Settings {
    Settings {
        runner: RunnerTimes {
            pick_up: Duration::from_millis(5),
            stop: Duration::from_millis(20),
            destroy: Duration::from_millis(30),
            ..RunnerTimes::default()
        },
        ..Settings::default()
    }
}

pub(crate) fn open(fake: &FakeDaytona, key: &str) -> Daytona {
    Daytona::open(OpenRequest {
        name: "cloud".into(),
        config: json!({ "api-url": fake.url(), "call-timeout": "5s" }),
        environment: Arc::new(BTreeMap::from([(
            "DAYTONA_API_KEY".to_owned(),
            key.to_owned(),
        )])),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    })
    .unwrap()
}

impl World {
    pub(crate) async fn new(settings: Settings) -> Self {
        let fake = FakeDaytona::start(settings).await.unwrap();
        let backend = open(&fake, &fake.key());
        Self { fake, backend }
    }

    /// Puts a sandbox there, and answers how it is listed.
    pub(crate) async fn put(&self, make: Make) -> Resource {
        let id = self.fake.put(make);
        let all = self.sandboxes(200).await.unwrap();
        all.into_iter()
            .find(|found| found.identity.native == id)
            .unwrap()
    }

    pub(crate) async fn sandboxes(&self, page_size: usize) -> Result<Vec<Resource>> {
        let mut request = ListRequest {
            page_size,
            ..ListRequest::first(Kind::SANDBOX)
        };
        let mut all = Vec::new();
        loop {
            let page = self.backend.list(request.clone()).await?;
            all.extend(page.resources);
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    pub(crate) async fn state(&self, target: &Identity) -> Option<State> {
        let found = self.backend.get(target).await.unwrap();
        found.map(|found| found.state)
    }

    /// Reads until the answer is as expected.
    pub(crate) async fn until(&self, target: &Identity, expected: Option<State>) {
        for _ in 0..1000 {
            if self.state(target).await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} is {:?}", target.id(), self.state(target).await);
    }

    /// Lets the next such request go wrong.
    pub(crate) fn next(&self, method: &str, path: &str, fault: Fault) {
        self.fake.set_faults(FaultPlan {
            script: vec![Scripted::next(method, path, fault)],
            ..FaultPlan::default()
        });
    }

    /// What really was destroyed because someone asked for it.
    pub(crate) fn destroyed(&self) -> Vec<String> {
        let record = self.fake.record();
        record
            .destroyed_by_callers()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}
