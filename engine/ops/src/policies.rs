//! Finding, loading and configuring policies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tbengine_engine::policy::load::MAX_COMPONENT;
use tbengine_engine::policy::{
    CompiledPolicy, CompiledVeto, EngineError, Limits, Policy, PolicyEngine, PolicyEngineOptions,
    Veto, Wants,
};
use tbengine_oci::{Reference, SCHEME};
use tbengine_sdk::host::closest;
use tempfile::TempDir;

use crate::background::in_background;
use crate::compiling::Compiling;
use crate::config::{Config, Settings};
use crate::context::Context;
use crate::error::Error;
use crate::input::Input;
use crate::private_dir;

/// A policy's component and what the configuration says about it.
#[derive(Debug)]
pub struct Found {
    /// The component.
    pub bytes: Cow<'static, [u8]>,
    /// How to find it again: the name of a built-in or configured policy, an absolute path, or a reference
    /// with its digest.
    pub origin: String,
    /// Its parameters in the configuration file.
    pub params: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
}

/// A policy that can evaluate.
pub struct Chosen {
    /// The policy, configured.
    pub policy: Arc<dyn Policy>,
    /// How to find it again; see [`Found::origin`].
    pub origin: String,
}

/// Finds a policy: in a registry, where `oci://` says so, else a table of the configuration, a built-in one,
/// or a path, each of these also as `NAME@sha256:DIGEST`, which only that component is found by. A name never
/// means a file, so that no file can take the place of a policy that is known by name.
pub fn find(context: &Context, reference: &str) -> Result<Found, Error> {
    if reference.starts_with(SCHEME) {
        return Ok(plain(fetch(context, reference)?, reference.to_owned()));
    }
    let Some((name, pin)) = reference.rsplit_once("@sha256:") else {
        return find_any(context, reference);
    };
    if pin.len() != 64 || !pin.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::config(format!(
            "`{reference}`: a SHA-256 digest is 64 hexadecimal digits"
        )));
    }
    let found = find_any(context, name)?;
    check_pin(&found.bytes, pin, reference, name)?;
    Ok(found)
}

/// A policy without a table.
pub fn plain(bytes: Cow<'static, [u8]>, origin: String) -> Found {
    Found {
        bytes,
        origin,
        params: BTreeMap::new(),
        limits: Limits::default(),
    }
}

/// Fetches what a reference names by its digest.
fn fetch(context: &Context, reference: &str) -> Result<Cow<'static, [u8]>, Error> {
    let reference: Reference = reference.parse()?;
    let fetched = context.registries().fetch(&reference);
    Ok(Cow::Owned(fetched?.wasm))
}

fn find_any(context: &Context, name: &str) -> Result<Found, Error> {
    let config = &context.config;
    if let Some(table) = config.file.policies.get(name) {
        let component = match (&table.path, &table.oci) {
            (Some(path), _) => read(path)?,
            (None, Some(reference)) => fetch(context, reference)?,
            (None, None) => {
                builtin_component(config, table.builtin.as_deref().unwrap_or_default())?
            }
        };
        if let Some(pin) = &table.sha256 {
            let at = config.pointer(&["policies", name, "sha256"]);
            check_pin(&component, pin, &at, name)?;
        }
        return Ok(Found {
            bytes: component,
            origin: name.to_owned(),
            params: table
                .params
                .iter()
                .map(|(key, value)| (key.clone(), value.to_string()))
                .collect(),
            limits: table.limits.clone(),
        });
    }
    if name.contains('/') {
        let bytes = read(Path::new(name))?;
        let absolute = std::path::absolute(name).unwrap_or_else(|_| name.into());
        return Ok(plain(bytes, absolute.display().to_string()));
    }
    match builtin_component(config, name) {
        Ok(bytes) => Ok(plain(bytes, name.to_owned())),
        // What ends in .wasm can only be a file.
        Err(_) if name.ends_with(".wasm") => find_any(context, &format!("./{name}")),
        Err(error) if Path::new(name).exists() => {
            Err(error.hint(format!("to use the file of this name, write ./{name}")))
        }
        Err(error) => Err(error),
    }
}

fn builtin_component(config: &Config, name: &str) -> Result<Cow<'static, [u8]>, Error> {
    if let Some(builtin) = tbengine_builtins::get(name) {
        return Ok(Cow::Borrowed(builtin.wasm));
    }
    let error = Error::config(format!("no policy named `{name}`"));
    let known: Vec<&str> = config
        .file
        .policies
        .keys()
        .map(String::as_str)
        .chain(tbengine_builtins::ALL.iter().map(|builtin| builtin.name))
        .collect();
    Err(match closest(name, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error,
    }
    .hint(format!(
        "known by name: {}; anything else is a path like ./policy.wasm",
        known.join(", ")
    )))
}

fn read(path: &Path) -> Result<Cow<'static, [u8]>, Error> {
    // What is larger than a policy may be is not read to its end; loading says so.
    let read = Input::open(path).and_then(|input| input.beginning(MAX_COMPONENT + 1));
    match read {
        Ok(bytes) => Ok(Cow::Owned(bytes)),
        Err(error) => {
            let failed = Error::config(format!(
                "failed to read the policy {}: {error}",
                path.display()
            ));
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default();
            let names = tbengine_builtins::ALL.iter().map(|builtin| builtin.name);
            let failed = match closest(stem, names.clone()) {
                Some(meant) => failed.hint(format!("did you mean the built-in policy `{meant}`?")),
                None => failed,
            };
            Err(failed.hint(format!(
                "built-in policies: {}",
                names.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

fn check_pin(bytes: &[u8], pin: &str, at: &str, name: &str) -> Result<(), Error> {
    let digest = hex::encode(Sha256::digest(bytes));
    if digest.eq_ignore_ascii_case(pin.trim_start_matches("sha256:")) {
        return Ok(());
    }
    Err(Error::config(format!(
        "{at}: policy `{name}` has the digest {digest}; pinned is {pin}"
    ))
    .hint(
        "if the change is intended, review it with `tbengine policy inspect` and pin the new digest",
    ))
}

/// What loads policies.
pub struct Loader<'a> {
    context: &'a Context,
    engine: PolicyEngine,
    /// Where compiled code is kept.
    cache: Option<PathBuf>,
    /// A directory of this process, where there is no other for compiled code.
    _own: Option<TempDir>,
}

/// Sets up the compiler. Takes its time, so only commands that need a policy do it.
///
/// # Errors
/// If the runtime cannot be set up.
pub fn loader(context: &Context) -> Result<Loader<'_>, Error> {
    let start = |cache_dir: Option<PathBuf>| {
        let options = PolicyEngineOptions {
            cache_dir: cache_dir.clone(),
            ..PolicyEngineOptions::default()
        };
        Ok::<_, EngineError>((PolicyEngine::new(options)?, cache_dir))
    };
    let cache = context.world.policy_cache();
    let cache = cache.map(|path| (private_dir::check(&path), path));
    let started = match cache {
        Some((Ok(place), _)) => Some(start(Some(place))),
        // What lies there is code that runs. Whatever somebody else has put there is not even looked at.
        Some((Err(source), path)) => Some(Err(EngineError::Cache { path, source })),
        None => None,
    };
    let (started, own) = match started {
        Some(Ok(started)) => (started, None),
        // A cron job or a container without a home can still clean up.
        Some(Err(EngineError::Cache { path, source })) => {
            tracing::warn!(path = %path.display(), error = %source, "policies are recompiled on every run");
            let own = own_cache(context);
            (start(own.as_ref().map(|own| own.path().to_owned()))?, own)
        }
        None => {
            let own = own_cache(context);
            (start(own.as_ref().map(|own| own.path().to_owned()))?, own)
        }
        Some(Err(error)) => return Err(error.into()),
    };
    let (engine, cache) = started;
    Ok(Loader {
        context,
        engine,
        cache,
        _own: own,
    })
}

/// A directory for compiled code as long as this process loads policies, if another one compiles them.
fn own_cache(context: &Context) -> Option<TempDir> {
    context.compiler.as_ref()?;
    tempfile::tempdir().ok()
}

impl Loader<'_> {
    /// Compiles a component in a process of its own, where there is one for that.
    fn compile_ahead(&self, found: &Found) -> Result<(), Error> {
        // What is built in is no stranger's.
        let (Cow::Owned(bytes), Some(program), Some(cache)) =
            (&found.bytes, &self.context.compiler, &self.cache)
        else {
            return Ok(());
        };
        let stop = &self.context.registry.stop;
        Compiling {
            program,
            cache,
            stop,
        }
        .ahead(bytes, &found.origin)
    }

    /// Loads what was found.
    ///
    /// # Errors
    /// If it is not a policy that can run here, or takes too much to be compiled.
    pub fn load(&self, found: &Found) -> Result<CompiledPolicy, Error> {
        self.compile_ahead(found)?;
        Ok(self.engine.load(&found.bytes, &found.origin)?)
    }

    fn load_veto(&self, found: &Found) -> Result<CompiledVeto, Error> {
        self.compile_ahead(found)?;
        Ok(self.engine.load_veto(&found.bytes, &found.origin)?)
    }
}

/// Finds and loads a policy.
pub fn load(context: &Context, name: &str) -> Result<(CompiledPolicy, Found), Error> {
    let found = find(context, name)?;
    let compiled = loader(context)?.load(&found)?;
    Ok((compiled, found))
}

/// The policy that is in force, with its parameters.
pub fn choose(context: &Context, settings: &Settings) -> Result<Chosen, Error> {
    let (compiled, found) = load(context, &settings.policy.value)?;
    let mut params = found.params;
    params.extend(
        settings
            .params
            .iter()
            .map(|(key, setting)| (key.clone(), setting.value.clone())),
    );
    let knows = |name: &str| {
        compiled
            .description()
            .params
            .iter()
            .any(|param| param.name == name)
    };
    // The safeguards' default holds for a policy that has no such parameter.
    if let Some(grace) = settings.stop_timeout.value
        && knows("stop-timeout")
        && !settings.params.contains_key("stop-timeout")
    {
        params.insert(
            "stop-timeout".into(),
            humantime::format_duration(grace).to_string(),
        );
    }
    let policy = compiled.configure(&params, found.limits)?;
    Ok(Chosen {
        policy: Arc::new(policy),
        origin: found.origin,
    })
}

/// The policy of a saved plan, with the parameters that it had then.
pub fn choose_again(
    context: &Context,
    origin: &str,
    params: &BTreeMap<String, String>,
) -> Result<Chosen, Error> {
    let (compiled, found) = load(context, origin)?;
    let policy = compiled.configure(params, found.limits)?;
    Ok(Chosen {
        policy: Arc::new(policy),
        origin: found.origin,
    })
}

/// The vetoes that are in force, with their parameters.
pub fn vetoes(context: &Context, settings: &Settings) -> Result<Vec<Arc<dyn Veto>>, Error> {
    let names = &settings.vetoes.value;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let loader = loader(context)?;
    let load = |name: &String| {
        // A path stands in the configuration, and is relative to it.
        let is_path = name.contains('/') && !name.starts_with(SCHEME);
        let found = match is_path {
            true => find(
                context,
                &context.config.resolve(Path::new(name)).to_string_lossy(),
            )?,
            false => find(context, name)?,
        };
        let veto = loader.load_veto(&found)?;
        let veto: Arc<dyn Veto> = Arc::new(veto.configure(&found.params, found.limits)?);
        Ok(veto)
    };
    names.iter().map(load).collect()
}

/// [`vetoes`] on a thread for blocking work.
///
/// # Errors
/// If one cannot be found, loaded or configured.
pub async fn vetoes_in_background(
    context: &Context,
    settings: &Settings,
) -> Result<Vec<Arc<dyn Veto>>, Error> {
    if settings.vetoes.value.is_empty() {
        return Ok(Vec::new());
    }
    let (context, settings) = (context.clone(), settings.clone());
    in_background(move || vetoes(&context, &settings)).await
}

/// What a policy, if it is asked, and these vetoes ask for although it is expensive.
pub(crate) fn wants(policy: Option<&dyn Policy>, vetoes: &[Arc<dyn Veto>]) -> Wants {
    let of_vetoes = vetoes.iter().map(|veto| veto.interest().wants);
    let of_policy = policy.map(|policy| policy.interest().wants);
    of_policy
        .into_iter()
        .chain(of_vetoes)
        .fold(Wants::default(), Wants::or)
}

/// [`load`] on a thread for blocking work.
///
/// # Errors
/// If the policy cannot be found or loaded.
pub async fn load_in_background(
    context: &Context,
    name: &str,
) -> Result<(CompiledPolicy, Found), Error> {
    let (context, name) = (context.clone(), name.to_owned());
    in_background(move || load(&context, &name)).await
}

/// [`choose`] on a thread for blocking work: compiling takes its time.
///
/// # Errors
/// If the policy cannot be found, loaded or configured.
pub async fn choose_in_background(context: &Context, settings: &Settings) -> Result<Chosen, Error> {
    let (context, settings) = (context.clone(), settings.clone());
    in_background(move || choose(&context, &settings)).await
}

/// [`choose_again`] on a thread for blocking work.
///
/// # Errors
/// If the policy cannot be found, loaded or configured.
pub async fn choose_again_in_background(
    context: &Context,
    origin: &str,
    params: &BTreeMap<String, String>,
) -> Result<Chosen, Error> {
    let (context, origin, params) = (context.clone(), origin.to_owned(), params.clone());
    in_background(move || choose_again(&context, &origin, &params)).await
}
