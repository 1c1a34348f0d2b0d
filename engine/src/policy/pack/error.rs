//! Why a file cannot be made a policy.

use crate::policy::contract::Version;

/// Why a file cannot be made a policy.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is a component already.
    #[error("{origin} is already a component")]
    Component {
        /// The file.
        origin: String,
    },
    /// It is not WebAssembly.
    #[error("{origin} is not a WebAssembly module: {message}")]
    Invalid {
        /// The file.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// It lacks an export.
    #[error("{origin} does not export `{export}`, {what}")]
    Missing {
        /// The file.
        origin: String,
        /// What it should export.
        export: String,
        /// What that is for.
        what: &'static str,
    },
    /// It exports functions of a version that is unknown.
    #[error(
        "{origin} exports `{export}`, a version that this engine does not speak ({})",
        Version::all_for_people()
    )]
    Version {
        /// The file.
        origin: String,
        /// What it exports.
        export: String,
    },
    /// It imports what there is not.
    #[error("{origin} imports `{import}`, which policies may not use; {hint}")]
    Import {
        /// The file.
        origin: String,
        /// What it imports.
        import: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Its functions have other parameters or results than the contract says.
    #[error("{origin} does not fit {version}: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// The version it should fit.
        version: Version,
        /// What does not fit.
        message: String,
    },
}
