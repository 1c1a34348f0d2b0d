//! The backend behaves as the sdk says, against the fake service.

use std::sync::Arc;

use libtest_mimic::Trial;
use tbengine_e2b::E2b;
use tbengine_sdk::testkit::{Fixture, Made, Wanted};
use tbengine_sdk::{Backend, Identity, Kind, OpenRequest, State, Timestamp, async_trait};

#[path = "../../../../plugins/e2b/tests/support/fake.rs"]
mod fake;

use fake::{Fake, KEY};

struct E2bFixture {
    fake: Fake,
    backend: Arc<dyn Backend>,
    address: String,
}

fn backend(address: &str, key: &str) -> Arc<dyn Backend> {
    let environment = [("E2B_API_KEY".to_owned(), key.to_owned())];
    let request = OpenRequest {
        name: "e2b".into(),
        config: serde_json::json!({ "api-url": address }),
        environment: Arc::new(environment.into()),
        now: Timestamp::from_unix_seconds(1_800_000_000),
    };
    Arc::new(E2b::open(request).expect("it opens"))
}

#[async_trait]
impl Fixture for E2bFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        let stubborn = wanted.state == State::Running && !wanted.ends_when_asked;
        let other = !matches!(wanted.state, State::Running | State::Stopped);
        let reasons = [
            (
                stubborn,
                "no sandbox of E2B goes on when it is asked to end",
            ),
            (other, "a sandbox of E2B runs or is paused"),
            (
                wanted.exit_code.is_some(),
                "a sandbox of E2B has no exit code",
            ),
            (
                wanted.restarts,
                "a sandbox of E2B does not restart by itself",
            ),
            (
                wanted.takes_along,
                "nothing goes along with a sandbox of E2B",
            ),
            (wanted.name.is_some(), "a sandbox of E2B has no name"),
        ];
        if let Some((_, why)) = reasons.into_iter().find(|(wants, _)| *wants) {
            return Ok(Made::NotApplicable(why.to_owned()));
        }
        let paused = wanted.state == State::Stopped;
        let native = self
            .fake
            .make(paused, wanted.labels.iter().cloned().collect());
        Ok(Made::Yes(Identity {
            backend: "e2b".into(),
            account: "of the key".into(),
            kind: Kind::SANDBOX,
            native,
            created: None,
        }))
    }

    async fn clean_up(&self) -> Result<(), String> {
        self.fake.clear();
        Ok(())
    }

    async fn with_refused_credentials(&self) -> Option<Arc<dyn Backend>> {
        Some(backend(&self.address, "e2b_refused"))
    }

    async fn with_nothing_answering(&self) -> Option<Arc<dyn Backend>> {
        // Port 1 of this machine: nothing listens there.
        Some(backend("http://127.0.0.1:1", KEY))
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned(), "e2b_refused".to_owned()]
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    super::trials("e2b", || {
        let fake = Fake::default();
        let serving = fake.clone();
        let (told, address) = std::sync::mpsc::channel();
        // The kit's runtime is entered here, and serves what is spawned.
        tokio::spawn(async move { told.send(serving.serve().await) });
        let address = address.recv().expect("the service starts");
        E2bFixture {
            backend: backend(&address, KEY),
            fake,
            address,
        }
    })
}
