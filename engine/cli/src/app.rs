//! What every command works with.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, ErrorMode};
use tbengine_engine::discover::ListFailure;
use tbengine_engine::facts::{Facts, Quarantine};
use tbengine_engine::plan::Guards;
use tbengine_engine::policy::load::LARGEST_COMPONENT;
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_oci::{Registry, RegistryOptions};
use tbengine_plugin_host::PluginOptions;
use tbengine_store::journal::{Host, JournalError, StateDir, quarantine};
use tbengine_store::lease::{Lease, LeaseError, Standing, Store, Unreadable};
use tokio_util::sync::CancellationToken;

use crate::args::global::{Format, GlobalArgs};
use crate::args::registry::RegistryArgs;
use crate::args::tuning::{GuardArgs, PolicyArgs, RetryArgs};
use crate::config::settings::Source;
use crate::config::{Config, Settings};
use crate::exit::Error;
use crate::output::console::Console;
use crate::output::out::Out;
use crate::signals::Signals;
use crate::world::World;
use crate::{backends, own, plugins};

/// What every command works with.
pub(crate) struct App {
    pub(crate) world: World,
    pub(crate) global: GlobalArgs,
    pub(crate) registry: RegistryArgs,
    /// What hears signals, once the command does.
    pub(crate) signals: Option<Signals>,
    pub(crate) config: Config,
    pub(crate) out: Out,
    pub(crate) console: Arc<Console>,
    pub(crate) color: bool,
}

impl App {
    pub(crate) fn format(&self) -> Format {
        self.global.output
    }

    /// Hears signals from now on, also while a registry is waited for.
    pub(crate) fn hear_signals(&mut self) -> Result<Signals, Error> {
        let signals = Signals::listen(self.world.ignores_hangup)?;
        self.signals = Some(signals.clone());
        Ok(signals)
    }

    /// What is in force for a command with these arguments.
    pub(crate) fn settings(
        &self,
        policy: &PolicyArgs,
        guards: &GuardArgs,
        retry: &RetryArgs,
    ) -> Settings {
        let given = policy.given.over(&guards.given).over(&retry.given);
        let given = given.over(&self.global.settings.given);
        let mut settings = Settings::new(given.over(&self.config.file.settings));
        settings.params.clone_from(&policy.params);
        settings.release.clone_from(&guards.release);
        if settings.state_dir.source == Source::Default {
            settings.state_dir.value = self.world.state_dir();
        }
        settings
    }

    /// An engine over the backends in scope, to make and apply plans.
    pub(crate) fn engine(
        &self,
        scope: Scope,
        settings: &Settings,
        error_mode: ErrorMode,
    ) -> Result<Engine, Error> {
        let options = EngineOptions {
            run: self.world.run.clone(),
            now: self.world.now,
            scope,
            sizes: false,
            account_of_nothing: true,
            guards: settings.guards(own::detect()),
            apply: settings.apply(error_mode),
        };
        self.engine_with(&self.world, options)
    }

    /// An engine for the sweep of a lease, as the world is by now.
    pub(crate) fn sweeper(
        &self,
        world: &World,
        backends: Vec<String>,
        settings: &Settings,
    ) -> Result<Engine, Error> {
        let options = EngineOptions {
            run: world.run.clone(),
            now: world.now,
            scope: Scope {
                backends,
                ..Scope::default()
            },
            sizes: false,
            account_of_nothing: true,
            guards: Guards {
                // Whoever took the lease said that what is made under it goes, however young.
                min_age: Duration::ZERO,
                own: own::detect(),
                ..Guards::default()
            },
            apply: settings.apply(ErrorMode::Aggregate),
        };
        self.engine_with(world, options)
    }

    /// An engine that only lists.
    pub(crate) fn lister(&self, scope: Scope, sizes: bool) -> Result<Engine, Error> {
        self.engine_with(
            &self.world,
            EngineOptions {
                run: self.world.run.clone(),
                now: self.world.now,
                scope,
                sizes,
                // Only the log names accounts.
                account_of_nothing: self.global.verbose > 0,
                guards: Guards::default(),
                apply: ApplyOptions::default(),
            },
        )
    }

    /// Registries of policies, as the command line has them spoken with. A signal ends the wait for one.
    pub(crate) fn registries(&self) -> Registry {
        let signals = self.signals.as_ref();
        Registry::new(RegistryOptions {
            cache: self.world.registry_cache(),
            environment: self.world.environment.clone(),
            offline: self.registry.offline,
            plain_http: self.registry.plain_http,
            timeout: self.registry.registry_timeout.0,
            largest: LARGEST_COMPONENT,
            stop: signals.map_or_else(CancellationToken::new, |signals| {
                signals.control.stop.clone()
            }),
        })
    }

    /// Why a registry gave nothing: what went wrong, or the signal that ended the wait.
    pub(crate) fn registry_error(&self, error: tbengine_oci::Error) -> Error {
        match (error, &self.signals) {
            (tbengine_oci::Error::Stopped, Some(signals)) => signals.interrupted(),
            (error, _) => Error::Registry(error),
        }
    }

    /// What plugins are loaded with.
    pub(crate) fn plugin_options(&self) -> PluginOptions {
        plugins::options(&self.world, self.global.plugin_dir.as_deref())
    }

    fn engine_with(&self, world: &World, options: EngineOptions) -> Result<Engine, Error> {
        let names = backends::names(&self.config, &options.scope.backends);
        let plugins = plugins::needed(&self.config, &self.plugin_options(), &names)?;
        let open = backends::open_all(world, &self.config, &plugins, &names)?;
        Ok(Engine::new(open, options).with_configuration(self.config.digest()))
    }

    /// What is parked, for a command that deletes nothing: where that cannot be read, it says so.
    pub(crate) fn quarantine(&self, settings: &Settings) -> Quarantine {
        read_quarantine(settings, &self.world.host).unwrap_or_else(|error| {
            let message = format!("cannot read the quarantine state: {error}");
            self.console.warning(&message);
            Quarantine::default()
        })
    }

    /// Does something whose results are none of the standard output's business.
    pub(crate) fn with_output_on_stderr<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let width = self.out.width();
        let aside = Out::new(Box::new(io::stderr()), self.color, width);
        let out = std::mem::replace(&mut self.out, aside);
        let done = work(self);
        self.out = out;
        done
    }

    /// Says loudly what could not be listed.
    pub(crate) fn tell_failures(&self, failures: &[ListFailure]) {
        for failure in failures {
            let what = match failure.kind {
                Some(kind) => format!(
                    "the {kind}s of backend `{}` could not be listed",
                    failure.backend
                ),
                None => format!("backend `{}` could not be listed", failure.backend),
            };
            let hints: Vec<String> = failure.error.hint.iter().cloned().collect();
            self.console
                .error(&format!("{what}: {}", failure.error), &hints);
        }
    }
}

/// The state directory, if it exists.
pub(crate) fn existing_state(settings: &Settings) -> Result<Option<StateDir>, JournalError> {
    match &settings.state_dir.value {
        Some(path) => StateDir::open(path),
        None => Ok(None),
    }
}

fn read_quarantine(settings: &Settings, host: &Host) -> Result<Quarantine, JournalError> {
    let after = settings.quarantine_after.value;
    let parked = match existing_state(settings)? {
        Some(state) => quarantine::read(&state, host, after)?,
        None => HashMap::new(),
    };
    Ok(Quarantine::new(parked).releasing(&settings.release))
}

/// What the guards are told. What cannot be read of it refuses a plan that would do anything.
pub(crate) fn facts(settings: &Settings, host: &Host) -> Facts {
    let directory = settings.state_dir.value.as_deref();
    if directory.is_some_and(StateDir::knows_nothing) {
        return Facts::default();
    }
    let mut facts = match read_leases(settings, host) {
        Ok(leases) => tbengine_store::lease::facts::facts(leases),
        Err(error) => Facts {
            unreadable: vec![format!("the leases: {error}")],
            ..Facts::default()
        },
    };
    match read_quarantine(settings, host) {
        Ok(quarantine) => facts.quarantine = quarantine,
        Err(error) => facts.unreadable.push(format!("the quarantine: {error}")),
    }
    facts
}

/// The leases that there are.
pub(crate) fn read_leases(
    settings: &Settings,
    host: &Host,
) -> Result<Vec<Result<(Lease, Standing), Unreadable>>, LeaseError> {
    match existing_state(settings)? {
        Some(state) => Store::open(&state).all(host),
        None => Ok(Vec::new()),
    }
}

/// Runs what waits for backends, on one thread: that starts fastest, and policies have threads of their own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Start {
            what: "start the runtime",
            source,
        })?;
    let ended = runtime.block_on(work);
    // A policy, or a question on the terminal, may still hold a thread.
    runtime.shutdown_background();
    ended
}
