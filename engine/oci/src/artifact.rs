//! A policy from a registry.

use crate::reference::Digest;

/// A policy from a registry.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The digest of the manifest, which a reference is pinned by.
    pub digest: Digest,
    /// The component.
    pub wasm: Vec<u8>,
}
