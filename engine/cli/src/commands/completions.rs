//! `tbengine completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::app::App;
use crate::args::Cli;
use crate::exit::Code;

/// Prints a completion script.
pub(crate) fn run(app: &mut App, shell: Shell) -> Code {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tbengine", &mut script);
    app.out.own(&script);
    Code::Done
}
