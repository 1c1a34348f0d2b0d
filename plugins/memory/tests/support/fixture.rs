//! Makes resources in the simulated provider, for the conformance suite. Also used by the tests that run
//! the suite over the provider as a library and as a program.

use std::sync::Arc;

use tbengine_memory::{
    Make, Memory, container, image, network, resource, sandbox, snapshot, volume,
};
use tbengine_sdk::testkit::{Fixture, Made, Wanted};
use tbengine_sdk::{Attached, Backend, Error, ErrorKind, Kind, Timestamp, async_trait};

/// The fixture of a provider.
pub(crate) struct MemoryFixture(pub(crate) Memory);

impl MemoryFixture {
    fn making(&self, wanted: &Wanted) -> Make {
        let number = self.0.oracle().alive().len();
        let name = wanted
            .name
            .clone()
            .unwrap_or_else(|| format!("made-{number}-{}", fastrand::u64(..)));
        let make = match wanted.kind {
            Kind::CONTAINER => container(&name),
            Kind::SANDBOX => sandbox(&name),
            Kind::NETWORK => network(&name),
            Kind::VOLUME => volume(&name),
            Kind::IMAGE => image(&name),
            Kind::SNAPSHOT => snapshot(&name),
            kind => resource(kind, &name),
        };
        // What ended needs an end, which a provider of containers always knows.
        let mut make = make
            .state(wanted.state)
            .finished(std::time::Duration::from_secs(60));
        if let Some(code) = wanted.exit_code {
            make = make.exit_code(code);
        }
        if !wanted.ends_when_asked {
            make = make.ignores_stop();
        }
        for (key, value) in &wanted.labels {
            make = make.label(key.clone(), value.clone());
        }
        for used in &wanted.uses {
            make = make.uses(used);
        }
        if wanted.takes_along {
            let along = self.0.insert(volume(&format!("{name}-data")));
            make = make.takes_along(&along);
        }
        make
    }
}

#[async_trait]
impl Fixture for MemoryFixture {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.0.clone())
    }

    async fn make(&self, wanted: &Wanted) -> Result<Made, String> {
        Ok(Made::Yes(self.0.insert(self.making(wanted))))
    }

    async fn make_through(&self, attached: &Attached, wanted: &Wanted) -> Result<Made, String> {
        let made = self
            .0
            .insert_through(&attached.attachment, self.making(wanted));
        made.map(Made::Yes).map_err(|error| error.to_string())
    }

    async fn clean_up(&self) -> Result<(), String> {
        for resource in self.0.oracle().alive() {
            self.0
                .change(tbengine_memory::ExternalChange::Delete(resource.identity));
        }
        Ok(())
    }

    async fn with_refused_credentials(&self) -> Option<Arc<dyn Backend>> {
        Some(answering(ErrorKind::Denied))
    }

    async fn with_nothing_answering(&self) -> Option<Arc<dyn Backend>> {
        Some(answering(ErrorKind::Unavailable))
    }
}

fn answering(kind: ErrorKind) -> Arc<dyn Backend> {
    let memory = Memory::new("memory", Timestamp::from_unix_seconds(1_800_000_000));
    memory
        .script(tbengine_memory::Operation::Check)
        .then(tbengine_memory::Fault::Answer(Error::new(kind, "scripted")));
    Arc::new(memory)
}
