//! One plugin that is loaded, whether it is a library or a program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tbengine_sdk::abi::Entry;
use tbengine_sdk::backend::MAX_KINDS_OF_A_BACKEND;
use tbengine_sdk::wire::{self, Descriptor, Opened};
use tbengine_sdk::{Backend, Capabilities, Error, ErrorKind, OpenRequest};

use super::spec::{Code, PluginOptions, PluginSpec};
use crate::dynamic::{self, Elsewhere, Library};
use crate::error::PluginError;
use crate::hiding::Hiding;
use crate::remote::{Channel, Remote};
use crate::secrets::Secrets;
use crate::stdio::{Greeted, Program, ProgramChannel};
use crate::timeouts::Timeouts;
use crate::trust;

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
    secrets: Secrets,
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
        let refused = |source| PluginError::Trust {
            name: spec.name.clone(),
            source,
        };
        let pin = spec.sha256.as_deref();
        let vetted = trust::vet(path, &options.places, pin).map_err(refused)?;
        if let Code::Program {
            arguments, pins, ..
        } = &spec.code
        {
            trust::vet_arguments(arguments, pins).map_err(refused)?;
        }
        let (path, sha256) = (vetted.path.clone(), vetted.sha256.clone());
        let mut environment = chosen(&options.environment, &spec.variables);
        let secrets = Secrets::of(&environment);
        let (reach, descriptor, way) = match &spec.code {
            Code::Library(_) => {
                let elsewhere = options.loader.clone().map(|loader| Elsewhere {
                    loader,
                    patience: options.timeouts.open,
                });
                let library = dynamic::load(&spec.name, vetted, elsewhere.as_ref())?;
                let descriptor = library.descriptor.clone();
                (Reach::Library(library), descriptor, "library")
            }
            Code::Program { arguments, .. } => {
                // Interpreters are found by it; it is not a secret.
                if let Some(path) = options.environment.get("PATH") {
                    environment.insert("PATH".into(), path.clone());
                }
                let program = Program {
                    plugin: spec.name.clone(),
                    path: vetted.named,
                    arguments: arguments.clone(),
                    environment,
                    secrets: secrets.clone(),
                    timeouts: options.timeouts,
                    greeted: Greeted::default(),
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
            secrets,
            reach,
        })
    }

    /// A plugin in C, or in anything else that has its interface, whose code is linked into this program
    /// and not loaded from a file: for a static program, which cannot load any, and for checkers of memory
    /// that look at one program. Its path and its digest are empty.
    ///
    /// # Errors
    /// [`PluginError`] if it refuses this host or does not say properly what it is.
    ///
    /// # Safety
    /// `entry`, and the table that it returns, behave as `tbengine_plugin.h` demands.
    #[expect(unsafe_code, reason = "the caller vouches for the code")]
    pub unsafe fn linked(
        name: &str,
        entry: Entry,
        timeouts: Timeouts,
    ) -> Result<Self, PluginError> {
        // SAFETY: the caller vouches for it.
        let library = unsafe { dynamic::linked(name, entry) }?;
        Ok(Self {
            name: name.to_owned(),
            path: PathBuf::new(),
            sha256: String::new(),
            descriptor: library.descriptor.clone(),
            way: "library",
            variables: Vec::new(),
            timeouts,
            secrets: Secrets::default(),
            reach: Reach::Library(library),
        })
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
        self.open_shown(request)
            .map_err(|error| self.secrets.hide_in(error))
    }

    /// Opens with a request. The error may show values of variables.
    fn open_shown(&self, request: Vec<u8>) -> Result<Opening, Error> {
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
        check_kinds(&opened.capabilities)?;
        let hiding = Hiding {
            channel,
            secrets: self.secrets.clone(),
        };
        Ok(Opening {
            channel: Arc::new(hiding),
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

    pub(super) fn open(
        &self,
        kind: &str,
        request: &OpenRequest,
    ) -> Result<Box<dyn Backend>, Error> {
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

/// Refuses declarations that nobody could mean.
fn check_kinds(capabilities: &Capabilities) -> Result<(), Error> {
    let broken = |what: String| {
        Err(Error::new(ErrorKind::Internal, what)
            .with_hint("report it to the author of the plugin"))
    };
    let count = capabilities.kinds.len();
    if count > MAX_KINDS_OF_A_BACKEND {
        return broken(format!(
            "the plugin declares {count} kinds, and {MAX_KINDS_OF_A_BACKEND} are the most"
        ));
    }
    let mut seen = BTreeSet::new();
    match capabilities.words().find(|kind| !seen.insert(*kind)) {
        Some(twice) => broken(format!("the plugin declares the kind `{twice}` twice")),
        None => Ok(()),
    }
}

fn chosen(all: &BTreeMap<String, String>, names: &[String]) -> BTreeMap<String, String> {
    names
        .iter()
        .filter_map(|name| Some((name.clone(), all.get(name)?.clone())))
        .collect()
}
