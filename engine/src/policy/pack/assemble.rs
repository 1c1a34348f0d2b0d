//! The component around a module: its types are those of the contract, and its glue is `wit-component`'s.

use std::collections::BTreeMap;

use wasm_encoder::{ExportSection, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::error::PackError;
use super::inspect::{FUNCTIONS, Module, PREVIEW1};
use super::wasi;
use crate::policy::contract::Version;

/// Makes the component. The same module makes the same bytes.
pub(super) fn assemble(
    core: &[u8],
    module: &Module<'_>,
    version: Version,
    origin: &str,
) -> Result<Vec<u8>, PackError> {
    let names = full_names(module, version, origin)?;
    let main = renamed(core, &names).map_err(|error| error.message().to_owned());
    main.and_then(|main| encode(main, module, version))
        .map_err(|message| PackError::Shape {
            origin: origin.to_owned(),
            version,
            message,
        })
}

fn encode(mut main: Vec<u8>, module: &Module<'_>, version: Version) -> Result<Vec<u8>, String> {
    describe(&mut main, version.wit(), "policy")?;
    let mut encoder = ComponentEncoder::default()
        .module(&main)
        .map_err(|error| error.root_cause().to_string())?;
    if !module.preview1.is_empty() {
        let mut adapter = wat::parse_str(wasi::adapter()).map_err(|error| error.to_string())?;
        describe(&mut adapter, wasi::WIT, "adapter")?;
        encoder = encoder
            .adapter(PREVIEW1, &adapter)
            .map_err(|error| error.root_cause().to_string())?;
    }
    let component = encoder.encode();
    component.map_err(|error| error.root_cause().to_string())
}

/// Adds to a module what its imports and exports mean: those of a world.
fn describe(module: &mut Vec<u8>, wit: &str, world: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let described = resolve
        .push_source("contract.wit", wit)
        .and_then(|package| resolve.select_world(&[package], Some(world)))
        .and_then(|world| embed_component_metadata(module, &resolve, world, StringEncoding::UTF8));
    described.map_err(|error| error.root_cause().to_string())
}

/// The names that the component model has for what the module exports by short ones.
fn full_names(
    module: &Module<'_>,
    version: Version,
    origin: &str,
) -> Result<BTreeMap<String, String>, PackError> {
    let mut names = BTreeMap::new();
    for function in FUNCTIONS {
        let found = module.export(function, version, origin)?;
        let full = Module::full_name(function, version);
        names.insert(format!("cabi_post_{found}"), format!("cabi_post_{full}"));
        names.insert(found, full);
    }
    Ok(names)
}

/// The module with other names for its exports. All else stays as it is, to the byte: debugging information
/// knows the code by its place.
fn renamed(core: &[u8], names: &BTreeMap<String, String>) -> Result<Vec<u8>, BinaryReaderError> {
    let mut renamed = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload?;
        if let Payload::ExportSection(section) = payload {
            let mut exports = ExportSection::new();
            for export in section {
                let export = export?;
                let name = names.get(export.name).map_or(export.name, String::as_str);
                exports.export(name, export.kind.into(), export.index);
            }
            renamed.section(&exports);
        } else if let Some((id, range)) = payload.as_section() {
            renamed.section(&RawSection {
                id,
                data: &core[range],
            });
        }
    }
    Ok(renamed.finish())
}
