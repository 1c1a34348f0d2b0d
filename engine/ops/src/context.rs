//! What every operation works with: the configuration, the world, and how plugins and registries are used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tbengine_engine::apply::{ApplyOptions, ErrorMode};
use tbengine_engine::clock::RunClock;
use tbengine_engine::plan::Safeguards;
use tbengine_engine::policy::Wants;
use tbengine_engine::policy::load::MAX_COMPONENT;
use tbengine_engine::scope::Scope;
use tbengine_engine::{Engine, EngineOptions};
use tbengine_oci::{Registry, RegistryOptions};
use tbengine_plugin_host::PluginOptions;

use crate::backends::Opened;
use crate::config::settings::{Layer, Source};
use crate::config::{Config, Settings};
use crate::error::Error;
use crate::opening::Opening;
use crate::world::World;
use crate::{backends, own, plugins};

/// How long one call to a registry may take, unless set otherwise.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(30);

/// What every operation works with.
#[derive(Clone)]
pub struct Context {
    /// The configuration file.
    pub config: Config,
    /// The environment, the time, chance.
    pub world: World,
    /// How plugins are loaded.
    pub plugins: PluginOptions,
    /// How registries of policies are spoken with. Its stop ends the wait for one, and the compiling of a policy.
    pub registry: RegistryOptions,
    /// The program in which policies are compiled, with bounds on time and memory: one that begins with
    /// [`compiling::requested`](crate::compiling::requested). Without one they are compiled in this process.
    pub compiler: Option<PathBuf>,
}

/// What an engine is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Making and applying plans within a scope.
    Plan {
        /// What the policy gets to see.
        scope: Scope,
        /// What the first final failure means for the rest.
        error_mode: ErrorMode,
        /// What the policy and the vetoes ask for although it is expensive.
        wants: Wants,
    },
    /// Sweeping a lease that is about these backends.
    Sweep {
        /// The names of the backends.
        backends: Vec<String>,
        /// Whether they were configured when the lease was taken, and may be gone.
        may_be_gone: bool,
    },
    /// Listing within a scope, and nothing else.
    List {
        /// What is listed.
        scope: Scope,
        /// Whether to find out sizes even where that is slow.
        sizes: bool,
        /// Whether to name the account even of a backend that has nothing.
        account_of_nothing: bool,
    },
}

impl Purpose {
    /// Whether how full the disks are is to be read.
    fn wants_disks(&self) -> bool {
        matches!(self, Self::Plan { wants, .. } if wants.disks)
    }
}

impl Context {
    /// What operations work with where the configuration alone says it.
    pub fn new(world: World, config: Config) -> Self {
        Self {
            plugins: plugins::options(&world, None),
            registry: RegistryOptions {
                cache: world.registry_cache(),
                environment: world.environment.clone(),
                offline: false,
                plain_http: None,
                timeout: REGISTRY_TIMEOUT,
                largest: MAX_COMPONENT,
                stop: Default::default(),
            },
            compiler: None,
            world: world.with_lease(config.lock()),
            config,
        }
    }

    /// What is in force where the configuration alone says it.
    pub fn settings(&self) -> Settings {
        self.settings_of(self.config.file.settings.clone())
    }

    /// What is in force under a layer. State that has no place yet gets the usual one.
    pub fn settings_of(&self, layer: Layer) -> Settings {
        let mut settings = Settings::new(layer);
        if settings.state_dir.source == Source::Default {
            settings.state_dir.value = self.world.state_dir();
        }
        settings
    }

    /// Registries of policies.
    pub fn registries(&self) -> Registry {
        Registry::new(self.registry.clone())
    }

    /// An engine over the backends that it is for, as the world is now. Those that cannot be opened are among what
    /// it [fails to list](tbengine_engine::discover::Inventory::failures).
    ///
    /// # Errors
    /// If the configuration itself is wrong, or a plugin is refused.
    pub async fn engine(&self, purpose: Purpose, settings: &Settings) -> Result<Engine, Error> {
        self.engine_in(&self.world, purpose, settings).await
    }

    /// The same as the world is at another time.
    ///
    /// # Errors
    /// If the configuration itself is wrong, or a plugin is refused.
    pub async fn engine_in(
        &self,
        world: &World,
        purpose: Purpose,
        settings: &Settings,
    ) -> Result<Engine, Error> {
        // The world may have been looked at long ago, and the clocks of providers are compared with this one.
        let clock = RunClock::starting_at(world.refresh().now);
        self.engine_since(clock, world, purpose, settings).await
    }

    /// The same for a command that began when this clock was started: its deadline counts from then.
    ///
    /// # Errors
    /// If the configuration itself is wrong, or a plugin is refused.
    pub(crate) async fn engine_since(
        &self,
        clock: RunClock,
        world: &World,
        purpose: Purpose,
        settings: &Settings,
    ) -> Result<Engine, Error> {
        let may_be_gone = matches!(
            purpose,
            Purpose::Sweep {
                may_be_gone: true,
                ..
            }
        );
        let disks = purpose.wants_disks();
        let options = self.engine_options(world, purpose, settings);
        let mut names = backends::names(&self.config, &options.scope.backends);
        let plugins = Arc::new(plugins::needed(&self.config, &self.plugins, &names).await?);
        let gone = match may_be_gone {
            true => backends::without_unknown(&self.config, &plugins, &mut names),
            false => Vec::new(),
        };
        let until = options.apply.deadline.map(|time| clock.after(time));
        let world = &world.at(clock.now());
        let mut opened = backends::open_all(world, &self.config, plugins, &names, until).await?;
        opened.closed.extend(gone);
        if opened.closed.is_empty() {
            backends::check_kinds(&opened.open, &options.scope.kinds)?;
        }
        Ok(self.over(opened, options, clock)?.with_disks(disks))
    }

    /// The same without waiting for backends that take their time to open. They are opened meanwhile.
    ///
    /// # Errors
    /// If the configuration itself is wrong, or a plugin is refused.
    pub(crate) async fn engine_soon(
        &self,
        clock: RunClock,
        world: &World,
        purpose: Purpose,
        settings: &Settings,
    ) -> Result<(Engine, Opening), Error> {
        let disks = purpose.wants_disks();
        let options = self.engine_options(world, purpose, settings);
        let names = backends::names(&self.config, &options.scope.backends);
        let until = options.apply.deadline.map(|time| clock.after(time));
        let mut opening = Opening::begin(
            &self.config,
            &self.plugins,
            &world.at(clock.now()),
            names,
            until,
        );
        let opened = opening.soon().await?;
        // What is still to come may have the kind.
        if opening.is_over() && opened.closed.is_empty() {
            backends::check_kinds(&opened.open, &options.scope.kinds)?;
        }
        let engine = self.over(opened, options, clock)?.with_disks(disks);
        Ok((engine, opening))
    }

    fn over(
        &self,
        opened: Opened,
        options: EngineOptions,
        clock: RunClock,
    ) -> Result<Engine, Error> {
        let owners = Arc::new(self.config.owners()?);
        Ok(Engine::new(opened.open, options)
            .with_clock(clock)
            .without(opened.closed)
            .with_configuration(self.config.digest())
            .recognising(owners))
    }

    fn engine_options(
        &self,
        world: &World,
        purpose: Purpose,
        settings: &Settings,
    ) -> EngineOptions {
        let options = EngineOptions {
            run: world.run.clone(),
            now: world.now,
            scope: Scope::default(),
            sizes: false,
            account_of_nothing: true,
            safeguards: Safeguards::default(),
            apply: ApplyOptions::default(),
        };
        let mut options = match purpose {
            Purpose::Plan {
                scope,
                error_mode,
                wants,
            } => EngineOptions {
                scope,
                sizes: wants.sizes,
                safeguards: settings.safeguards(own::detect()),
                apply: settings.apply(error_mode),
                ..options
            },
            Purpose::Sweep { backends, .. } => EngineOptions {
                scope: Scope {
                    backends,
                    ..Scope::default()
                },
                safeguards: Safeguards {
                    // The command that took the lease said that what is made under it goes, however young.
                    min_age: Duration::ZERO,
                    own: own::detect(),
                    ..Safeguards::default()
                },
                apply: settings.apply(ErrorMode::Aggregate),
                ..options
            },
            Purpose::List {
                scope,
                sizes,
                account_of_nothing,
            } => EngineOptions {
                scope,
                sizes,
                account_of_nothing,
                ..options
            },
        };
        options.safeguards.exclusive = self.config.exclusive();
        options.apply.zone = world.zone_now();
        options
    }
}
