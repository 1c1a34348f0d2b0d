//! From the command line to a command, and from its end to an exit code.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use crate::args::registry::RegistryArgs;
use clap::{CommandFactory, FromArgMatches};
use tbengine_engine::policy::{ConfigError, LoadError};
use tbengine_oci::RegistryOptions;
use tbengine_oci::VARIABLES;
use tbengine_ops::{Context, Error as OpsError, compiling, plugins};
use tbengine_plugin_host::PluginOptions;
use tbengine_sdk::host::closest;

use crate::app::App;
use crate::args::global::{GlobalArgs, When};
use crate::args::{Cli, Command, ConfigCommand};
use crate::commands;
use crate::exit::{Code, Error};
use crate::output::console::Console;
use crate::output::log;
use crate::output::obstacles::print_failures;
use crate::output::out::Out;
use crate::output::plan::print_fault;
use crate::signals::Signals;
use crate::terminal::Terminal;
use tbengine_ops::config::Config;
use tbengine_ops::guard::exec::{self, ExecError};
use tbengine_ops::lease::processes::RUN_ID_VARIABLE;
use tbengine_ops::world::World;

/// Runs the process.
pub(crate) fn start() -> ExitCode {
    if let Some(error) = exec::requested(std::env::args_os().skip(1)) {
        return not_become(&error);
    }
    if let Some(code) = compiling::requested(std::env::args_os().skip(1)) {
        return code.into();
    }
    let (world, terminal) = (World::capture(), Terminal::look());
    let command = Cli::command();
    let matches = command.clone().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let Cli {
        global,
        registry,
        command: chosen,
    } = cli;
    let console = console(&world, terminal, &global);
    let verbose = match chosen {
        #[cfg(feature = "reaper")]
        Command::Reaper(_) => commands::reaper::options::verbosity(global.verbose, &world),
        _ => global.verbose,
    };
    log::start(verbose, console.clone());
    warn_of_unknown_variables(&world, &command, &console);

    let color = wants_color(&world, global.color, terminal.stdout_is_terminal);
    let width = terminal.stdout_is_terminal.then(terminal_width).flatten();
    let config = match &chosen {
        // These work without, and so also where the file is broken.
        Command::Completions { .. } | Command::Config(ConfigCommand::Schema) => {
            Ok(Config::default())
        }
        _ => Config::load(&world, global.config.as_deref()),
    };
    let mut app = match config {
        Ok(config) => App {
            context: context(world, config, &global, &registry),
            terminal,
            global,
            signals: None,
            out: Out::stdout(color, width),
            console: console.clone(),
            color,
        },
        Err(error) => return print_error(&console, &error.into()).into(),
    };
    let ended = run(&mut app, chosen);
    // Whatever still runs for a backend must not outlive its host.
    tbengine_plugin_host::stdio::end_all();
    console.end_bar();
    let code = match ended {
        Ok(code) => code,
        Err(error) => {
            app.out.flush();
            let signal = app.signals.as_ref().map(Signals::cause);
            print_error(&console, &error.stopped_by(signal))
        }
    };
    finish(&mut app, code)
}

/// What operations work with, as the command line says.
fn context(world: World, config: Config, global: &GlobalArgs, registry: &RegistryArgs) -> Context {
    let plugins = plugins::options(&world, global.plugin_dir.as_deref());
    let context = Context::new(world, config);
    // It starts itself for what may end or take too much.
    let program = std::env::current_exe().ok();
    Context {
        plugins: PluginOptions {
            loader: program.clone(),
            ..plugins
        },
        compiler: program,
        registry: RegistryOptions {
            offline: registry.offline,
            plain_http: registry.plain_http,
            timeout: registry.registry_timeout.0,
            ..context.registry
        },
        ..context
    }
}

fn run(app: &mut App, command: Command) -> Result<Code, Error> {
    match command {
        Command::List(args) => commands::list::run(app, &args),
        Command::Plan(args) => commands::plan::run(app, &args),
        Command::Run(args) => commands::run::run(app, &args),
        Command::Guard(args) => commands::guard::run(app, &args),
        Command::Lease(command) => commands::lease::run(app, &command),
        #[cfg(feature = "reaper")]
        Command::Reaper(args) => commands::reaper::run(app, &args),
        #[cfg(not(feature = "reaper"))]
        Command::Reaper(_) => Err(Error::config("this tbengine was built without reaper")
            .hint("build it with `--features reaper`")),
        Command::Resume(args) => commands::resume::run(app, &args),
        Command::History(args) => commands::history::run(app, &args),
        Command::Explain(args) => commands::explain::run(app, &args),
        Command::Doctor(args) => commands::doctor::run(app, &args),
        Command::Owners(command) => commands::owners::run(app, &command),
        Command::Plugin(command) => commands::plugin::run(app, command),
        Command::Policy(command) => commands::policy::run(app, command),
        Command::Config(command) => commands::config::run(app, &command),
        Command::Completions { shell } => Ok(commands::completions::run(app, shell)),
    }
}

/// Ends the output. A reader that stops reading is not a failure; lost results are.
fn finish(app: &mut App, code: Code) -> ExitCode {
    match app.out.finish() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            app.console
                .error(&format!("failed to write the results: {error}"), &[]);
            let code = if code == Code::Done {
                Code::Failed
            } else {
                code
            };
            code.into()
        }
        _ => code.into(),
    }
}

/// The end of a process that was to become a guarded command.
fn not_become(error: &ExecError) -> ExitCode {
    if matches!(error, ExecError::Start { .. }) {
        Console::new(false, false, false).error(&error.to_string(), &[]);
    }
    ExitCode::from(error.code())
}

fn print_error(console: &Console, error: &Error) -> Code {
    if let Error::Ops(OpsError::NoBaseline(failures)) = error {
        print_failures(console, failures);
    }
    match error {
        // Its author needs more than a line.
        Error::Ops(
            OpsError::Load(LoadError::Fault { fault, .. })
            | OpsError::Parameters(ConfigError::Fault(fault)),
        ) => print_fault(console, fault),
        _ => console.error(&error.to_string(), &error.hints()),
    }
    error.code()
}

fn console(world: &World, terminal: Terminal, global: &GlobalArgs) -> Arc<Console> {
    let color = wants_color(world, global.color, terminal.stderr_is_terminal);
    Arc::new(Console::new(
        color,
        terminal.stderr_is_terminal,
        global.quiet,
    ))
}

fn wants_color(world: &World, when: When, is_terminal: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            is_terminal
                && world.variable("NO_COLOR").is_none()
                && world.variable("TERM") != Some("dumb")
        }
    }
}

fn terminal_width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size()?;
    Some(width.0.into())
}

/// A variable that was mistyped would silently lift a limit.
fn warn_of_unknown_variables(world: &World, command: &clap::Command, console: &Console) {
    // Set by a guard for its command.
    let mut known = vec![RUN_ID_VARIABLE.to_owned()];
    known.extend(VARIABLES.map(str::to_owned));
    collect_variables(command, &mut known);
    for name in world
        .environment
        .keys()
        .filter(|name| name.starts_with("TBENGINE_"))
    {
        if known.contains(name) {
            continue;
        }
        let meant = closest(name, known.iter().map(String::as_str))
            .map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        console.warning(&format!("unknown variable {name}{meant}"));
    }
}

fn collect_variables(command: &clap::Command, known: &mut Vec<String>) {
    let variables = command.get_arguments().filter_map(clap::Arg::get_env);
    known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    for sub in command.get_subcommands() {
        collect_variables(sub, known);
    }
}
