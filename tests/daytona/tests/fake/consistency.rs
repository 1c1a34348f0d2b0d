//! The listing as a search index that lags behind, while readings by id are true.

use std::time::Duration;

use tbengine_fake_daytona::{Change, Settings, sandbox};

use crate::support::Simulation;

fn lagging(seed: u64) -> Simulation {
    Simulation::with(Settings {
        seed,
        list_lag: Duration::from_millis(2_600),
        ..Settings::default()
    })
}

/// What the listing shows of one sandbox, every 10 ms, without repetitions.
fn watch(fake: &mut Simulation, id: &str) -> Vec<&'static str> {
    let mut seen: Vec<&'static str> = Vec::new();
    let mut gone = false;
    for _ in 0..400 {
        let listed = fake.list("");
        let state = listed.iter().find(|(one, _)| one == id);
        let state = state.map_or("absent", |(_, state)| *state);
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        // Readings by id only ever go one way.
        let read = fake.state(id);
        assert!(!(gone && read.is_ok()), "{id} is back");
        gone = read.is_err();
        fake.pass_ms(10);
    }
    seen
}

#[test]
fn a_deleted_sandbox_flaps() {
    let mut fake = lagging(1);
    let id = fake.put(sandbox());
    fake.delete(&id).unwrap();
    let seen = watch(&mut fake, &id);
    assert_eq!(seen, ["absent", "started", "destroying", "absent"]);
    assert_eq!(fake.destroyed().len(), 1);
}

#[test]
fn a_new_sandbox_is_listed_late() {
    let mut fake = lagging(2);
    let made = fake.cloud.create(0, Default::default(), fake.now).unwrap();
    assert_eq!(fake.state(&made.id), Ok("creating"));
    assert_eq!(fake.list(""), []);
    fake.pass(Duration::from_secs(3));
    assert_eq!(fake.list(""), [(made.id.to_string(), "started")]);
}

#[test]
fn a_stopped_sandbox_is_listed_as_started_for_a_while() {
    let mut fake = lagging(3);
    let id = fake.put(sandbox());
    fake.change(&id, Change::Stop { force: false }).unwrap();
    assert_eq!(fake.list(""), [(id.clone(), "started")]);
    fake.pass(Duration::from_secs(6));
    assert_eq!(fake.list(""), [(id, "stopped")]);
}

#[test]
fn the_same_seed_lags_alike() {
    let history = |seed| {
        let mut fake = lagging(seed);
        let id = fake.put(sandbox().id("one"));
        fake.delete(&id).unwrap();
        (0..300)
            .map(|_| {
                fake.pass_ms(10);
                fake.list("").len()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}
