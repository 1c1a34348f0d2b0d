//! A channel that holds every answer against the JSON schema of the protocol.

use std::sync::Arc;

use async_trait::async_trait;
use tbengine_sdk::testkit::schema::check_answer;
use tbengine_sdk::{Error, ErrorKind, Result};

use crate::remote::Channel;

/// A channel whose answers are held against the schema. One that does not fit is an error that names the place.
pub(super) struct Checked(pub(super) Arc<dyn Channel>);

#[async_trait]
impl Channel for Checked {
    async fn send(&self, method: &[u8], request: Vec<u8>) -> Result<Vec<u8>> {
        let body = self.0.send(method, request).await?;
        let method = String::from_utf8_lossy(method);
        match check_answer(&method, &body) {
            Ok(()) => Ok(body),
            Err(violation) => Err(Error::new(
                ErrorKind::Internal,
                format!("the answer to `{method}` does not fit the schema: {violation}"),
            )),
        }
    }

    fn normalize(&self, body: &[u8]) -> Option<Vec<u8>> {
        self.0.normalize(body)
    }

    fn unsolicited(&self) -> u64 {
        self.0.unsolicited()
    }

    fn pending(&self) -> usize {
        self.0.pending()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers the same to everything.
    struct Fixed(&'static str);

    #[async_trait]
    impl Channel for Fixed {
        async fn send(&self, _: &[u8], _: Vec<u8>) -> Result<Vec<u8>> {
            Ok(self.0.into())
        }

        fn unsolicited(&self) -> u64 {
            0
        }

        fn pending(&self) -> usize {
            0
        }
    }

    async fn answer(method: &str, body: &'static str) -> Result<Vec<u8>> {
        let channel = Checked(Arc::new(Fixed(body)));
        channel.send(method.as_bytes(), Vec::new()).await
    }

    #[tokio::test]
    async fn an_answer_that_does_not_fit_names_the_place() {
        let body = r#"{"id":"a","now":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(answer("check", body).await.unwrap(), body.as_bytes());
        let error = answer("check", r#"{"id":"a","now":"noon"}"#)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
        assert_eq!(
            error.message,
            "the answer to `check` does not fit the schema: at /now: expected a time in RFC 3339 or null, found \"noon\""
        );
        // The host would take these for what they are not: a word that it does not know, and no rights at all.
        for (method, body) in [
            ("stop", r#"{"is":"finished"}"#),
            ("rights", r#"{"right":[]}"#),
        ] {
            answer(method, body).await.unwrap_err();
        }
    }
}
