//! A few thousand seeds. What a seed once found has a test of its own in the engine, since a seed makes
//! another world whenever something is added to them.

use tbengine_simulation::{repeat, simulate};

fn hold(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(what) = simulate(seed) {
            panic!("seed {seed}: repeat it with {}\n{what}", repeat(seed));
        }
    }
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
    let mut stories = std::collections::HashSet::new();
    for seed in 0..50 {
        let stats = simulate(seed).unwrap();
        assert_eq!(stats, simulate(seed).unwrap(), "seed {seed}");
        stories.insert(stats.trace);
    }
    assert!(stories.len() > 45, "only {} stories differ", stories.len());
}
