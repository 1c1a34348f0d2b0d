//! The plugins that the configuration names: loading them, and finding the one that has a kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tbengine_sdk::wire::{self, Descriptor, Opened, PROTOCOL};
use tbengine_sdk::{Backend, Capabilities, Error, OpenRequest, Registration};

use super::dynamic::{self, Library};
use super::remote::{Channel, Remote};
use super::stdio::{Program, ProgramChannel};
use super::trust::{self, TrustError};

/// A plugin as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginSpec {
    /// The name of its table.
    pub name: String,
    /// Its code.
    pub code: Code,
    /// The digest that the file must have, `any`, or `None` if nothing is written, which is an error.
    pub sha256: Option<String>,
    /// The variables of the environment that it gets.
    pub variables: Vec<String>,
}

/// The code of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A dynamic library, by its path or bare file name.
    Library(PathBuf),
    /// A program that speaks the protocol on its standard input and output.
    Program {
        /// Its path or bare file name.
        path: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// How long plugins may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To say what they are, and to open a backend.
    pub open: Duration,
    /// To answer a request.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            call: tbengine_sdk::backend::CALL_TIMEOUT,
        }
    }
}

/// What plugins are loaded with.
#[derive(Clone, Debug, Default)]
pub struct PluginOptions {
    /// Where bare file names are looked up, in this order.
    pub places: Vec<PathBuf>,
    /// The process environment, of which a plugin gets what its table names.
    pub environment: Arc<BTreeMap<String, String>>,
    /// How long plugins may take.
    pub timeouts: Timeouts,
}

/// Why a plugin is not used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Its file may not be run.
    #[error("plugin `{name}` is refused: {source}")]
    Trust {
        /// The plugin.
        name: String,
        /// Why.
        source: TrustError,
    },
    /// The loader refused the library, or its table is broken.
    #[error("plugin `{name}` cannot be loaded from {}: {reason}", path.display())]
    Load {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The library lacks the symbol.
    #[error(
        "{} (plugin `{name}`) is no plugin of tbengine: it does not export `{}`. A crate needs crate-type \
         [\"cdylib\"] and the feature `cdylib` of tbengine-sdk; C needs TBE_EXPORT before the function",
        path.display(),
        tbengine_sdk::abi::ENTRY
    )]
    NotAPlugin {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// The library returned no table.
    #[error(
        "plugin `{name}` ({}) refuses this host, tbengine {}, which speaks version 1 of the C interface: it may \
         be too new; upgrade tbengine, or build the plugin with tbengine-sdk {}",
        path.display(),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_VERSION")
    )]
    RefusedHost {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// It speaks another version.
    #[error(
        "plugin `{name}` ({}) speaks {plugin}, and this is tbengine {}, which speaks version {PROTOCOL}: \
         upgrade the older of the two",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What it speaks.
        plugin: String,
    },
    /// The descriptor makes no sense.
    #[error("plugin `{name}` ({}) does not say properly what it is: {reason}", path.display())]
    Descriptor {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file was loaded before and has changed since, in place.
    #[error(
        "plugin `{name}`: {} was loaded before and has changed since; restart tbengine",
        path.display()
    )]
    Changed {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// A program did not start or did not answer.
    #[error("plugin `{name}` ({}) does not work: {source}", path.display())]
    Start {
        /// The plugin.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What happened.
        source: Error,
    },
    /// Two providers of one kind.
    #[error(
        "both {first} and plugin `{second}` bring backends of kind `{kind}`, and it must be clear which one \
         deletes: remove one of them from [plugins]"
    )]
    TwoProviders {
        /// The kind.
        kind: String,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
}

/// A plugin that is loaded.
#[derive(Debug)]
pub struct Plugin {
    /// The name of its table.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The SHA-256 of its file in hex.
    pub sha256: String,
    /// What it says about itself.
    pub descriptor: Descriptor,
    /// How it is reached, for people.
    pub way: &'static str,
    variables: Vec<String>,
    timeouts: Timeouts,
    reach: Reach,
}

#[derive(Debug)]
enum Reach {
    Library(&'static Library),
    Program(Program),
}

/// An open backend of a plugin, before it is one.
pub struct Opening {
    /// What moves its requests.
    pub channel: Arc<dyn Channel>,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Plugin {
    /// Checks and loads one plugin.
    ///
    /// # Errors
    /// [`PluginError`]
    pub fn load(spec: &PluginSpec, options: &PluginOptions) -> Result<Self, PluginError> {
        let (Code::Library(path) | Code::Program { path, .. }) = &spec.code;
        let vetted =
            trust::vet(path, &options.places, spec.sha256.as_deref()).map_err(|source| {
                PluginError::Trust {
                    name: spec.name.clone(),
                    source,
                }
            })?;
        let (path, sha256) = (vetted.path.clone(), vetted.sha256.clone());
        let (reach, descriptor, way) = match &spec.code {
            Code::Library(_) => {
                let library = dynamic::load(&spec.name, vetted)?;
                let descriptor = library.descriptor.clone();
                (Reach::Library(library), descriptor, "library")
            }
            Code::Program { arguments, .. } => {
                let mut environment = chosen(&options.environment, &spec.variables);
                // Interpreters are found by it; it is no secret.
                if let Some(path) = options.environment.get("PATH") {
                    environment.insert("PATH".into(), path.clone());
                }
                let program = Program {
                    plugin: spec.name.clone(),
                    path: path.clone(),
                    arguments: arguments.clone(),
                    environment,
                    timeouts: options.timeouts,
                };
                let descriptor = program.ask_descriptor()?;
                (Reach::Program(program), descriptor, "program")
            }
        };
        Ok(Self {
            name: spec.name.clone(),
            path,
            sha256,
            descriptor,
            way,
            variables: spec.variables.clone(),
            timeouts: options.timeouts,
            reach,
        })
    }

    /// A plugin that is a library which is there already. It has neither path nor digest.
    pub(super) fn of_library(name: &str, library: &'static Library, timeouts: Timeouts) -> Self {
        Self {
            name: name.to_owned(),
            path: PathBuf::new(),
            sha256: String::new(),
            descriptor: library.descriptor.clone(),
            way: "library",
            variables: Vec::new(),
            timeouts,
            reach: Reach::Library(library),
        }
    }

    /// Opens a backend and gives the bare channel to it, as the conformance kit needs it.
    ///
    /// # Errors
    /// What the plugin answers.
    pub fn open_channel(&self, request: &wire::Open) -> Result<Opening, Error> {
        self.open_bytes(wire::encode(request))
    }

    /// Opens with a request that may be no document at all.
    pub(crate) fn open_bytes(&self, request: Vec<u8>) -> Result<Opening, Error> {
        let (channel, opened): (Arc<dyn Channel>, Opened) = match &self.reach {
            Reach::Library(library) => {
                let (channel, opened) = library.open(request, self.timeouts)?;
                (Arc::new(channel), opened)
            }
            Reach::Program(program) => {
                let (channel, opened) = ProgramChannel::open(program.clone(), request)?;
                (Arc::new(channel), opened)
            }
        };
        Ok(Opening {
            channel,
            capabilities: opened.capabilities,
        })
    }

    /// Whether a library refuses a host whose table is too small; `None` for a program.
    pub(crate) fn refuses_small_host(&self) -> Option<bool> {
        match &self.reach {
            Reach::Library(library) => Some(library.refuses_small_host()),
            Reach::Program(_) => None,
        }
    }

    /// The request that opens a backend: of the environment, only what the configuration passes.
    pub fn request(&self, kind: &str, request: &OpenRequest) -> wire::Open {
        wire::Open {
            environment: chosen(&request.environment, &self.variables),
            ..wire::Open::new(kind, request)
        }
    }

    /// Whether it brings this kind.
    pub fn has(&self, kind: &str) -> bool {
        self.descriptor.kinds.iter().any(|known| known.kind == kind)
    }

    fn open(&self, kind: &str, request: &OpenRequest) -> Result<Box<dyn Backend>, Error> {
        let opening = self.open_channel(&self.request(kind, request))?;
        Ok(Box::new(Remote::new(
            request.name.clone(),
            opening.capabilities,
            opening.channel,
        )))
    }
}

impl Opening {
    /// The backend of this name behind the channel.
    pub fn into_backend(self, name: Arc<str>) -> Arc<dyn Backend> {
        Arc::new(Remote::new(name, self.capabilities, self.channel))
    }
}

fn chosen(all: &BTreeMap<String, String>, names: &[String]) -> BTreeMap<String, String> {
    names
        .iter()
        .filter_map(|name| Some((name.clone(), all.get(name)?.clone())))
        .collect()
}

/// Every plugin that is loaded. Each kind has exactly one provider, built in or not.
#[derive(Debug, Default)]
pub struct Plugins(Vec<Plugin>);

impl Plugins {
    /// Loads all of them.
    ///
    /// # Errors
    /// The first [`PluginError`]. A plugin that is named and does not work is never passed over.
    pub fn load(specs: &[PluginSpec], options: &PluginOptions) -> Result<Self, PluginError> {
        let mut providers: BTreeMap<String, String> = Registration::all()
            .iter()
            .map(|built_in| (built_in.kind.to_owned(), "tbengine itself".to_owned()))
            .collect();
        let mut plugins = Vec::new();
        for spec in specs {
            let plugin = Plugin::load(spec, options)?;
            for kind in &plugin.descriptor.kinds {
                let kind = &kind.kind;
                let by = format!("plugin `{}`", plugin.name);
                if let Some(first) = providers.insert(kind.clone(), by) {
                    return Err(PluginError::TwoProviders {
                        kind: kind.clone(),
                        first,
                        second: plugin.name.clone(),
                    });
                }
            }
            plugins.push(plugin);
        }
        Ok(Self(plugins))
    }

    /// Every plugin, in the order of the configuration.
    pub fn all(&self) -> &[Plugin] {
        &self.0
    }

    /// Every kind that they bring.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|plugin| plugin.descriptor.kinds.iter().map(|kind| &*kind.kind))
    }

    /// Opens a backend, if a plugin brings the kind.
    pub(crate) fn open(
        &self,
        kind: &str,
        request: &OpenRequest,
    ) -> Option<Result<Box<dyn Backend>, Error>> {
        let plugin = self.0.iter().find(|plugin| plugin.has(kind))?;
        Some(plugin.open(kind, request))
    }
}

/// Reads and checks what a plugin says about itself.
pub(crate) fn descriptor(name: &str, path: &Path, bytes: &[u8]) -> Result<Descriptor, PluginError> {
    let wrong = |reason: String| PluginError::Descriptor {
        name: name.to_owned(),
        path: path.to_owned(),
        reason,
    };
    // The version first: another one may have another descriptor.
    #[derive(serde::Deserialize)]
    struct Version {
        protocol: u32,
        #[serde(default)]
        sdk: String,
    }
    let version: Version = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
    if version.protocol != PROTOCOL {
        let by = match version.sdk.chars().take(80).collect::<String>() {
            sdk if sdk.is_empty() => String::new(),
            sdk => format!(" (built with {sdk})"),
        };
        return Err(PluginError::Version {
            name: name.to_owned(),
            path: path.to_owned(),
            plugin: format!("version {} of the protocol{by}", version.protocol),
        });
    }
    let descriptor: Descriptor =
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    if descriptor.kinds.is_empty() {
        return Err(wrong(
            "it brings no kind of backend; in Rust, is the `backend!` line there?".into(),
        ));
    }
    for kind in &descriptor.kinds {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if kind.kind.is_empty() || kind.kind.len() > 60 || !kind.kind.chars().all(plain) {
            return Err(wrong(format!(
                "`{}` is no name for a kind: small letters, digits and hyphens",
                kind.kind.chars().take(60).collect::<String>()
            )));
        }
    }
    Ok(descriptor)
}

/// The longest text of a plugin that is logged, in characters.
const LOGGED: usize = 4000;

/// Writes what a plugin tells to the log.
pub(crate) fn told(plugin: &str, level: u32, target: &[u8], message: &[u8], fields: &[u8]) {
    let text = |bytes: &[u8]| -> String {
        // Cut before it is read, because it can be of any length.
        let cut = &bytes[..bytes.len().min(4 * LOGGED)];
        String::from_utf8_lossy(cut).chars().take(LOGGED).collect()
    };
    let (from, message, fields) = (text(target), text(message), text(fields));
    let fields = if fields == "{}" {
        String::new()
    } else {
        fields
    };
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(target: "tbengine::plugin", tracing::Level::$level, plugin, from, fields, "{message}")
        };
    }
    match level {
        0 | 1 => event!(ERROR),
        2 => event!(WARN),
        3 => event!(INFO),
        4 => event!(DEBUG),
        _ => event!(TRACE),
    }
}
