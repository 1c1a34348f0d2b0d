//! Runs many seeds, or prints the figures about faults.
//!
//! `cargo run --release -p tbengine-simulation -- --seeds 1000000 [--from N] [--threads 2] [--seen]`
//! `cargo run --release -p tbengine-simulation -- --figures [SEEDS]`
#![expect(
    clippy::print_stdout,
    clippy::exit,
    reason = "a program that prints what it found, and fails if it found anything"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tbengine_simulation::{Seen, figures, quiet_scripted_panics, repeat, simulate};

fn main() {
    if std::env::args().any(|argument| argument == "--figures") {
        print_figures(number("--figures", 100));
        return;
    }
    let from = number("--from", 0);
    let seeds = number("--seeds", 2000);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads = number("--threads", cores).max(1);
    quiet_scripted_panics();
    let begin = Instant::now();
    let seen = Mutex::new(Seen::default());
    let (next, broken) = (AtomicU64::new(from), AtomicU64::new(0));
    let (steps, deleted) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        return;
                    }
                    match simulate(seed) {
                        Ok(stats) => {
                            steps.fetch_add(stats.steps as u64, Ordering::Relaxed);
                            deleted.fetch_add(stats.deleted as u64, Ordering::Relaxed);
                            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                            seen.merge(&stats.seen);
                        }
                        Err(what) => {
                            broken.fetch_add(1, Ordering::Relaxed);
                            println!(
                                "seed {seed} breaks a promise; repeat it with: {}\n{what}",
                                repeat(seed)
                            );
                        }
                    }
                }
            });
        }
    });
    let took = begin.elapsed().as_secs_f64();
    let (steps, deleted) = (steps.into_inner(), deleted.into_inner());
    let broken = broken.into_inner();
    println!(
        "{seeds} seeds from {from}: {broken} broken; {steps} steps, {deleted} deletions; {took:.1} s, {:.0} seeds/s/thread",
        seeds as f64 / took / threads as f64
    );
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    if std::env::args().any(|argument| argument == "--seen") {
        for (what, times) in seen.all() {
            println!("{times:>9}  {what}");
        }
    }
    for what in seen.missing() {
        println!("never occurred: {what}");
    }
    if broken > 0 {
        std::process::exit(1);
    }
}

fn print_figures(seeds: u64) {
    for figure in figures::all(seeds) {
        let verdict = if figure.value <= figure.target {
            ""
        } else {
            "  MISSED"
        };
        println!(
            "{:<58} {:>12.4} {:<8} <= {}{verdict}",
            figure.name, figure.value, figure.unit, figure.target
        );
    }
}

/// The number after a word on the command line.
fn number(word: &str, otherwise: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != word);
    match arguments.nth(1).map(|text| text.parse()) {
        None => otherwise,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            println!("a number has to follow {word}");
            std::process::exit(2);
        }
    }
}
