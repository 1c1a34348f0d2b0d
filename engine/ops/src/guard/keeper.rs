//! The words between a client and the process that holds its lease.

/// What a client that cleans up itself writes when it has come to the end of that.
pub const DONE: &str = "done";
/// What a client writes to end the lease in good order.
pub const RELEASE: &str = "release";
/// What the client that hands its lease over is told when it is in good hands.
pub const READY: &str = "ready";
