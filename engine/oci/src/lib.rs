//! Policies in OCI registries: fetched by digest, kept in a cache, pushed.
//!
//! A registry is not believed. What it sends is bounded in size and time and has the digest that was asked
//! for, its credentials go to itself and to where it has its tokens from, and over TLS unless the operator
//! says otherwise.
//!
//! What a registry wants to see is read by `http-auth`. Credentials are not read by `docker_credential` (1.4), which
//! waits for a helper that hangs for ever and takes an answer of any length; ours is killed when the time of the
//! call is over. The requests are
//! made here and not by `oci-client`, since that one (0.18) believes a registry: it reads an answer of any length
//! into memory, sends credentials to wherever a registry has its tokens, and goes on without TLS where it is
//! redirected to; and no other HTTP client can be put into it.
//!
//! [`Registry`] is the way in. It knows nothing of a command line: what it works with comes as
//! [`RegistryOptions`], and what goes wrong is an [`Error`].
//!
//! - `registry`: fetching, pulling and pushing
//! - `reference`: where a policy lies, as `oci://HOST/REPOSITORY:TAG@sha256:DIGEST`
//! - `manifest`: what stands between a reference and a policy
//! - `cache`: what was fetched before
//! - `keychain`: credentials
//! - `client`, `challenge`: the protocol
//! - `failure`, `error`: what goes wrong

mod cache;
mod challenge;
mod client;
mod error;
mod failure;
mod keychain;
mod manifest;
mod reference;
mod registry;

pub use error::{Doing, Error};
pub use keychain::VARIABLES;
pub use manifest::About;
pub use reference::{Digest, Reference, ReferenceError, SCHEME};
pub use registry::{Artifact, Registry, RegistryOptions};
