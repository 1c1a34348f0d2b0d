//! The backend behaves as the sdk says: `cargo test`.

use std::process::ExitCode;
use std::sync::Arc;

use tbengine_example::{Cloud, Example, Sandbox};
use tbengine_sdk::testkit::{self, Fixture, Made, Wanted};
use tbengine_sdk::{Backend, Identity, Kind, State, async_trait};

/// Makes real sandboxes, because a backend cannot.
struct ExampleFixture {
    cloud: Arc<Cloud>,
    backend: Arc<Example>,
}

#[async_trait]
impl Fixture for ExampleFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        self.backend.clone()
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        let stubborn = wanted.state == State::Running && !wanted.ends_when_asked;
        let special = wanted.exit_code.is_some() || wanted.restarts || wanted.takes_along;
        if stubborn || special || !matches!(wanted.state, State::Running | State::Stopped) {
            // The suite shows this as ignored, with the reason, and goes on.
            let why = "a sandbox here runs until it is stopped, and has no more than that";
            return Ok(Made::NotApplicable(why.to_owned()));
        }
        let native = self.cloud.add(Sandbox {
            name: wanted.name.clone().unwrap_or_else(|| "made".to_owned()),
            running: wanted.state == State::Running,
            labels: wanted.labels.clone(),
            ..Sandbox::default()
        });
        Ok(Made::Yes(Identity {
            backend: "example".into(),
            account: self.cloud.account().into(),
            kind: Kind::SANDBOX,
            native,
            created: None,
        }))
    }

    async fn clean_up(&self) -> Result<(), String> {
        self.cloud.clear();
        Ok(())
    }
}

fn main() -> ExitCode {
    testkit::main(|| {
        let cloud = Arc::new(Cloud::default());
        let backend = Arc::new(Example::new("example", cloud.clone()));
        ExampleFixture { cloud, backend }
    })
}
