//! A program that embeds tbengine: it holds a lease for its own work, and is what removes the leftovers of that
//! when it is killed. Its arguments say what to do, and its environment how to go wrong.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, BufReader, Write as _};
use std::process::ExitCode;
use std::time::Duration;

// The backends that are linked in are those that the configuration can name.
use tbengine_docker as _;
use tbengine_ops::config::Config;
use tbengine_ops::front::Silent;
use tbengine_ops::guard::keeper::{Keep, Taken, go_on_alone, keep, leave_group};
use tbengine_ops::guard::{GuardRequest, NoSignals, Part, guard};
use tbengine_ops::world::World;
use tbengine_ops::{Context, Holding};

/// The variable that names the file in which each start of this program is noted.
const STARTS: &str = "STARTS";
/// The variable that makes it forget to answer to what tbengine starts it with.
const FORGETFUL: &str = "FORGETFUL";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match answer(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn answer(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    if let Some(starts) = env::var_os(STARTS) {
        let mut starts = OpenOptions::new().create(true).append(true).open(starts)?;
        writeln!(starts, "{arguments:?}")?;
    }
    let forgetful = env::var_os(FORGETFUL).is_some();
    let part = Part::requested(env::args_os().skip(1)).filter(|_| !forgetful);
    match (part, arguments) {
        (Some(part), _) => {
            let context = context()?;
            let settings = context.settings();
            part.play(&context, &settings, &env::current_exe()?).await?;
        }
        (_, ["lease", "hold", "--detach"]) if !forgetful => {
            go_on_alone(&env::current_exe()?, env::args_os().skip(1))?;
        }
        (_, ["lease", "hold"]) if !forgetful => hold().await?,
        (_, ["guard", command @ ..]) => guarded(command).await?,
        _ => work()?,
    }
    Ok(())
}

/// What it is for: it says under which label, makes nothing, and never ends.
fn work() -> Result<(), Box<dyn Error>> {
    let holding = Holding::start(&env::current_exe()?, &[])?;
    let (key, id) = holding.label();
    println!("{key}={id}");
    std::thread::sleep(Duration::from_secs(600));
    Err("nobody killed this process".into())
}

fn context() -> Result<Context, tbengine_ops::Error> {
    let world = World::capture();
    let config = Config::load(&world, None)?;
    Ok(Context::new(world, config))
}

/// Holds the lease of another process of this program.
async fn hold() -> Result<(), Box<dyn Error>> {
    leave_group();
    let context = context()?;
    let wanted = Keep::New(Box::default());
    let client = BufReader::new(io::stdin());
    let settings = context.settings();
    let ended = keep(
        &context,
        &settings,
        wanted,
        Duration::ZERO,
        client,
        |held| {
            println!("{}", serde_json::json!(Taken::of(held)));
        },
    );
    if let Some(ended) = ended.await? {
        // The client may be gone.
        writeln!(io::stdout(), "{}", serde_json::json!(ended)).ok();
    }
    Ok(())
}

/// Runs a command under a guard.
async fn guarded(command: &[&str]) -> Result<(), Box<dyn Error>> {
    let context = context()?;
    let request = GuardRequest::new(env::current_exe()?, command.iter().map(OsString::from));
    let settings = context.settings();
    guard(&context, &settings, request, &mut NoSignals, &mut Silent).await?;
    Ok(())
}
