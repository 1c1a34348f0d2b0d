//! A run, as a program makes one that embeds tbengine: what the configuration names is discovered, the policy
//! decides, and the plan is approved, recorded and applied. Ctrl-C stops it in good order.
//!
//! ```console
//! $ printf 'policy = "aggressive"\n[backends.memory]\nkind = "memory"\n' > tbengine.toml
//! $ cargo run -p tbengine-ops --example run -- tbengine.toml
//! ```

#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::path::PathBuf;

use async_trait::async_trait;
// The backends that are linked in are those that the configuration can name.
use tbengine_engine::apply::Control;
use tbengine_engine::report::{Event, EventKind};
use tbengine_memory as _;
use tbengine_ops::config::Config;
use tbengine_ops::world::World;
use tbengine_ops::{Approval, Context, Draft, Error, Front, RunRequest, run};

/// Approves of every plan that no limit refuses, and prints what became of each step.
struct Program;

#[async_trait]
impl Front for Program {
    fn event(&mut self, event: &Event) {
        if let EventKind::StepFinished(outcome) = &event.kind {
            println!("{} {}", outcome.result, outcome.id);
        }
    }

    async fn approve(&mut self, draft: &Draft) -> Approval {
        println!("applying {} steps", draft.plan.steps.len());
        Approval::Apply
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let world = World::capture();
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let config = Config::load(&world, named.as_deref())?;
    let context = Context::new(world, config);
    let control = Control::default();
    let stop = control.stop.clone();
    tokio::spawn(async move { tokio::signal::ctrl_c().await.map(|()| stop.cancel()) });

    let settings = context.settings();
    let request = RunRequest::default();
    let end = run(&context, &settings, request, &mut Program, &control).await?;
    match end.report {
        Some(report) => println!("{} steps ended", report.outcomes.len()),
        None => println!("refused: nothing was done"),
    }
    Ok(())
}
