//! What people mean by a name: a name, or the beginning of an id.

use tbengine_sdk::{Kind, Resource};

/// Fewer characters of an id mean too many.
const MIN_PREFIX: usize = 3;

/// Whether a resource, as a listing of identities shows it, goes by this name.
pub(crate) fn is_meant(resource: &Resource, name: &str) -> bool {
    let mut names = resource.names.iter().chain([&resource.name]);
    if names.any(|known| known == name || is_latest(resource.identity.kind, known, name)) {
        return true;
    }
    let id = &resource.identity.native;
    // The name of a volume is its id, and the beginning of a name means nothing.
    let has_digest = resource.identity.kind != Kind::VOLUME;
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    let begins = digits.starts_with(name) || id.starts_with(name);
    id == name || has_digest && name.len() >= MIN_PREFIX && name != "sha256:" && begins
}

/// An image without a tag is the one with the tag `latest`.
fn is_latest(kind: Kind, known: &str, name: &str) -> bool {
    kind == Kind::IMAGE && known.strip_suffix(":latest") == Some(name)
}
