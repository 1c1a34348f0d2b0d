//! Makes a policy of a core module, so that every language that reaches WebAssembly reaches us.
//!
//! A module exports `memory`, `cabi_realloc` and the four functions, by their full names
//! (`tbengine:policy/hooks@3.0.0#decide`) or, where a language cannot write those, by the last word
//! (`decide`). What it needs of WASI preview 1 it gets from an adapter that denies all but standard error.
//!
//! - `error`: why a file cannot be made one
//! - `inspect`: what a module exports and imports
//! - `wasi`: the adapter
//! - `assemble`: the component around both, made by `wit-component` after the WIT of the contract

mod assemble;
mod error;
mod inspect;
mod wasi;

use std::path::Path;

use super::contract::Version;
use inspect::Module;

pub use error::PackError;

/// A policy made of a core module.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The component.
    pub component: Vec<u8>,
    /// The version of the contract that it implements.
    pub version: Version,
    /// The functions of WASI preview 1 that were replaced by the adapter's.
    pub adapted: Vec<String>,
}

/// Makes a policy of a core module, in binary or as text. `version` is the version of the contract that
/// it is written for; `None` means what the names of its exports say, or else the newest that its functions fit.
///
/// # Errors
/// A [`PackError`] that says what the module lacks or has too much.
pub fn pack(bytes: &[u8], origin: &str, version: Option<Version>) -> Result<Packed, PackError> {
    let invalid = |message: String| PackError::Invalid {
        origin: origin.to_owned(),
        message,
    };
    if matches!(bytes, [b'\0', b'a', b's', b'm', 13, 0, 1, 0, ..]) {
        return Err(PackError::Component {
            origin: origin.to_owned(),
        });
    }
    let core = wat::Parser::new()
        .parse_bytes(Some(Path::new(origin)), bytes)
        .map_err(|error| invalid(error.to_string()))?;
    let module = Module::read(&core).map_err(|error| invalid(error.message().to_owned()))?;
    if let Some(version) = version.or(module.version(origin)?) {
        return pack_for(&core, &module, version, origin);
    }
    let newest = pack_for(&core, &module, Version::NEWEST, origin);
    let Err(PackError::Shape { .. } | PackError::Import { .. }) = newest else {
        return newest;
    };
    // Short names say nothing; the parameters of `decide` do, which no two versions have in common, and the version
    // of the log that is imported.
    let mut older = Version::ALL.into_iter().rev().skip(1);
    older
        .find_map(|version| pack_for(&core, &module, version, origin).ok())
        .map_or(newest, Ok)
}

fn pack_for(
    core: &[u8],
    module: &Module<'_>,
    version: Version,
    origin: &str,
) -> Result<Packed, PackError> {
    module.check_imports(origin, version)?;
    let component = assemble::assemble(core, module, version, origin)?;
    // All is well-typed, or it is said here and not when the policy is used.
    wasmparser::Validator::new()
        .validate_all(&component)
        .map_err(|error| PackError::Shape {
            origin: origin.to_owned(),
            version,
            message: error.message().to_owned(),
        })?;
    Ok(Packed {
        component,
        version,
        adapted: module
            .preview1
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
    })
}
