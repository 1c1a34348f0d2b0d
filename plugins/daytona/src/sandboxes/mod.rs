//! Sandboxes: the requests, and from JSON to `Resource`.
//!
//! - `reading`: what is there
//! - `changing`: stopping, archiving and deleting
//! - `resource`: from JSON to `Resource`

mod changing;
mod reading;
mod resource;

use tbengine_sdk::Kind;
use tbengine_sdk::http::Call;

pub(crate) use changing::{archive, delete, hides, relabel, stop, surrendered};
pub(crate) use reading::{SecondLook, leaving, list, read, second_look};
pub(crate) use resource::whole;

const KIND: Kind = Kind::SANDBOX;
const READ: Call = Call::Read(Some(KIND));
