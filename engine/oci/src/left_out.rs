//! Registries in a program that was built without them: each is refused, with what is missing.

use crate::about::About;
use crate::artifact::Artifact;
use crate::error::Error;
use crate::options::RegistryOptions;
use crate::reference::{Digest, Reference};

/// Registries, none of which this build supports.
pub struct Registry;

impl Registry {
    /// Registries that are not spoken with.
    pub fn new(_: RegistryOptions) -> Self {
        Self
    }

    /// Refuses, as all of these.
    ///
    /// # Errors
    /// Always [`Error::LeftOut`].
    pub fn fetch(&self, reference: &Reference) -> Result<Artifact, Error> {
        Err(left_out(reference))
    }

    /// Refuses, as all of these.
    ///
    /// # Errors
    /// Always [`Error::LeftOut`].
    pub fn pull(&self, reference: &Reference) -> Result<Artifact, Error> {
        Err(left_out(reference))
    }

    /// Refuses, as all of these.
    ///
    /// # Errors
    /// Always [`Error::LeftOut`].
    pub fn push(&self, reference: &Reference, _: Vec<u8>, _: &About) -> Result<Digest, Error> {
        Err(left_out(reference))
    }
}

fn left_out(reference: &Reference) -> Error {
    Error::LeftOut {
        reference: reference.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_and_the_feature_are_named() {
        let reference: Reference = "oci://ghcr.io/team/nightly:1.0".parse().unwrap();
        for refused in [Registry.pull(&reference), Registry.fetch(&reference)] {
            let message = refused.unwrap_err().to_string();
            assert_eq!(
                message,
                "`oci://ghcr.io/team/nightly:1.0` is in a registry, and this tbengine was built without oci"
            );
        }
    }
}
