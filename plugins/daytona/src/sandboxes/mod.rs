//! Sandboxes: the requests, and from JSON to `Resource`.
//!
//! - `reading`: the sandboxes that exist
//! - `changing`: stopping, archiving and deleting
//! - `resource`: from JSON to `Resource`

mod changing;
mod reading;
mod resource;

use tbengine_sdk::Kind;
use tbengine_sdk::http::Call;

pub(crate) use changing::{archive, delete, hides, relabel, stop, surrendered};
pub(crate) use reading::{ConfirmingRead, confirming_read, leaving, list, read};
pub(crate) use resource::whole;

const KIND: Kind = Kind::SANDBOX;
const READ: Call = Call::Read(Some(KIND));
