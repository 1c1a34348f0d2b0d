//! What a component must be before anything in it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tbengine_sdk::Timestamp;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::bodies::{self, MAX_FUNCTION};
use super::bounded::{MAX_ERROR, MAX_REASON, bounded};
use super::call::Call;
use super::compiled::Compiled;
use super::configured::ConfiguredPolicy;
use super::contract::Version;
use super::description::Description;
use super::fault::Fault;
use super::guest::GuestPre;
use super::limits::Limits;
use super::params::ConfigError;
use super::state::State;
use super::wasi::Seed;

/// The largest component that is read, in bytes. CPython's is 18 MiB.
pub const MAX_COMPONENT: usize = 64 << 20;

/// The interface that a policy exports, without its version.
const HOOKS: &str = "tbengine:policy/hooks@";
/// The interface that a veto exports, without its version.
const VETOES: &str = "tbengine:policy/vetoes@";
/// What a policy may import.
const GRANTED: [&str; 7] = [
    "tbengine:policy/",
    "wasi:io/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:filesystem/",
    "wasi:sockets/",
];

/// What a component is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// To propose what to do.
    Policy,
    /// To take proposals away.
    Veto,
}

impl Role {
    /// The interface that is exported for it, without its version.
    fn interface(self) -> &'static str {
        match self {
            Role::Policy => HOOKS,
            Role::Veto => VETOES,
        }
    }

    /// The version of the contract of some major number, if it has this role.
    fn version(self, major: u64) -> Option<Version> {
        // Older versions of the contract have no vetoes.
        Version::of_major(major).filter(|version| self == Role::Policy || *version >= Version::V3)
    }
}

/// Why a file is not a policy that can run here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is too large.
    #[error("{origin} has {size} bytes or more; the maximum is {}", MAX_COMPONENT)]
    TooLarge {
        /// The file.
        origin: String,
        /// Its size in bytes.
        size: usize,
    },
    /// One of its functions is too large to be compiled in reasonable time.
    #[error(
        "{origin} has a function of {size} bytes; the maximum is {}: split it, or have it optimised for size",
        MAX_FUNCTION
    )]
    LargeFunction {
        /// The file.
        origin: String,
        /// The size of its body in bytes.
        size: usize,
    },
    /// Compiling it took more than it may.
    #[error("{origin} cannot be compiled: {why}")]
    TooCostly {
        /// The file.
        origin: String,
        /// What it took too much of.
        why: String,
    },
    /// It is a core module; components are made of those.
    #[error("{origin} is a core module, not a component; pack it with `{command}`")]
    CoreModule {
        /// The file.
        origin: String,
        /// What makes a component of it.
        command: String,
    },
    /// It is WebAssembly as text.
    #[error("{origin} is WebAssembly as text; pack it with `{command}`")]
    Text {
        /// The file.
        origin: String,
        /// What makes a binary of it.
        command: String,
    },
    /// It is something else.
    #[error("{origin} is not WebAssembly")]
    NotWasm {
        /// The file.
        origin: String,
    },
    /// It looks like a component and is not a valid one.
    #[error("{origin} is not a valid component: {message}")]
    Invalid {
        /// The file.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// It exports no hooks.
    #[error("{origin} is not a policy: it does not export tbengine:policy/hooks")]
    NoHooks {
        /// The file.
        origin: String,
    },
    /// It takes proposals away, and was to propose.
    #[error(
        "{origin} is a veto, not a policy: it only takes proposals away; name it in `[safeguards] policies`"
    )]
    IsVeto {
        /// The file.
        origin: String,
    },
    /// It was to take proposals away, and cannot.
    #[error("{origin} is not a veto: it does not export tbengine:policy/vetoes")]
    NoVetoes {
        /// The file.
        origin: String,
    },
    /// It was built for another version of the interface.
    #[error(
        "{origin}: policy implements tbengine:policy {theirs}.x, this engine supports {}; {}",
        Version::all_for_people(),
        remedy(*theirs)
    )]
    Version {
        /// The file.
        origin: String,
        /// The major version it implements.
        theirs: u64,
    },
    /// It imports what is not granted.
    #[error("{origin} imports `{import}`, which policies may not use; {hint}")]
    Import {
        /// The file.
        origin: String,
        /// What it imports.
        import: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Its exports or imports have the right names and the wrong types.
    #[error("{origin} does not fit {version}: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// The version it says it implements.
        version: Version,
        /// What does not fit.
        message: String,
    },
    /// Its description makes no sense.
    #[error("{origin} has an invalid description: {message}")]
    Description {
        /// The file.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// It failed while it described itself.
    #[error("{origin}: {fault}")]
    Fault {
        /// The file.
        origin: String,
        /// What happened.
        #[source]
        fault: Box<Fault>,
    },
}

/// A policy that is compiled, linked and described. Cheap to clone.
#[derive(Clone)]
pub struct CompiledPolicy(Arc<Compiled>);

impl fmt::Debug for CompiledPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compiled {
            description,
            digest,
            origin,
            ..
        } = &*self.0;
        f.debug_struct("CompiledPolicy")
            .field("name", &description.name)
            .field("origin", origin)
            .field("digest", digest)
            .finish_non_exhaustive()
    }
}

impl CompiledPolicy {
    /// What the policy says of itself.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// Where the component came from, as the caller said.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The version of the contract that it implements.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// The interfaces it exports.
    pub fn exports(&self) -> &[String] {
        &self.0.exports
    }

    /// The interfaces it imports.
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// Checks parameters as the operator wrote them, and makes a policy that can evaluate with them.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the parameter, if one is unknown, missing or wrong.
    pub fn configure(
        &self,
        params: &BTreeMap<String, String>,
        limits: Limits,
    ) -> Result<ConfiguredPolicy, ConfigError> {
        ConfiguredPolicy::new(self.0.clone(), params, limits)
    }

    /// What is known of it.
    pub(super) fn compiled(&self) -> &Arc<Compiled> {
        &self.0
    }

    pub(super) fn load(
        engine: &Engine,
        linker: &Linker<State>,
        limits: &Limits,
        threads: usize,
        role: Role,
        bytes: &[u8],
        origin: &str,
    ) -> Result<Self, LoadError> {
        let component = compile(engine, bytes, origin)?;
        let (version, [exports, imports]) = check_interfaces(&component, engine, role, origin)?;
        let pre = linker
            .instantiate_pre(&component)
            .and_then(|pre| GuestPre::new(pre, role, version))
            .map_err(|error| LoadError::Shape {
                origin: origin.to_owned(),
                version,
                message: bounded(format!("{error:#}"), MAX_ERROR),
            })?;
        let digest = hex::encode(Sha256::digest(bytes));
        let description = describe(&pre, limits, &digest, origin)?;
        Ok(Self(Arc::new(Compiled {
            pre,
            description,
            digest,
            threads,
            version,
            exports: all_bounded(exports),
            imports: all_bounded(imports),
            origin: origin.to_owned(),
        })))
    }
}

/// Names of interfaces, for people.
fn all_bounded(names: Vec<String>) -> Vec<String> {
    let names = names.into_iter();
    names.map(|name| bounded(name, MAX_REASON)).collect()
}

/// Compiles a component, and runs nothing of it.
pub(super) fn compile(engine: &Engine, bytes: &[u8], origin: &str) -> Result<Component, LoadError> {
    check_header(bytes, origin)?;
    let size = bodies::largest(bytes);
    if size > MAX_FUNCTION {
        return Err(LoadError::LargeFunction {
            origin: origin.to_owned(),
            size,
        });
    }
    Component::from_binary(engine, bytes).map_err(|error| LoadError::Invalid {
        origin: origin.to_owned(),
        // It may quote names of the component.
        message: bounded(format!("{error:#}"), MAX_ERROR),
    })
}

/// What to do about a policy of another major version.
fn remedy(theirs: u64) -> &'static str {
    match theirs < Version::ALL[0].major() {
        true => "rebuild it from its sources with the current guest crate or template",
        false => "it needs a newer tbengine",
    }
}

/// What makes a component of a core module or of text.
fn pack_command(origin: &str) -> String {
    let stem = Path::new(origin)
        .file_stem()
        .map(|stem| stem.to_string_lossy());
    let stem = stem.as_deref().unwrap_or("policy");
    format!("tbengine policy pack {origin} -o {stem}.policy.wasm")
}

/// Tells a component from what people hand in by mistake.
fn check_header(bytes: &[u8], origin: &str) -> Result<(), LoadError> {
    let origin = origin.to_owned();
    if bytes.len() > MAX_COMPONENT {
        return Err(LoadError::TooLarge {
            origin,
            size: bytes.len(),
        });
    }
    match bytes {
        // Version 13, layer 1: a component.
        [b'\0', b'a', b's', b'm', 13, 0, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            let command = pack_command(&origin);
            Err(LoadError::CoreModule { origin, command })
        }
        [b'\0', b'a', b's', b'm', ..] => Err(LoadError::Invalid {
            origin,
            message: "its version of the binary format is unknown".to_owned(),
        }),
        _ if bytes.trim_ascii_start().starts_with(b"(") || bytes.starts_with(b";;") => {
            let command = pack_command(&origin);
            Err(LoadError::Text { origin, command })
        }
        _ => Err(LoadError::NotWasm { origin }),
    }
}

/// Checks the names of exports and imports, so that a misfit is said in the operator's words. Returns the
/// version of the contract, and both.
fn check_interfaces(
    component: &Component,
    engine: &Engine,
    role: Role,
    origin: &str,
) -> Result<(Version, [Vec<String>; 2]), LoadError> {
    let component = component.component_type();
    let exports: Vec<String> = component
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let majors: Vec<u64> = exports
        .iter()
        .filter_map(|name| {
            let version = name.strip_prefix(role.interface())?;
            version.split('.').next()?.parse().ok()
        })
        .collect();
    // A policy may speak several; the newest that both know is the best.
    let version = majors.iter().filter_map(|major| role.version(*major));
    let version = match (version.max(), majors.first()) {
        (Some(version), _) => version,
        (None, Some(theirs)) => {
            return Err(LoadError::Version {
                origin: origin.to_owned(),
                theirs: *theirs,
            });
        }
        (None, None) => {
            let origin = origin.to_owned();
            let is_veto = exports.iter().any(|name| name.starts_with(VETOES));
            return Err(match role {
                Role::Policy if is_veto => LoadError::IsVeto { origin },
                Role::Policy => LoadError::NoHooks { origin },
                Role::Veto => LoadError::NoVetoes { origin },
            });
        }
    };
    let imports: Vec<String> = component
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    if let Some(import) = imports
        .iter()
        .find(|name| !GRANTED.iter().any(|granted| name.starts_with(granted)))
    {
        return Err(LoadError::Import {
            origin: origin.to_owned(),
            import: bounded(import.clone(), MAX_REASON),
            hint: hint(import),
        });
    }
    Ok((version, [exports, imports]))
}

fn hint(import: &str) -> &'static str {
    if import.starts_with("wasi:http/") {
        "policies have no network: use labels and attributes as facts, and build JavaScript or Python without http"
    } else if import.starts_with("wasi:") {
        "allowed are wasi:io, wasi:cli, wasi:clocks, wasi:random, wasi:filesystem and wasi:sockets, all of them empty or frozen"
    } else {
        "allowed are tbengine:policy/log and a frozen WASI 0.2"
    }
}

fn describe(
    pre: &GuestPre<State>,
    limits: &Limits,
    digest: &str,
    origin: &str,
) -> Result<Description, LoadError> {
    let call = Call {
        pre,
        // It has no name before it has described itself.
        policy: origin,
        function: "describe",
        limits,
        timeout: limits.describe_timeout,
        fuel: limits.fuel,
        output: limits.output,
        now: Timestamp::from_unix_ms(0),
        seed: Seed::of(digest, &[]),
        peak: None,
    };
    let (description, _log) = call
        .run(|instance| instance.guest.describe(instance.store).map(Ok))
        .map_err(|fault| LoadError::Fault {
            origin: origin.to_owned(),
            fault: Box::new(fault),
        })?;
    description
        .check()
        .map_err(|message| LoadError::Description {
            origin: origin.to_owned(),
            message,
        })?;
    Ok(description)
}
