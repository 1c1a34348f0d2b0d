//! What is registered here, as a plugin serves it: what it says about itself, and its open backends.

use std::sync::Arc;

use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::registration::Registration;
use crate::wire::{Descriptor, KindDescriptor, Open, PROTOCOL, Request, Work};

/// The descriptor of what is registered in this library or program.
pub fn descriptor() -> Descriptor {
    let all = Registration::all();
    let (name, version) = all
        .first()
        .map_or(("", ""), |first| (first.package, first.version));
    Descriptor {
        name: name.to_owned(),
        version: version.to_owned(),
        protocol: PROTOCOL,
        sdk: concat!("tbengine-sdk ", env!("CARGO_PKG_VERSION")).to_owned(),
        kinds: all
            .iter()
            .map(|registration| KindDescriptor {
                kind: registration.kind.to_owned(),
                about: registration.about.to_owned(),
                fixture: has_fixture(registration.kind),
            })
            .collect(),
    }
}

#[cfg(feature = "testkit")]
fn has_fixture(kind: &str) -> bool {
    crate::testkit::wire::FixtureRegistration::of(kind).is_some()
}

#[cfg(not(feature = "testkit"))]
fn has_fixture(_: &str) -> bool {
    false
}

/// An open backend as a plugin serves it, with the fixture if the conformance kit opened it.
pub struct Subject {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    #[cfg(feature = "testkit")]
    fixture: Option<Arc<dyn crate::testkit::Fixture>>,
}

impl Subject {
    /// Opens what is registered here.
    ///
    /// # Errors
    /// `Invalid` if there is no such kind, and what the kind's own code answers.
    pub fn open(request: Open) -> Result<Self> {
        let kind = request.kind.clone();
        #[cfg(feature = "testkit")]
        if request.fixture {
            let Some(registration) = crate::testkit::wire::FixtureRegistration::of(&kind) else {
                return Err(unknown_kind(&kind));
            };
            let fixture: Arc<dyn crate::testkit::Fixture> =
                (registration.open)(request.into_request())?.into();
            return Ok(Self {
                backend: fixture.backend(),
                fixture: Some(fixture),
            });
        }
        let all = Registration::all();
        let Some(registration) = all.iter().find(|known| known.kind == kind) else {
            return Err(unknown_kind(&kind));
        };
        Ok(Self {
            backend: (registration.open)(request.into_request())?.into(),
            #[cfg(feature = "testkit")]
            fixture: None,
        })
    }

    /// Reads a request, and gives what has to be awaited for its answer.
    ///
    /// # Errors
    /// As [`Request::read`].
    pub fn prepare(&self, method: &[u8], body: &[u8]) -> Result<Work> {
        #[cfg(feature = "testkit")]
        if let Some(fixture) = &self.fixture
            && let Some(work) = crate::testkit::wire::prepare(fixture, method, body)
        {
            return work;
        }
        let (request, backend) = (Request::read(method, body)?, self.backend.clone());
        Ok(Box::pin(async move { request.run(&*backend).await }))
    }
}

fn unknown_kind(kind: &str) -> Error {
    let known: Vec<_> = Registration::all().iter().map(|known| known.kind).collect();
    Error::new(
        ErrorKind::Invalid,
        format!(
            "this plugin has no backend kind `{kind}`; it has {}",
            known.join(", ")
        ),
    )
}
