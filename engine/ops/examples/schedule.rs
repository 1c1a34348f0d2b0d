//! A schedule, as a service has them: each tick is a run of its own, and its mode says what becomes of the plan.
//! To plan leaves it, to approve waits until someone has answered, and to apply asks nobody.
//!
//! ```console
//! $ printf 'policy = "aggressive"\n[backends.memory]\nkind = "memory"\n' > tbengine.toml
//! $ cargo run -p tbengine-ops --example schedule -- tbengine.toml
//! ```

#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tbengine_engine::apply::Control;
use tbengine_engine::report::Event;
use tbengine_memory as _;
use tbengine_ops::config::Config;
use tbengine_ops::world::World;
use tbengine_ops::{Approval, Context, Draft, Error, Front, RunEnd, RunRequest, run};
use tokio::sync::mpsc::{self, Receiver};

/// What becomes of a plan.
enum Mode {
    Plan,
    /// The user answers here. A run that is stopped waits no longer.
    Approve(Receiver<Approval>),
    Apply,
}

#[async_trait]
impl Front for Mode {
    /// A service would pass it on to its clients.
    fn event(&mut self, _: &Event) {}

    async fn approve(&mut self, _: &Draft) -> Approval {
        match self {
            Self::Plan => Approval::Leave,
            Self::Approve(answers) => answers.recv().await.unwrap_or(Approval::Leave),
            Self::Apply => Approval::Apply,
        }
    }
}

/// One tick: a further run, at the time that it is now and with an id of its own.
async fn tick(context: &Context, mode: &mut Mode, control: &Control) -> Result<RunEnd, Error> {
    let context = Context {
        world: context.world.refresh(),
        ..context.clone()
    };
    let settings = context.settings();
    run(&context, &settings, RunRequest::default(), mode, control).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let world = World::capture();
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let config = Config::load(&world, named.as_deref())?;
    let context = Context::new(world, config);
    let control = Control::default();
    let (answer, answers) = mpsc::channel(1);
    answer.try_send(Approval::Leave).ok();

    let mut every = tokio::time::interval(Duration::from_secs(1));
    for mut mode in [Mode::Plan, Mode::Approve(answers), Mode::Apply] {
        every.tick().await;
        match tick(&context, &mut mode, &control).await {
            Ok(RunEnd { draft, report, .. }) => println!(
                "planned {} steps, ended {}",
                draft.plan.steps.len(),
                report.map_or(0, |report| report.outcomes.len()),
            ),
            // What fails now may do next time.
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
