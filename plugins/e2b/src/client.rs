//! What E2B says otherwise than most services.

use tbengine_sdk::http::{self, Call, HeaderName, Provider, Refusal};
use tbengine_sdk::{ErrorKind, Result};

use crate::config::Settings;

const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The service with one key.
pub(crate) type Client = http::Client<Service>;

/// E2B.
pub(crate) struct Service;

impl Provider for Service {
    fn name(&self) -> &'static str {
        "e2b"
    }

    fn address_hint(&self) -> &'static str {
        "check `api-url`"
    }

    fn classify(&self, refusal: &Refusal, call: Call) -> (ErrorKind, Option<&'static str>) {
        match (refusal.usual_kind(call), &refusal.message) {
            (ErrorKind::Denied, Some(_)) => (ErrorKind::Denied, Some(REFUSED)),
            (ErrorKind::Invalid, None) => (ErrorKind::Invalid, Some(self.address_hint())),
            (kind, _) => (kind, None),
        }
    }
}

const REFUSED: &str = "check E2B_API_KEY; it is a key of the team, not an access token";

/// Prepares to speak with the service. Nothing is sent.
///
/// # Errors
/// `Invalid` if the system's certificates cannot be used.
pub(crate) fn connect(settings: &Settings) -> Result<Client> {
    Client::builder(settings.service.clone(), Service)
        .secret(KEY, "", &settings.key)
        .user_agent(concat!("tbengine-e2b/", env!("CARGO_PKG_VERSION")))
        .build()
}
