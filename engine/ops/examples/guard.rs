//! A guard, as a program makes one that embeds tbengine: a command runs under a lease, and what it made is deleted
//! whatever becomes of it, also where this program is killed.
//!
//! ```console
//! $ printf '[backends.memory]\nkind = "memory"\n' > tbengine.toml
//! $ cargo run -p tbengine-ops --example guard -- sh -c 'echo under $TBENGINE_RUN_ID'
//! ```

#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::process::ExitCode;

use tbengine_memory as _;
use tbengine_ops::Context;
use tbengine_ops::config::Config;
use tbengine_ops::front::Silent;
use tbengine_ops::guard::{GuardRequest, NoSignals, Part, guard};
use tbengine_ops::world::World;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = || std::env::args_os().skip(1);
    let (world, program) = (World::capture(), std::env::current_exe()?);
    let config = Config::load(&world, None)?;
    let context = Context::new(world, config);
    let settings = context.settings();
    // A guard starts this program again, as what becomes the command and as what outlives the guard.
    if let Some(part) = Part::requested(arguments()) {
        part.play(&context, &settings, &program).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let request = GuardRequest::new(program, arguments());
    let end = guard(&context, &settings, request, &mut NoSignals, &mut Silent).await?;
    println!("{:?}", end.swept);
    Ok(end.code.into())
}
