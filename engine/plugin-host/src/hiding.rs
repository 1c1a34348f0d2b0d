//! A channel whose errors show no secret.

use std::sync::Arc;

use async_trait::async_trait;
use tbengine_sdk::Result;

use crate::remote::Channel;
use crate::secrets::Secrets;

/// A channel whose errors show no value of a variable that the plugin was given.
pub(crate) struct Hiding {
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) secrets: Secrets,
}

#[async_trait]
impl Channel for Hiding {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let answer = self.channel.send(method, request).await;
        answer.map_err(|error| self.secrets.hide_in(error))
    }

    fn normalize(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.channel.normalize(body)
    }

    fn unsolicited(&self) -> u64 {
        self.channel.unsolicited()
    }

    fn pending(&self) -> usize {
        self.channel.pending()
    }
}
