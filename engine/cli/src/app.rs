//! What every command works with.

use std::io;
use std::sync::Arc;

use tbengine_engine::Engine;
use tbengine_engine::facts::Quarantine;
use tbengine_engine::scope::Scope;
use tbengine_ops::config::Settings;
use tbengine_ops::config::settings::Layer;
use tbengine_ops::facts::read_quarantine;
use tbengine_ops::{Context, Purpose};

use crate::args::global::{Format, GlobalArgs};
use crate::args::tuning::{PolicyArgs, RetryArgs, SafeguardArgs};
use crate::exit::Error;
use crate::output::console::Console;
use crate::output::out::Out;
use crate::signals::Signals;
use crate::terminal::Terminal;

/// What every command works with.
pub(crate) struct App {
    pub(crate) context: Context,
    pub(crate) terminal: Terminal,
    pub(crate) global: GlobalArgs,
    /// The source of signals, once the command handles them.
    pub(crate) signals: Option<Signals>,
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
        let signals = Signals::listen(self.terminal.ignores_hangup)?;
        self.context.registry.stop = signals.control.stop.clone();
        self.signals = Some(signals.clone());
        Ok(signals)
    }

    /// What is in force for a command with these arguments.
    pub(crate) fn settings(
        &self,
        policy: &PolicyArgs,
        safeguards: &SafeguardArgs,
        retry: &RetryArgs,
    ) -> Settings {
        let given = policy.given.over(&safeguards.given).over(&retry.given);
        let given = given.over(&self.global.settings.given);
        let layer = given.over(&self.context.config.file.settings);
        let mut settings = self.context.settings_of(layer);
        settings.params.clone_from(&policy.params);
        settings.release.clone_from(&safeguards.release);
        settings
    }

    /// An engine that only lists.
    pub(crate) async fn lister(&self, scope: Scope, sizes: bool) -> Result<Engine, Error> {
        let purpose = Purpose::List {
            scope,
            sizes,
            // Only the log names accounts.
            account_of_nothing: self.global.verbose > 0,
        };
        let settings = Settings::new(Layer::default());
        Ok(self.context.engine(purpose, &settings).await?)
    }

    /// What is parked, for a command that deletes nothing: where that cannot be read, it says so.
    pub(crate) async fn quarantine(&self, settings: &Settings) -> Quarantine {
        let read = read_quarantine(settings, &self.context.world.host).await;
        read.unwrap_or_else(|error| {
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
}

/// Runs what waits for backends, on one thread: that starts fastest, and policies have threads of their own.
pub(crate) fn block_on<T, E: Into<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::start("start the runtime", source))?;
    let ended = runtime.block_on(work);
    // A policy, or a question on the terminal, may still hold a thread.
    runtime.shutdown_background();
    ended.map_err(Into::into)
}
