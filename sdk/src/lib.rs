//! The vocabulary of tbengine, and the [`Backend`] trait that every provider of sandboxes implements.
//!
//! An author of a backend needs this crate and nothing else: implement [`Backend`], add one
//! [`backend!`](crate::backend!) line, and run the `testkit` suite over it.
//!
//! The modules, in the order data flows:
//!
//! - [`registration`]: how the engine finds and opens a backend
//! - [`mod@backend`]: the trait, and what its methods take and give
//! - [`powers`]: what a backend may be able to do besides
//! - [`progress`]: signs of life of a listing
//! - [`creations`]: what a guarded command creates, and the label of its run
//! - [`resource`]: a thing that can leak, as a listing shows it
//! - [`relation`]: how resources of one backend are tied to each other
//! - [`damage`]: what could be read in part only, or not at all
//! - [`labels`]: the labels of a resource, small and shared
//! - [`kind`]: the provider's word for a sort of resource
//! - [`mod@class`]: what the engine knows of a kind
//! - [`kind_info`]: what a backend declares of a kind
//! - [`bind`]: the facts of a resource that bind a step
//! - [`identity`]: what must still match when the engine acts on a resource
//! - [`owner`]: which unit a resource belongs to, and who owns it as far as facts prove
//! - [`time`]: points in time
//! - [`words`]: types of which each value is a word
//! - [`taken`]: what became of a request that was taken
//! - [`error`]: error kinds that decide what the engine does next
//! - `testkit` (feature `testkit`): the conformance suite
//!
//! For backends that speak HTTP:
//!
//! - `http` (feature `http`): a client with limits, and what its failures mean
//!
//! And for backends that are not linked into tbengine but loaded or started:
//!
//! - [`wire`]: the documents that travel
//! - [`plugin`]: what is registered here, as a plugin serves it
//! - [`abi`]: the C interface that moves them
//! - `export` (feature `cdylib`): what makes a dynamic library out of registered backends
//! - `serve` (feature `program`): what makes a program out of them
//!
//! And for programs that use backends:
//!
//! - `host` (feature `host`): a backend that is open, and calling it safely

pub mod abi;
pub mod answers;
pub mod backend;
pub mod bind;
pub mod class;
pub mod creations;
pub mod damage;
pub mod error;
#[cfg(feature = "cdylib")]
pub mod export;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "http-base")]
pub mod http;
pub mod identity;
pub mod kind;
pub mod kind_info;
pub mod labels;
mod milliseconds;
pub mod owner;
pub mod plugin;
pub mod powers;
pub mod progress;
pub mod registration;
pub mod relation;
pub mod resource;
#[cfg(feature = "program")]
pub mod serve;
pub mod taken;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod wire;
pub mod words;

pub use answers::Answers;
pub use async_trait::async_trait;
pub use backend::{
    Account, Backend, Capabilities, DeleteOptions, Detail, ListRequest, Page, StopOptions,
};
pub use bind::{Bind, Fact, Rule};
pub use class::Class;
pub use creations::{Creations, GuardOptions, Guarding};
pub use damage::{Damage, Unreadable};
pub use error::{Error, ErrorKind, Result};
pub use identity::{Identity, ResourceId};
pub use kind::{Kind, KindError};
pub use kind_info::{Can, KindInfo};
pub use labels::Labels;
pub use owner::{Owner, Unit};
pub use powers::{
    Act, AttachRequest, Attached, Change, Changes, Disk, FindRequest, Method, ObserveRequest,
    Observed, Operation, Right, Sample, WatchRequest,
};
pub use progress::Progress;
pub use registration::{OpenRequest, Registration};
pub use relation::{Bond, Relation};
pub use resource::{Resource, State, Usage};
pub use taken::Taken;
pub use time::Timestamp;

#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use serde_json;
}
