//! Stories that were kept, and some of those that seeds make.

use std::path::Path;

use tbengine_neighbours::counts::Counts;
use tbengine_neighbours::{Story, from_seed, play};

/// What has to occur in the stories of the suite. What never does is not tried by them.
const OCCURS: &[&str] = &[
    "harness up",
    "harness ends",
    "harness restarts",
    "harness down",
    "harness dies",
    "developer up",
    "developer stop",
    "developer start",
    "developer run",
    "developer again",
    "developer cluster",
    "developer looks-into",
    "developer volume",
    "developer build",
    "developer tag",
    "database up",
    "database stop",
    "database start",
    "database remove",
    "ci session",
    "ci pull",
    "ci service",
    "impostor project",
    "impostor borrows",
    "impostor named-like",
    "impostor replaces",
    "impostor takes-volume",
    "impostor protects",
    "job begins",
    "job runs",
    "job expires",
    "operator run",
    "operator another",
    "operator killed",
    "nature chaos",
    "nature slow",
    "nature outage",
    "nature listing-fails",
    "nature odd",
    "nature damages",
    "nature hangs",
    "nature crowded",
    "nature lingers",
    "nature clock",
    "nature heals",
    "listing failed",
    "run whose requests were counted",
    "saved plan revised",
    "safeguard protected-label",
    "safeguard minimum-age",
    "safeguard live-lease",
    "safeguard live-unit",
    "safeguard in-use",
    "safeguard dependents-unknown",
    "safeguard kept-owner",
    "safeguard unknown-lease",
    "safeguard damaged",
    "safeguard clock",
    "outcome deleted",
    "outcome already-gone",
    "outcome deferred",
];

fn hold(seeds: std::ops::Range<u64>) -> Counts {
    let mut counts = Counts::default();
    for seed in seeds {
        match play(&from_seed(seed)) {
            Ok(one) => counts.add(&one),
            Err(why) => panic!(
                "seed {seed}: {why}\n`cargo run --release -p tbengine-neighbours -- --from {seed} --stories 1` shrinks it"
            ),
        }
    }
    counts
}

#[test]
fn nothing_is_removed_that_nobody_was_entitled_to() {
    let counts = hold(0..300);
    let missing: Vec<_> = OCCURS.iter().filter(|what| counts.of(what) == 0).collect();
    assert!(missing.is_empty(), "{missing:?} never occurred");
    // As often as a trial is left, it is removed: a run that does nothing breaks no other invariant.
    let (deleted, left) = (counts.of("outcome deleted"), counts.of("harness dies"));
    assert!(
        deleted > 3 * left,
        "{deleted} deleted, {left} harnesses died"
    );
}

#[test]
fn more_stories_of_other_seeds() {
    hold(1_000_000..1_000_100);
}

#[test]
fn the_stories_that_once_failed_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let mut played = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let story: Story = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!story.events.is_empty(), "{} is empty", path.display());
        play(&story).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        played += 1;
    }
    assert!(played >= 10, "only {played} stories are kept");
}

#[test]
fn a_story_is_what_its_lines_say() {
    for seed in 0..50 {
        let story = from_seed(seed);
        let again: Story = story.to_string().parse().unwrap();
        assert_eq!(story, again, "seed {seed}");
        assert_eq!(play(&story), play(&again), "seed {seed}");
    }
}
