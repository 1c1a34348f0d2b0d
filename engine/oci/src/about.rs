//! What a registry shows of a policy.

/// The metadata of a policy that is pushed.
#[derive(Clone, Debug)]
pub struct About {
    /// The name that it gives itself.
    pub name: String,
    /// The version that it gives itself.
    pub version: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// The interfaces that the component exports.
    pub exports: Vec<String>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
}
