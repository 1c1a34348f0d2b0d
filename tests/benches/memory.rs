//! The most memory that a whole run holds: over a service in another process; and over the simulated provider,
//! which lives in the same process, so that what it keeps of its resources counts as well.
//!
//! `cargo bench -p tbengine-tests --bench memory`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use std::path::Path;

use support::service::{Service, leaked};
use support::{Program, figure};
use tbengine_fake_daytona::{FakeDaytona, Settings};

fn main() {
    let program = Program::build();
    // In the same process, a large host may take what planning with a simulated provider may take.
    for (count, inside, target) in [(100, 32.0, 32.0), (100_000, 400.0, 256.0)] {
        let config = format!("kind = \"memory\"\nresources = {count}\nlabels = 8\n");
        measure(
            &program,
            "in the same process",
            &config,
            "",
            count,
            inside,
            || {},
        );

        let service = Service::start(Settings::default());
        let fake = &service.fake;
        let config = format!("kind = \"daytona\"\napi-url = \"{}\"\n", fake.url());
        let key = fake.key();
        measure(
            &program,
            "behind a service",
            &config,
            &key,
            count,
            target,
            || {
                fill(fake, count);
            },
        );
    }
}

/// The sandboxes of a benchmark, with eight labels each.
fn fill(fake: &FakeDaytona, count: usize) {
    for number in fake.live().len()..count {
        let mut sandbox = leaked(number);
        for label in 0..6 {
            sandbox = sandbox.label(
                format!("example.com/label-{label}"),
                format!("value {label}"),
            );
        }
        fake.put(sandbox);
    }
}

/// Lists, plans and runs over so many resources, which `fill` brings back.
fn measure(
    program: &Program,
    place: &str,
    backend: &str,
    key: &str,
    count: usize,
    target: f64,
    fill: impl Fn(),
) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| text(&home.path().join(name));
    let (cache, state, config) = (path("cache"), path("state"), path("config.toml"));
    std::fs::write(&config, format!("[backends.one]\n{backend}"))
        .expect("the configuration can be written");
    let environment = [
        ("XDG_CACHE_HOME", cache.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
        ("DAYTONA_API_KEY", key),
    ];
    let peak_of = |command: &str| {
        let mut arguments = vec!["--config", &config, command, "--backend", "one"];
        if command != "list" {
            arguments.extend(["--policy", "aggressive", "--max-delete", "100%"]);
        }
        fill();
        program.peak(&arguments, &environment)
    };
    // The policy is compiled now, and comes from the cache afterwards.
    peak_of("plan");
    for command in ["list", "plan", "run"] {
        let peak = peak_of(command);
        figure(
            &format!("{command} of {count} resources {place}: memory"),
            peak as f64 / 1e6,
            "MB",
            target,
            true,
        );
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("its path is text").to_owned()
}
