//! Starts a fake Daytona by hand, so that tbengine can be tried without an account.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tbengine_fake_daytona::{
    FakeDaytona, FaultPlan, Listing, RunnerTimes, Settings, Throttle, Throttles,
};

const EXAMPLES: &str = "\
Examples:
  # 200 leaked sandboxes; then follow the two lines it prints
  fake-daytona --sandboxes 200

  # a slow provider with a limit of 100 deletes in a second
  fake-daytona --sandboxes 2000 --latency 20ms --deletes-per-second 100

  # a listing that lags behind, and a destroy that takes three seconds
  fake-daytona --sandboxes 50 --list-lag 2600ms --destroy 3s

  # what really happened, and what goes wrong from now on
  curl -s \"${DAYTONA_API_URL%/api}/_fake/oracle\"
  curl -s -X PUT \"${DAYTONA_API_URL%/api}/_fake/faults\" \\
       -d '{\"rates\": [{\"fault\": \"lost-reply\", \"probability\": 0.1}]}'";

/// A server that behaves as Daytona's API does, filled with leaked sandboxes. Ctrl-C ends it.
#[derive(Parser)]
#[command(name = "fake-daytona", after_help = EXAMPLES)]
struct Arguments {
    /// Decides ids, inventory and everything left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many leaked sandboxes there are at the start
    #[arg(long, default_value_t = 50)]
    sandboxes: usize,
    /// The port to listen on; 0 lets the system choose
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The key that may do everything; otherwise the seed decides
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// How long every reply takes
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s", value_name = "TIME")]
    latency: Duration,
    /// How long a runner takes to destroy a sandbox
    #[arg(long, value_parser = humantime::parse_duration, default_value = "200ms", value_name = "TIME")]
    destroy: Duration,
    /// How many jobs the runners do at once; any number if it is not given
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// How far the listing may lag behind
    #[arg(long, value_parser = humantime::parse_duration, default_value = "0s", value_name = "TIME")]
    list_lag: Duration,
    /// How many deletes (and stops) a second admits
    #[arg(long, value_name = "N")]
    deletes_per_second: Option<u32>,
    /// The share of sandboxes, 0 to 1, with null, missing, unknown or surprising fields
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    odd_fields: f64,
    /// List as servers before 0.180 did: a bare array
    #[arg(long)]
    bare_array: bool,
}

impl Arguments {
    fn settings(&self) -> Settings {
        let lifecycle = self.deletes_per_second.map(|limit| Throttle {
            limit,
            window: Duration::from_secs(1),
        });
        Settings {
            seed: self.seed,
            sandboxes: self.sandboxes,
            port: self.port,
            runner: RunnerTimes {
                destroy: self.destroy,
                at_once: self.at_once,
                ..RunnerTimes::default()
            },
            list_lag: self.list_lag,
            listing: if self.bare_array {
                Listing::BareArray
            } else {
                Listing::Cursor
            },
            throttles: Throttles {
                sandbox_lifecycle: lifecycle,
                ..Throttles::default()
            },
            odd_fields: self.odd_fields,
            ..Settings::default()
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell it to, if this cannot be written.
            let _unheard = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> std::io::Result<()> {
    let fake = FakeDaytona::start(arguments.settings()).await?;
    if let Some(key) = &arguments.key {
        fake.with(|cloud, _| {
            let all = &tbengine_fake_daytona::permission::ALL;
            cloud.accounts.add_key(key, "given", 0, all);
        });
    }
    fake.set_faults(FaultPlan {
        seed: arguments.seed,
        latency_ms: u64::try_from(arguments.latency.as_millis()).unwrap_or(u64::MAX),
        ..FaultPlan::default()
    });
    let key = arguments.key.unwrap_or_else(|| fake.key());
    let mut out = std::io::stdout().lock();
    writeln!(out, "export DAYTONA_API_URL={}", fake.url())?;
    writeln!(out, "export DAYTONA_API_KEY={key}")?;
    out.flush()?;
    drop(out);
    writeln!(
        std::io::stderr(),
        "\n{} leaked sandboxes; what really happens is at {}/oracle. Ctrl-C ends it.",
        arguments.sandboxes,
        fake.admin_url(),
    )?;
    tokio::signal::ctrl_c().await
}
