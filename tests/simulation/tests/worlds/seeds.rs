//! A few thousand seeds. What a seed once found has a test of its own in the engine, since a seed makes
//! another world whenever something is added to them.

use tbengine_simulation::{Seen, Stats, quiet_scripted_panics, repeat, simulate};

/// Runs worlds, of which each has to keep every promise, and together they have to see everything that is in them.
fn hold(seeds: std::ops::Range<u64>) {
    quiet_scripted_panics();
    let (mut seen, mut sum) = (Seen::default(), Stats::default());
    for seed in seeds {
        match simulate(seed) {
            Ok(stats) => {
                seen.merge(&stats.seen);
                sum.steps += stats.steps;
                sum.deleted += stats.deleted;
            }
            Err(what) => panic!("seed {seed}: repeat it with {}\n{what}", repeat(seed)),
        }
    }
    // What never occurs is not tested by all these worlds.
    let missing = seen.missing();
    assert!(missing.is_empty(), "never occurred: {missing:#?}");
    // An engine that finds a reason to leave everything alone keeps every other promise.
    assert!(sum.deleted * 10 > sum.steps * 7, "{sum:?}");
}

#[test]
fn a_thousand_worlds_keep_every_promise() {
    hold(0..1000);
}

#[test]
fn another_thousand_worlds_keep_every_promise() {
    hold(1_000_000..1_001_000);
}

#[test]
fn one_seed_makes_one_story() {
    quiet_scripted_panics();
    let mut stories = std::collections::HashSet::new();
    for seed in 0..50 {
        let stats = simulate(seed).unwrap();
        assert_eq!(stats, simulate(seed).unwrap(), "seed {seed}");
        stories.insert(stats.trace);
    }
    assert!(stories.len() > 45, "only {} stories differ", stories.len());
}
