//! Policies in OCI registries: fetched by digest, kept in a cache, pushed.
//!
//! A registry is not believed. What it sends is bounded in size and time and has the digest that was asked
//! for, its credentials go to itself and to where it has its tokens from, and over TLS unless the operator
//! says otherwise.
//!
//! What a registry wants to see is read by `http-auth`. The rest is ours, since the libraries for it trust a registry
//! more than this crate does: `docker_credential` (1.4) waits for ever for a helper that hangs, and takes an answer of
//! any length; `oci-client` (0.18) reads an answer of any length into memory, sends credentials to wherever a registry
//! has its tokens, goes on without TLS where it is redirected to, and has no place for another HTTP client.
//!
//! [`Registry`] is the way in. It knows nothing of a command line: what it works with comes as
//! [`RegistryOptions`], and what goes wrong is an [`Error`].
//!
//! Without the feature `client` there are references, and every registry is refused.
//!
//! - `options`: what registries are spoken with
//! - `registry`: fetching, pulling and pushing
//! - `left_out`: the same in a program that was built without
//! - `artifact`, `about`: a policy in a registry, and what is shown of it
//! - `reference`: where a policy lies, as `oci://HOST/REPOSITORY:TAG@sha256:DIGEST`
//! - `manifest`: what stands between a reference and a policy
//! - `cache`: what was fetched before
//! - `keychain`: credentials
//! - `client`, `challenge`: the protocol
//! - `failure`, `error`: what goes wrong

mod about;
mod artifact;
#[cfg(feature = "client")]
mod cache;
#[cfg(feature = "client")]
mod challenge;
#[cfg(feature = "client")]
mod client;
mod error;
#[cfg(feature = "client")]
mod failure;
#[cfg(feature = "client")]
mod keychain;
#[cfg(not(feature = "client"))]
mod left_out;
#[cfg(feature = "client")]
mod manifest;
mod options;
mod reference;
#[cfg(feature = "client")]
mod registry;

pub use about::About;
pub use artifact::Artifact;
pub use error::{Doing, Error};
#[cfg(not(feature = "client"))]
pub use left_out::Registry;
pub use options::{RegistryOptions, VARIABLES};
pub use reference::{Digest, Reference, ReferenceError, SCHEME};
#[cfg(feature = "client")]
pub use registry::Registry;
