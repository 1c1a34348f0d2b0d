//! The service at one endpoint, with one credential.

use tbengine_sdk::Result;
use tbengine_sdk::http::{self, HeaderName, HeaderValue};

use crate::config::Settings;
use crate::credential::Credential;
use crate::service::Service;

const SOURCE: HeaderName = HeaderName::from_static("x-daytona-source");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-daytona-organization-id");

/// The service at one endpoint, with one credential.
pub(crate) type Client = http::Client<Service>;

/// Prepares to speak with the service. Nothing is sent.
///
/// # Errors
/// `Invalid` if the certificates cannot be read.
pub(crate) fn connect(settings: &Settings, credential: Credential) -> Result<Client> {
    let (secret, organization) = (credential.secret.clone(), credential.organization.clone());
    let mut builder = Client::builder(settings.endpoint.clone(), Service { credential })
        .bearer(&secret)
        .header(SOURCE, HeaderValue::from_static("tbengine"))
        .ca_file(settings.ca_file.clone())
        .proxy(settings.proxy.clone())
        .call_timeout(settings.call_timeout);
    if let Some(organization) = organization {
        builder = builder.header(ORGANIZATION, organization);
    }
    builder.build()
}
