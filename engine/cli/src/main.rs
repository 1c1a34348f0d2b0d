//! The command line of tbengine: arguments, tables, exit codes. What a command does lies in `tbengine_ops`.
//!
//! The modules, in the order data flows:
//!
//! - [`terminal`]: the terminal, or what stands in its place
//! - [`args`]: the command line
//! - [`start`]: from the command line to a command
//! - [`app`], [`front`], [`signals`]: what commands work with
//! - [`commands`]: one module per command
//! - [`output`]: everything that is written
//! - [`exit`]: how a command ends
//! - `left_out`: what this program was built without

mod app;
mod args;
mod commands;
mod exit;
mod front;
#[cfg(not(all(feature = "docker", feature = "daytona")))]
mod left_out;
mod output;
mod signals;
mod start;
mod terminal;

// Linking a plugin registers it.
#[cfg(feature = "daytona")]
use tbengine_daytona as _;
#[cfg(feature = "docker")]
use tbengine_docker as _;
use tbengine_memory as _;

/// A plan over many resources is a million small texts; this allocator takes half the time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    start::start()
}

#[cfg(test)]
mod tests {
    use tbengine_sdk::Registration;

    #[test]
    fn exactly_the_plugins_that_belong_into_the_program_are_linked() {
        let kinds: Vec<_> = Registration::all()
            .iter()
            .map(|registration| registration.kind)
            .collect();
        assert_eq!(kinds, ["daytona", "docker", "memory"]);
    }
}
