//! One daemon, for requests of our own and for those of bollard.

use tbengine_sdk::{Error, ErrorKind, Result};

use crate::api_version::ApiVersion;
use crate::context::Endpoint;
use crate::transport::Transport;

/// bollard limits only the time until the headers; our own limit covers the whole call.
const BOLLARD_TIMEOUT_SECONDS: u64 = 3600;

/// One daemon, for requests of our own and for those of bollard.
pub(crate) struct Connection {
    pub(crate) endpoint: Endpoint,
    pub(crate) transport: Transport,
    /// Sends its requests through the same transport.
    pub(crate) bollard: bollard::Docker,
}

impl Connection {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// `Invalid` if the TLS files or the pinned version cannot be used.
    pub(crate) fn new(endpoint: Endpoint, pinned: Option<ApiVersion>) -> Result<Self> {
        let transport = Transport::new(&endpoint, pinned)?;
        let bollard = bollard::Docker::connect_with_custom_transport(
            transport.for_bollard(),
            Some("http://docker"),
            BOLLARD_TIMEOUT_SECONDS,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        Ok(Self {
            endpoint,
            transport,
            bollard,
        })
    }
}
