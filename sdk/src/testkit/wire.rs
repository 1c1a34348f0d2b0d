//! The fixture of a plugin outside of this program: a few methods beside those of a backend.
//!
//! A plugin whose kind says `fixture` in its descriptor answers them on a backend that was opened with
//! `fixture`. So the kit can make resources through the same interface that it tests.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fixture::{Fixture, Made, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::Identity;
use crate::powers::Attached;
use crate::registration::OpenRequest;
use crate::wire::{self, Work};

/// Makes a resource: takes [`Wanted`], answers [`MadeDocument`].
pub const MAKE: &str = "fixture-make";
/// Makes a resource through an attachment: takes [`Through`], answers [`MadeDocument`].
pub const MAKE_THROUGH: &str = "fixture-make-through";
/// Removes whatever was made and is still there: takes and answers an empty document.
pub const CLEAN_UP: &str = "fixture-clean-up";

/// The answer of [`MAKE`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MadeDocument {
    /// What was made, or `None` if the provider has no such resources.
    #[serde(default)]
    pub identity: Option<Identity>,
}

/// The request of [`MAKE_THROUGH`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Through {
    /// The attachment.
    pub attached: Attached,
    /// What is to be made.
    pub wanted: Wanted,
}

/// The fixture of a kind of backend, in a library that is built for the conformance kit.
pub struct FixtureRegistration {
    /// The kind of backend.
    pub kind: &'static str,
    /// Makes the fixture, with the configuration that the kit was given.
    pub open: fn(OpenRequest) -> Result<Box<dyn Fixture>>,
}

inventory::collect!(FixtureRegistration);

impl FixtureRegistration {
    /// The fixture that is linked in for a kind.
    pub fn of(kind: &str) -> Option<&'static FixtureRegistration> {
        inventory::iter::<FixtureRegistration>
            .into_iter()
            .find(|registration| registration.kind == kind)
    }
}

/// Registers the fixture of a kind: `fixture!("mycloud", MyFixture::open);`
///
/// The function takes an [`OpenRequest`] and answers `Result<impl Fixture>`.
#[macro_export]
macro_rules! fixture {
    ($kind:literal, $open:path) => {
        $crate::__private::inventory::submit! {
            $crate::testkit::wire::FixtureRegistration {
                kind: $kind,
                open: |request| {
                    let fixture = $open(request)?;
                    Ok(::std::boxed::Box::new(fixture))
                },
            }
        }
    };
}

/// The work of a fixture's method; `None` if it is none.
pub(crate) fn prepare(
    fixture: &Arc<dyn Fixture>,
    method: &[u8],
    body: &[u8],
) -> Option<Result<Work>> {
    let fixture = fixture.clone();
    let internal = |message| Error::new(ErrorKind::Internal, message);
    if method == MAKE.as_bytes() {
        let wanted: Wanted = match wire::decode(MAKE, body) {
            Ok(wanted) => wanted,
            Err(error) => return Some(Err(error)),
        };
        return Some(Ok(Box::pin(async move {
            let made = fixture.make(&wanted).await.map_err(internal)?;
            Ok(wire::encode(&document(made)))
        })));
    }
    if method == MAKE_THROUGH.as_bytes() {
        let through: Through = match wire::decode(MAKE_THROUGH, body) {
            Ok(through) => through,
            Err(error) => return Some(Err(error)),
        };
        return Some(Ok(Box::pin(async move {
            let made = fixture.make_through(&through.attached, &through.wanted);
            Ok(wire::encode(&document(made.await.map_err(internal)?)))
        })));
    }
    (method == CLEAN_UP.as_bytes()).then(|| {
        Ok(Box::pin(async move {
            fixture.clean_up().await.map_err(internal)?;
            Ok(b"{}".to_vec())
        }) as Work)
    })
}

fn document(made: Made) -> MadeDocument {
    MadeDocument {
        identity: match made {
            Made::Yes(identity) => Some(identity),
            Made::NotApplicable(_) | Made::CannotMake => None,
        },
    }
}
