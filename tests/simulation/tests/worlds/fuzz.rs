//! Each target of the fuzzer for a moment, and a sample of every damage to every value of a session. What broke is kept
//! below `target/fuzz`; `docs/benchmarks.md` says how to repeat it, and how to fuzz for longer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tbengine_fuzz::sessions::provider;
use tbengine_fuzz::sessions::systematic;
use tbengine_fuzz::{found, fuzz, targets};

/// The number from which inputs are made: another one every second, so that each run tries something else. Where it
/// fails it is printed, and `TBENGINE_FUZZ_FROM` repeats it.
#[expect(
    clippy::print_stdout,
    reason = "a trial that fails shows what it printed"
)]
fn from() -> u64 {
    let given = std::env::var("TBENGINE_FUZZ_FROM").ok();
    let given = given.map(|text| text.parse().expect("TBENGINE_FUZZ_FROM is a number"));
    let from = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    });
    println!("TBENGINE_FUZZ_FROM={from}");
    from
}

fn hold(name: &str) {
    let mut all = targets::ALL.iter();
    let target = all.find(|target| target.name == name).unwrap();
    // Good inputs first, which must be taken for such, then what is made of them from this number on.
    let corpus = (target.corpus)().len() as u64;
    let mut good = 0;
    for from in [0, corpus + from()] {
        let mut time = Duration::from_millis(1500);
        let mut fuzzed = fuzz(target, from, time);
        // A machine that is busy gets more of it.
        while fuzzed.inputs <= 10 && fuzzed.broken.is_none() && time < Duration::from_secs(60) {
            time *= 2;
            fuzzed = fuzz(target, from, time);
        }
        if let Some((number, input, what)) = fuzzed.broken {
            let path = found::keep(name, number, &input);
            let text = String::from_utf8_lossy(&input);
            panic!(
                "input {number} of `{name}`, kept in {path:?}: {what}\n{}",
                text.escape_debug()
            );
        }
        good += fuzzed.good;
    }
    // If none gets through the door, nothing behind it is tested.
    assert!(good > 0);
}

/// Every `every`-th damage to the session of a provider.
async fn session(number: usize, every: usize) {
    let provider = provider::ALL[number];
    let from = usize::try_from(from()).unwrap();
    let held = systematic::all(&provider, from, every, 10).await;
    for (number, (spot, _)) in held.broken.iter().enumerate() {
        let input = serde_json::to_vec(&[spot]).unwrap();
        found::keep(provider.name, number as u64, &input);
    }
    let broken = held.broken.iter().take(5);
    let broken: Vec<String> = broken
        .map(|(spot, what)| format!("{spot}: {what}"))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(held.tried > held.excused && held.tried >= 20, "{held:?}");
}

#[test]
fn no_saved_plan_breaks_it() {
    hold("plan");
}

#[test]
fn no_policy_module_breaks_it() {
    hold("policy");
}

#[test]
fn no_verdict_of_a_policy_breaks_it() {
    hold("verdicts");
}

#[test]
fn no_answer_of_docker_breaks_it() {
    hold("docker");
}

#[test]
fn no_answer_of_daytona_breaks_it() {
    hold("daytona");
}

#[test]
fn no_record_of_a_run_breaks_it() {
    hold("journal");
}

#[test]
fn no_file_of_a_lease_breaks_it() {
    hold("leases");
}

#[test]
fn no_missing_fact_makes_a_resource_a_benchmarks() {
    hold("owners");
}

#[test]
fn no_file_of_rules_takes_one_fact_for_proof() {
    hold("owner-rules");
}

#[tokio::test]
async fn no_damaged_value_of_docker_adds_a_deletion() {
    session(0, 150).await;
}

#[tokio::test]
async fn no_damaged_value_of_daytona_adds_a_deletion() {
    session(1, 20).await;
}

#[tokio::test]
async fn no_damaged_value_of_e2b_adds_a_deletion() {
    session(2, 4).await;
}

#[tokio::test]
async fn no_damaged_value_of_a_plugin_adds_a_deletion() {
    session(3, 8).await;
}
