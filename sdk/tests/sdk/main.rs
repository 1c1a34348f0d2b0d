//! What others write against the sdk.
//!
//! - `header`: the C header is what the sdk says
//! - `listing`: the readers of pages
//! - `protocol`: the document of the protocol
//! - `schema`: the JSON schema beside it

mod header;
mod listing;
mod protocol;
#[cfg(feature = "schema")]
mod schema;
