//! Plays stories: `cargo run --release -p tbengine-neighbours -- --stories 100000`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it found"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use tbengine_neighbours::counts::Counts;
use tbengine_neighbours::shrink::shrink;
use tbengine_neighbours::{Story, from_seed, play};

/// Plays stories of a shared machine against the engine, and prints the first that breaks an invariant, shrunk.
#[derive(Parser)]
struct Args {
    /// How many stories.
    #[arg(long, default_value_t = 10_000)]
    stories: u64,
    /// The seed of the first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Plays the story in a file instead.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Prints the story of the first seed, and does not play it.
    #[arg(long)]
    show: bool,
    /// Prints what occurred, and how often.
    #[arg(long)]
    counts: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.show {
        print!("{}", from_seed(args.from));
        return ExitCode::SUCCESS;
    }
    if let Some(file) = &args.replay {
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        let story = read.and_then(|text| text.parse::<Story>());
        return match story.and_then(|story| play(&story)) {
            Ok(_) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{}: {why}", file.display());
                ExitCode::FAILURE
            }
        };
    }
    let began = Instant::now();
    let next = AtomicU64::new(args.from);
    let counts = Mutex::new(Counts::default());
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let end = args.from + args.stories;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match play(&from_seed(seed)) {
                        Ok(one) => {
                            let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
                            all.add(&one);
                        }
                        Err(why) => {
                            next.store(end, Ordering::Relaxed);
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.get_or_insert((seed, why));
                        }
                    }
                }
            });
        }
    });
    if let Some((seed, why)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let story = shrink(&from_seed(seed));
        eprintln!("seed {seed}: {why}\n\nshrunk:\n{story}");
        if let Err(why) = play(&story) {
            eprintln!("{why}");
        }
        return ExitCode::FAILURE;
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_core = args.stories as f64 / seconds / threads as f64;
    println!(
        "{} stories in {seconds:.0} s, {per_core:.0} a second and core: no invariant was broken",
        args.stories
    );
    if args.counts {
        let counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (what, count) in counts.0 {
            println!("{count:>10}  {what}");
        }
    }
    ExitCode::SUCCESS
}
