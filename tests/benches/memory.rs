//! The most memory that a whole run holds. The simulated provider lives in the same process, so what it
//! keeps of its resources counts as well.
//!
//! `cargo bench -p tbengine-tests --bench memory`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod support;

use support::{Program, figure};

fn main() {
    let program = Program::build();
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = |name: String| {
        let path = place.path().join(name);
        path.to_str().expect("its path is text").to_owned()
    };
    let (cache, state) = (path("cache".into()), path("state".into()));
    let environment = [
        ("XDG_CACHE_HOME", cache.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
    ];
    for (count, target) in [(100, 32.0), (100_000, 256.0)] {
        let config = path(format!("{count}.toml"));
        let text =
            format!("[backends.memory]\nkind = \"memory\"\nresources = {count}\nlabels = 8\n");
        std::fs::write(&config, text).expect("the configuration can be written");
        for command in ["list", "plan", "run"] {
            let mut arguments = vec!["--config", &config, command, "--backend", "memory"];
            if command != "list" {
                arguments.extend(["--policy", "aggressive", "--max-delete", "100%"]);
            }
            // The policy is compiled by the first run and comes from the cache afterwards.
            program.run(&arguments, &environment);
            let (_, peak) = program.run(&arguments, &environment);
            figure(
                &format!("{command} of {count} resources with 8 labels: memory"),
                peak as f64 / 1e6,
                "MB",
                target,
                true,
            );
        }
    }
}
