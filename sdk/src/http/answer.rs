//! A success.

use ::http::{HeaderMap, StatusCode};

/// A success, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, which is some 2xx.
    pub status: StatusCode,
    /// The headers, for those services that name the next page there.
    pub headers: HeaderMap,
    /// The body, no longer than the client's limit.
    pub body: Vec<u8>,
}

impl Answer {
    /// The text of a header, unless it is missing or empty.
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        (!text.is_empty()).then_some(text)
    }
}
