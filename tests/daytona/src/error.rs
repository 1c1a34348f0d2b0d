//! What the service answers when it refuses.

use std::borrow::Cow;

use serde::Serialize;

/// A refusal: status, and the two texts of its body. Path and time are added where it is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The short text for the status.
    pub error: &'static str,
    /// What is wrong.
    pub message: Cow<'static, str>,
}

impl ApiError {
    fn new(status: u16, error: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            message: message.into(),
        }
    }

    /// 400
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "Bad Request", message)
    }

    /// 401
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Invalid credentials")
    }

    /// 403 for a missing permission.
    pub fn denied() -> Self {
        Self::forbidden("Access denied")
    }

    /// 403
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, "Forbidden", message)
    }

    /// 404
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, "Not Found", message)
    }

    /// 404 for a sandbox.
    pub fn no_sandbox(id_or_name: &str) -> Self {
        Self::not_found(format!("Sandbox with ID or name {id_or_name} not found"))
    }

    /// 409
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(409, "Conflict", message)
    }

    /// 409 while something is under way.
    pub fn in_progress() -> Self {
        Self::conflict("Sandbox state change in progress")
    }

    /// 409 after someone else wrote between our reading and our writing.
    pub fn modified() -> Self {
        Self::conflict("Sandbox was modified by another operation")
    }

    /// 429
    pub fn throttled() -> Self {
        Self::new(
            429,
            "Too Many Requests",
            "ThrottlerException: Too Many Requests",
        )
    }

    /// 500
    pub fn unexpected() -> Self {
        Self::new(
            500,
            "Internal Server Error",
            "An unexpected error occurred.",
        )
    }

    /// 503 while the service is being worked on.
    pub fn maintenance() -> Self {
        Self::new(
            503,
            "Service Unavailable",
            "Service is currently under maintenance. Please try again later.",
        )
    }

    /// The body that is sent.
    pub fn body(&self, path: &str, timestamp: &str) -> Vec<u8> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            path: &'a str,
            timestamp: &'a str,
            status_code: u16,
            error: &'a str,
            message: &'a str,
        }
        let body = Body {
            path,
            timestamp,
            status_code: self.status,
            error: self.error,
            message: &self.message,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}
