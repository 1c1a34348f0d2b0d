//! What a backend may be able to do beyond listing, reading, stopping and deleting. No power is needed: the engine
//! calls only those that [`Capabilities::methods`](crate::Capabilities) names, and does without the others.
//!
//! - [`method`]: the optional methods, by name
//! - `act`, `operation`, `right`: what the credentials allow
//! - `disk`: where resources lie
//! - `watch_request`, `change`, `changes`: what happened since
//! - `sample`: counters of what runs
//! - `find_request`: what people mean by a name
//! - `attach_request`, `attached`, `observe_request`, `observed`: what a command makes

mod act;
mod attach_request;
mod attached;
mod change;
mod changes;
mod disk;
mod find_request;
pub mod method;
mod observe_request;
mod observed;
mod operation;
mod right;
mod sample;
mod watch_request;

pub use act::Act;
pub use attach_request::AttachRequest;
pub use attached::Attached;
pub use change::Change;
pub use changes::Changes;
pub use disk::Disk;
pub use find_request::FindRequest;
pub use method::Method;
pub use observe_request::ObserveRequest;
pub use observed::Observed;
pub use operation::Operation;
pub use right::Right;
pub use sample::Sample;
pub use watch_request::WatchRequest;
