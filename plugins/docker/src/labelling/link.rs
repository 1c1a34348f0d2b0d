//! The connection to the daemon that belongs to one client's connection, so that whatever ends the
//! client's ends this one too, and the daemon notices as if there were nothing in between.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::task::JoinSet;
use tracing::debug;

use super::failure::Failure;
use crate::connect::Dialler;

/// A request's body: as it comes from the client, or made here.
pub(super) type Outgoing = Either<Incoming, Full<Bytes>>;

/// Sends one request after the other; connects when there is one to send.
pub(super) struct Link {
    dialler: Dialler,
    open: Option<Open>,
}

struct Open {
    sender: SendRequest<Outgoing>,
    /// The one task that moves bytes. Dropping the set ends it, and with it the connection.
    _driver: JoinSet<()>,
}

impl Link {
    pub(super) fn new(dialler: Dialler) -> Self {
        Self {
            dialler,
            open: None,
        }
    }

    /// Sends a request, after the reply to the one before was read. A request that could not be
    /// written because the daemon had closed the connection meanwhile is sent once more on a new one.
    pub(super) async fn send(
        &mut self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Failure> {
        if let Some(mut open) = self.open.take()
            && open.sender.ready().await.is_ok()
        {
            match open.sender.try_send_request(request).await {
                Ok(reply) => {
                    self.open = Some(open);
                    return Ok(reply);
                }
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let mut open = self.connect().await?;
        let reply = open.sender.send_request(request).await?;
        self.open = Some(open);
        Ok(reply)
    }

    async fn connect(&self) -> Result<Open, Failure> {
        let socket = self.dialler.dial().await?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .handshake(socket)
            .await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                debug!(%error, "the connection to the daemon broke");
            }
        });
        Ok(Open {
            sender,
            _driver: driver,
        })
    }
}
