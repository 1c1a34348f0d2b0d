//! `tbengine policy`: look at policies, and write them.
//!
//! - `list`, `inspect`: what there is, and what a policy says of itself
//! - `new`: a policy from a template
//! - `files`: components in files: `export` and `pack`
//! - `registry`: components in registries: `pull` and `push`
//! - `check`: a policy against the contract and a simulated host
//! - `test`, `diff`: what a policy answers, against what it should or what another one does

mod check;
mod diff;
pub(crate) mod files;
mod inspect;
mod list;
mod new;
mod registry;
mod test;

use crate::app::App;
use crate::args::policy::PolicyCommand;
use crate::exit::{Code, Error};

/// Runs a command on policies.
pub(crate) fn run(app: &mut App, command: PolicyCommand) -> Result<Code, Error> {
    match command {
        PolicyCommand::List => list::list(app),
        PolicyCommand::Inspect { policy } => inspect::inspect(app, &policy),
        PolicyCommand::New { language, name } => new::new(app, &language, &name),
        PolicyCommand::Pack {
            core,
            file,
            contract,
            overwrite,
        } => files::make(app, &core, file.as_deref(), contract, overwrite.force),
        PolicyCommand::Check { policy, set } => check::check(app, &policy, set),
        PolicyCommand::Test {
            policy,
            folder,
            update,
        } => test::test(app, &policy, &folder, update),
        PolicyCommand::Diff(args) => diff::diff(app, &args),
        PolicyCommand::Pull {
            reference,
            file,
            overwrite,
        } => registry::pull(app, &reference, file.as_deref(), overwrite.force),
        PolicyCommand::Push { file, reference } => registry::push(app, &file, &reference),
        PolicyCommand::Export {
            name,
            file,
            overwrite,
        } => files::export(app, &name, &file, overwrite.force),
    }
}
