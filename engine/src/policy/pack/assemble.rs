//! The component around a module.
//!
//! A module imports functions that need its memory, so they cannot exist before it does. It is given
//! stand-ins that call through a table, which is filled once the memory is there.

use wasmparser::{Parser, Payload};

use super::error::PackError;
use super::inspect::{FUNCTIONS, Module};
use super::wasi;
use crate::policy::contract::Version;

/// One imported function, its stand-in and what the table is filled with.
struct Needed<'a> {
    name: &'a str,
    signature: String,
    /// The core instance or function that really does it.
    real: String,
}

/// Makes the component.
pub(super) fn assemble(
    core: &[u8],
    module: &Module<'_>,
    version: Version,
    origin: &str,
) -> Result<Vec<u8>, PackError> {
    let failed = |message: String| PackError::Invalid {
        origin: origin.to_owned(),
        message,
    };
    let text = text(module, version, origin)?;
    let shell = wat::parse_str(&text).map_err(|error| failed(error.to_string()))?;
    insert(&shell, core).map_err(|error| failed(error.message().to_owned()))
}

fn text(module: &Module<'_>, version: Version, origin: &str) -> Result<String, PackError> {
    let mut shape = match version {
        Version::V1 => include_str!("shape-1.wat"),
        Version::V2 => include_str!("shape-2.wat"),
    }
    .replacen("(component\n", "(component $policy\n", 1);
    for function in FUNCTIONS {
        let export = module.export(function, version, origin)?;
        let post = format!("cabi_post_{export}");
        let post = if module.exports(&post) {
            format!("(post-return (core func $main \"{post}\"))")
        } else {
            String::new()
        };
        shape = shape
            .replace(&format!("\"{{{function}}}\""), &format!("\"{export}\""))
            .replace(&format!("{{post-return {function}}}"), &post);
    }
    let log = format!("tbengine:policy/log@{}.0.0", version.major());
    Ok(shape.replacen("{core}", &before(module, &log), 1).replacen(
        "{rest}",
        &after(module, &log),
        1,
    ))
}

fn needed<'a>(module: &'a Module<'_>) -> Vec<Needed<'a>> {
    let mut needed = vec![Needed {
        name: "emit",
        signature: "(param i32 i32 i32)".to_owned(),
        real: "(export \"emit\" (func $emit))".to_owned(),
    }];
    needed.extend(module.preview1.iter().map(|name| Needed {
        name,
        signature: wasi::signature(name),
        real: format!("(export \"{name}\" (func $adapter \"{name}\"))"),
    }));
    needed
}

/// The module's place, its stand-ins and its instance.
fn before(module: &Module<'_>, log: &str) -> String {
    let needed = needed(module);
    let mut stand_ins = String::new();
    for (
        place,
        Needed {
            name, signature, ..
        },
    ) in needed.iter().enumerate()
    {
        let params = signature.matches("i32").count() + signature.matches("i64").count()
            - usize::from(signature.contains("(result"));
        let arguments: String = (0..params)
            .map(|param| format!("(local.get {param}) "))
            .collect();
        stand_ins.push_str(&format!(
            "    (func ${name} (export \"{name}\") {signature} (call_indirect $table {signature} {arguments}(i32.const {place})))\n"
        ));
    }
    let preview1: String = module
        .preview1
        .iter()
        .map(|name| format!("(export \"{name}\" (func $stand-ins \"{name}\")) "))
        .collect();
    let count = needed.len();
    format!(
        r#"(core module $main)
  (core module $stand-ins-module
    (table $table (export "table") {count} {count} funcref)
{stand_ins}  )
  (core instance $stand-ins (instantiate $stand-ins-module))
  (core instance $log (export "emit" (func $stand-ins "emit")))
  (core instance $preview1 {preview1})
  (core instance $main (instantiate $main
    (with "{log}" (instance $log))
    (with "wasi_snapshot_preview1" (instance $preview1))))"#
    )
}

/// The real functions, put into the table; then the module may begin.
fn after(module: &Module<'_>, log: &str) -> String {
    let needed = needed(module);
    let count = needed.len();
    let mut rest = String::new();
    if !module.preview1.is_empty() {
        let adapter = wasi::adapter(module.preview1.iter().copied());
        rest = format!(
            r#"{}
  {adapter}
  (core instance $env (export "memory" (memory $memory)) (export "open" (func $open)) (export "stderr" (func $stderr)))
  (core instance $adapter (instantiate $adapter-module (with "env" (instance $env))))
"#,
            wasi::STDERR
        );
    }
    let real: String = needed.iter().map(|one| one.real.as_str()).collect();
    let imports: String = needed
        .iter()
        .map(
            |Needed {
                 name, signature, ..
             }| {
                format!("    (import \"real\" \"{name}\" (func ${name} {signature}))\n")
            },
        )
        .collect();
    let names: String = needed.iter().map(|one| format!("${} ", one.name)).collect();
    rest.push_str(&format!(
        r#"  (alias export ${log} "emit" (func $emit))
  (core func $emit (canon lower (func $emit) (memory $memory) string-encoding=utf8))
  (core instance $real {real})
  (core module $filling-module
{imports}    (import "stand-ins" "table" (table {count} {count} funcref))
    (elem (i32.const 0) func {names}))
  (core instance $filling (instantiate $filling-module
    (with "real" (instance $real)) (with "stand-ins" (instance $stand-ins))))"#
    ));
    // A library without a main function, by the conventions of WASI.
    if module.exports("_initialize") {
        rest.push_str(
            r#"
  (core module $beginning-module (import "main" "_initialize" (func $begin)) (start $begin))
  (core instance $beginning (instantiate $beginning-module (with "main" (instance $main))))"#,
        );
    }
    rest
}

/// Puts a module in the place of the first one of a component.
fn insert(shell: &[u8], core: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(shell) {
        if let Payload::ModuleSection {
            unchecked_range, ..
        } = payload?
        {
            // Before the contents are the section's number, which is 1, and its size.
            let size_of = |size: usize| {
                let mut size = size;
                let mut bytes = Vec::new();
                loop {
                    let low = (size & 0x7f) as u8;
                    size >>= 7;
                    bytes.push(if size > 0 { low | 0x80 } else { low });
                    if size == 0 {
                        return bytes;
                    }
                }
            };
            let (start, end) = (unchecked_range.start, unchecked_range.end);
            let header = 1 + size_of(end - start).len();
            let mut whole = Vec::with_capacity(shell.len() + core.len() + 8);
            whole.extend_from_slice(&shell[..start - header]);
            whole.push(1);
            whole.extend(size_of(core.len()));
            whole.extend_from_slice(core);
            whole.extend_from_slice(&shell[end..]);
            return Ok(whole);
        }
    }
    Ok(shell.to_vec())
}
