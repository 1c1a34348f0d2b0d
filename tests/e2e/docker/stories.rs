//! Stories of a shared machine, with the program as the operator: what it removes is compared with a ledger of who made
//! what. `neighbours --real` plays any number of them.

use std::path::Path;
use std::time::Duration;

use tbengine_neighbours::counts::Counts;
use tbengine_neighbours::real::compose::Compose;
use tbengine_neighbours::real::{Laboratory, Options};
use tbengine_neighbours::{Story, from_seed};

/// Short stories in which each actor occurs.
const SEEDS: [u64; 8] = [1037, 327, 2321, 137, 1640, 572, 952, 643];

/// What a daemon cannot be made to do.
const SKIPPED: [&str; 2] = ["skipped: nature odd", "skipped: nature lingers"];

fn laboratory() -> Laboratory {
    let program = Path::new(env!("CARGO_BIN_EXE_tbengine"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compose = Compose::new(crate::guard::compose::compose());
    let started = Laboratory::start(program, cache, Some(compose));
    started.unwrap_or_else(|why| panic!("{why}"))
}

/// Plays a story, and says which and why if an invariant is broken.
fn hold(laboratory: &Laboratory, name: &str, story: &Story, options: Options) -> Counts {
    let (counts, played) = laboratory.play(story, options);
    let skipped = counts.0.keys().filter(|what| what.starts_with("skipped"));
    let unknown: Vec<_> = skipped
        .filter(|what| !SKIPPED.contains(&what.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{name}: {unknown:?}");
    match played {
        Ok(()) => counts,
        Err(why) => panic!("{name}: {why}\n\n{story}"),
    }
}

#[test]
fn eight_stories_hold() {
    let laboratory = laboratory();
    let options = Options {
        hour: Duration::from_millis(500),
        patience: Duration::from_millis(1200),
    };
    let mut counts = Counts::default();
    for seed in SEEDS {
        let name = format!("seed {seed}");
        counts.add(&hold(&laboratory, &name, &from_seed(seed), options));
    }
    // A run that does nothing breaks no other invariant.
    let (removed, up) = (counts.of("tbengine removed"), counts.of("harness up"));
    assert!(removed >= up, "{removed} removed, {up} trials: {counts:?}");
    for what in [
        "harness dies",
        "job runs",
        "brought up by compose",
        "built by BuildKit",
        "operator another",
        "nature clock",
        "nature damages",
        "exit code 0",
    ] {
        assert!(counts.of(what) > 0, "no {what}: {counts:?}");
    }
}

#[test]
fn the_stories_that_once_failed_hold() {
    let laboratory = laboratory();
    // As long as the longest age that one of them needs.
    let options = Options {
        hour: Duration::from_millis(500),
        patience: Duration::from_secs(7),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/neighbours/stories");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let story = text.parse().unwrap_or_else(|why| panic!("{why}"));
        hold(&laboratory, &path.display().to_string(), &story, options);
        played += 1;
    }
    assert!(played >= 10, "only {played} stories are kept");
}
