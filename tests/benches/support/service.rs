//! Daytona's fake service on a thread of its own, and what Harbor leaves there.

use std::time::Duration;

use tbengine_fake_daytona::{FakeDaytona, Make, Settings, sandbox};
use tokio::runtime::Runtime;

/// The service, for as long as this is held.
pub struct Service {
    pub fake: FakeDaytona,
    // After the service, which lives on it.
    _threads: Runtime,
}

impl Service {
    /// Starts it without a sandbox.
    pub fn start(settings: Settings) -> Self {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let fake = threads
            .block_on(FakeDaytona::start(settings))
            .expect("a loopback port is free");
        Self {
            fake,
            _threads: threads,
        }
    }
}

/// A sandbox that Harbor left an hour ago.
pub fn leaked(number: usize) -> Make {
    sandbox()
        .label("harbor.managed", "true")
        .label("harbor.session_id", format!("t{number}__DqmfGz2__env"))
        .age(Duration::from_secs(3600))
}
