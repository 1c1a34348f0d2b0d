//! Compiles components, and keeps what it compiled.

use std::fmt;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use wasmtime::component::Linker;
use wasmtime::{Cache, CacheConfig, Config, Engine, WasmBacktraceDetails};

use super::call::TICK;
use super::compiled_veto::CompiledVeto;
use super::limits::Limits;
use super::load::{self, CompiledPolicy, LoadError, Role};
use super::state::{self, State};

/// How to compile policies.
#[derive(Clone, Debug, Default)]
pub struct PolicyEngineOptions {
    /// Where to keep compiled code, as an absolute path. What lies there runs as it is, so the
    /// directory is made for its owner only. `None` compiles anew each time, which takes a policy
    /// in Python six seconds.
    pub cache_dir: Option<PathBuf>,
    /// What `describe` may use.
    pub limits: Limits,
    /// How many instances of a policy that evaluates each resource alone may work at once; `None`
    /// means as many as there are processors.
    pub threads: Option<usize>,
}

/// Why no policy can be compiled.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The directory for compiled code cannot be used.
    #[error("cannot cache compiled policies in {}: {source}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The runtime cannot be set up.
    #[error("cannot set up the WebAssembly runtime: {0}")]
    Runtime(String),
    /// The thread that watches the deadlines cannot be started.
    #[error("cannot start the thread for policy deadlines: {0}")]
    Ticker(#[source] io::Error),
}

/// Compiles policies. One is enough for a process; cheap to share.
pub struct PolicyEngine {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    limits: Limits,
    threads: usize,
}

impl fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyEngine")
            .field("limits", &self.limits)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl PolicyEngine {
    /// Sets up the runtime, and a thread that watches deadlines as long as the engine or a policy
    /// of it lives.
    ///
    /// # Errors
    /// If the directory for compiled code or the thread cannot be made.
    pub fn new(options: PolicyEngineOptions) -> Result<Self, EngineError> {
        let runtime = |error: wasmtime::Error| EngineError::Runtime(format!("{error:#}"));
        let cache = options.cache_dir.as_deref().map(open_cache).transpose()?;
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .consume_fuel(true)
            // Answers must not depend on the processor.
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .max_wasm_stack(512 << 10)
            // Lines in backtraces, of guests that were built with them.
            .wasm_backtrace_details(WasmBacktraceDetails::Enable)
            .cache(cache.clone());
        let engine = Engine::new(&config).map_err(runtime)?;
        start_ticker(&engine)?;

        let mut linker = Linker::new(&engine);
        state::add_to_linker(&mut linker).map_err(runtime)?;
        let threads = options
            .threads
            .or_else(|| thread::available_parallelism().ok().map(Into::into))
            .unwrap_or(1);
        Ok(Self {
            engine,
            linker,
            cache,
            limits: options.limits,
            threads: threads.max(1),
        })
    }

    /// Checks a component, compiles it, and asks it to describe itself. `origin` says where it came
    /// from: a path, or the name of a built-in policy. Blocks for as long as compiling takes.
    ///
    /// # Errors
    /// A [`LoadError`] that says what the bytes are instead, or what the policy did wrong.
    pub fn load(&self, bytes: &[u8], origin: &str) -> Result<CompiledPolicy, LoadError> {
        CompiledPolicy::load(
            &self.engine,
            &self.linker,
            &self.limits,
            self.threads,
            Role::Policy,
            bytes,
            origin,
        )
    }

    /// Checks a component and compiles it into the cache, so that loading it takes no time any more. Runs nothing of
    /// it.
    ///
    /// # Errors
    /// A [`LoadError`] that says what the bytes are instead.
    pub fn compile(&self, bytes: &[u8], origin: &str) -> Result<(), LoadError> {
        load::compile(&self.engine, bytes, origin).map(drop)
    }

    /// Checks and compiles a component that takes proposals away, and asks it to describe itself. Blocks for as long
    /// as compiling takes.
    ///
    /// # Errors
    /// A [`LoadError`] that says what the bytes are instead, or what the component did wrong.
    pub fn load_veto(&self, bytes: &[u8], origin: &str) -> Result<CompiledVeto, LoadError> {
        CompiledPolicy::load(
            &self.engine,
            &self.linker,
            &self.limits,
            self.threads,
            Role::Veto,
            bytes,
            origin,
        )
        .map(CompiledVeto::new)
    }

    /// How many components were found compiled in the cache, and how many were not.
    pub fn cache_hits_and_misses(&self) -> (usize, usize) {
        self.cache
            .as_ref()
            .map_or((0, 0), |cache| (cache.cache_hits(), cache.cache_misses()))
    }
}

fn open_cache(path: &Path) -> Result<Cache, EngineError> {
    let failed = |source| EngineError::Cache {
        path: path.to_owned(),
        source,
    };
    make_private(path).map_err(failed)?;
    let mut config = CacheConfig::new();
    config.with_directory(path);
    Cache::new(config).map_err(|error| failed(io::Error::other(format!("{error:#}"))))
}

/// Makes a directory that only its owner can enter: who can write there can run code here.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // It may have been there before, made by someone less careful.
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a guest computes on a real processor, so its deadline counts real time"
)]
fn start_ticker(engine: &Engine) -> Result<(), EngineError> {
    // Weak, so that the thread ends with the engine.
    let engine = engine.weak();
    let tick = move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    };
    thread::Builder::new()
        .name("policy-ticker".to_owned())
        .spawn(tick)
        .map_err(EngineError::Ticker)?;
    Ok(())
}
