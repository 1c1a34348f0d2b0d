//! What a module exports and imports.

use std::collections::BTreeSet;

use wasmparser::{BinaryReaderError, ExternalKind, Parser, Payload};

use super::error::PackError;
use super::wasi;
use crate::policy::contract::Version;

/// What a policy exports besides `memory` and `cabi_realloc`.
pub(super) const FUNCTIONS: [&str; 4] = ["describe", "configure", "decide", "retry"];

/// What the module of WASI preview 1 is called in imports.
pub(super) const PREVIEW1: &str = "wasi_snapshot_preview1";
/// What the names of interfaces of the contract begin with.
const PACKAGE: &str = "tbengine:policy/";

/// What a module exports and imports.
#[derive(Debug, Default)]
pub(super) struct Module<'a> {
    exports: BTreeSet<&'a str>,
    /// The functions of WASI preview 1 that it imports.
    pub(super) preview1: BTreeSet<&'a str>,
    imports: Vec<(&'a str, &'a str)>,
}

impl<'a> Module<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                            module.exports.insert(export.name);
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if import.module == PREVIEW1 {
                            module.preview1.insert(import.name);
                        } else {
                            module.imports.push((import.module, import.name));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }

    /// The version that the names of the exports say.
    pub(super) fn version(&self, origin: &str) -> Result<Option<Version>, PackError> {
        let is_ours = |name: &&&str| name.starts_with(PACKAGE) && name.contains('@');
        let Some(export) = self.exports.iter().find(is_ours) else {
            return Ok(None);
        };
        let version = export.split('@').nth(1).unwrap_or_default();
        let major = version.split('.').next().unwrap_or_default();
        match major.parse().ok().and_then(Version::of_major) {
            Some(version) => Ok(Some(version)),
            None => Err(PackError::Version {
                origin: origin.to_owned(),
                export: (*export).to_owned(),
            }),
        }
    }

    /// The name of a function of the contract.
    pub(super) fn full_name(function: &str, version: Version) -> String {
        let interface = version.interface_of(function);
        format!("{PACKAGE}{interface}@{}.0.0#{function}", version.major())
    }

    /// What the module calls one of the functions of the contract.
    pub(super) fn export(
        &self,
        function: &str,
        version: Version,
        origin: &str,
    ) -> Result<String, PackError> {
        let full = Self::full_name(function, version);
        if self.exports.contains(full.as_str()) {
            Ok(full)
        } else if self.exports.contains(function) {
            Ok(function.to_owned())
        } else {
            Err(PackError::Missing {
                origin: origin.to_owned(),
                export: full,
                what: "nor that name's last word alone",
            })
        }
    }

    /// Checks that all it needs is there.
    pub(super) fn check_imports(&self, origin: &str, version: Version) -> Result<(), PackError> {
        for (name, what) in [
            ("memory", "the memory that the engine writes resources into"),
            ("cabi_realloc", "with which the engine gets memory for them"),
        ] {
            if !self.exports.contains(name) {
                return Err(PackError::Missing {
                    origin: origin.to_owned(),
                    export: name.to_owned(),
                    what,
                });
            }
        }
        for function in FUNCTIONS {
            self.export(function, version, origin)?;
        }
        let refuse = |import: String, hint| {
            Err(PackError::Import {
                origin: origin.to_owned(),
                import,
                hint,
            })
        };
        let log = format!("tbengine:policy/log@{}.0.0", version.major());
        for (module, name) in &self.imports {
            if *module != log || *name != "emit" {
                let hint = match *module {
                    "env" => {
                        "the linker left a function undefined, or the language's runtime library needs it"
                    }
                    _ if module.starts_with("tbengine:policy/log@") => {
                        "it is built for another version of the contract"
                    }
                    _ => {
                        "allowed are `emit` of tbengine:policy/log and the functions of wasi_snapshot_preview1"
                    }
                };
                return refuse(format!("{module}.{name}"), hint);
            }
        }
        match self
            .preview1
            .iter()
            .find(|name| wasi::params(name).is_none())
        {
            Some(unknown) => refuse(
                format!("{PREVIEW1}.{unknown}"),
                "WASI preview 1 has no such function",
            ),
            None => Ok(()),
        }
    }
}
