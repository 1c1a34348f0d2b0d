//! Plays stories: `cargo run --release --bin neighbours -- --stories 100000`, and on a real dockerd with `--real`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it found"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use tbengine_neighbours::counts::Counts;
use tbengine_neighbours::real::compose::Compose;
use tbengine_neighbours::real::{Laboratory, Options};
use tbengine_neighbours::shrink::shrink;
use tbengine_neighbours::{Story, from_seed, play};

/// Plays stories of a shared machine against the engine, and prints the first that breaks an invariant, shrunk.
#[derive(Parser)]
struct Args {
    /// How many stories [default: 10000; with --real, as many as there is time for].
    #[arg(long)]
    stories: Option<u64>,
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
    /// Plays on a real dockerd, with the program as the operator.
    #[arg(long)]
    real: bool,
    /// For how long to play on it.
    #[arg(long, requires = "real", default_value_t = 30)]
    minutes: u64,
    /// The program [default: `tbengine` beside this one].
    #[arg(long, requires = "real", value_name = "FILE")]
    program: Option<PathBuf>,
    /// The program that is `docker compose`, to bring up trials with a service.
    #[arg(long, requires = "real", value_name = "FILE")]
    compose: Option<PathBuf>,
    /// How many milliseconds an hour of a story takes on it.
    #[arg(long, requires = "real", default_value_t = 1000, value_name = "MS")]
    hour: u64,
    /// How many milliseconds to wait at most until things are as old as in the story.
    #[arg(long, requires = "real", default_value_t = 5000, value_name = "MS")]
    patience: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.show {
        print!("{}", from_seed(args.from));
        return ExitCode::SUCCESS;
    }
    let replayed = match args.replay.as_deref().map(read).transpose() {
        Ok(replayed) => replayed,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if args.real {
        return real(&args, replayed);
    }
    match replayed {
        Some(story) => match play(&story) {
            Ok(_) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        },
        None => simulated(&args),
    }
}

fn read(file: &Path) -> Result<Story, String> {
    let text = std::fs::read_to_string(file);
    let story = text
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse());
    story.map_err(|why| format!("{}: {why}", file.display()))
}

/// Plays the stories of seeds in simulated time.
fn simulated(args: &Args) -> ExitCode {
    let stories = args.stories.unwrap_or(10_000);
    let began = Instant::now();
    let next = AtomicU64::new(args.from);
    let counts = Mutex::new(Counts::default());
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let end = args.from + stories;
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
        let story = shrink(&from_seed(seed), usize::MAX, |story| play(story).map(drop));
        eprintln!("seed {seed}: {why}\n\nshrunk:\n{story}");
        if let Err(why) = play(&story) {
            eprintln!("{why}");
        }
        return ExitCode::FAILURE;
    }
    let seconds = began.elapsed().as_secs_f64();
    let per_core = stories as f64 / seconds / threads as f64;
    println!(
        "{stories} stories in {seconds:.0} s, {per_core:.0} a second and core: no invariant was broken"
    );
    if args.counts {
        print_counts(&counts.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    ExitCode::SUCCESS
}

/// How often a story is played on a real daemon to shorten it.
const TRIES: usize = 25;

/// Plays a story, or those of seeds, on a real daemon.
fn real(args: &Args, replayed: Option<Story>) -> ExitCode {
    let beside = std::env::current_exe().unwrap_or_default();
    let program = args.program.clone();
    let program = program.unwrap_or_else(|| beside.with_file_name("tbengine"));
    // They are started in other directories.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let program = absolute(program);
    let cache = std::env::temp_dir().join("tbengine-neighbours-cache");
    let compose = args
        .compose
        .clone()
        .map(|path| Compose::new(absolute(path)));
    let laboratory = match Laboratory::start(&program, &cache, compose) {
        Ok(laboratory) => laboratory,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    // A reaper of a job would wait for the daemon for a day.
    for signal in [SIGINT, SIGTERM] {
        let caught = signal_hook::flag::register(signal, laboratory.interrupted.clone());
        if let Err(error) = caught {
            eprintln!("signals cannot be caught: {error}");
            return ExitCode::FAILURE;
        }
    }
    let options = Options {
        hour: Duration::from_millis(args.hour),
        patience: Duration::from_millis(args.patience),
    };
    let (mut counts, mut played) = (Counts::default(), 0);
    let began = Instant::now();
    let is_time = |played: u64| match (&replayed, args.stories) {
        (Some(_), _) => played == 0,
        (None, Some(stories)) => played < stories,
        (None, None) => began.elapsed() < Duration::from_secs(60 * args.minutes),
    };
    while is_time(played) {
        let seed = args.from + played;
        let story = replayed.clone().unwrap_or_else(|| from_seed(seed));
        let (one, result) = laboratory.play(&story, options);
        counts.add(&one);
        played += 1;
        if let Err(why) = result {
            if laboratory.interrupted.load(Ordering::Relaxed) {
                eprintln!("interrupted");
                return ExitCode::FAILURE;
            }
            match replayed {
                Some(_) => eprintln!("{why}"),
                None => eprintln!("seed {seed}, story {played}: {why}"),
            }
            failed(&laboratory, options, &story, seed);
            print_counts(&counts);
            return ExitCode::FAILURE;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = played as f64 * 60.0 / seconds;
    println!(
        "{played} stories in {seconds:.0} s on a real dockerd, {rate:.1} a minute: no invariant was broken"
    );
    print_counts(&counts);
    ExitCode::SUCCESS
}

/// Shortens a story that broke an invariant on a real daemon, writes it to a file, and plays it in simulated time.
fn failed(laboratory: &Laboratory, options: Options, story: &Story, seed: u64) {
    let shrunk = shrink(story, TRIES, |story| laboratory.play(story, options).1);
    let file = format!("seed-{seed}.story");
    match std::fs::write(&file, shrunk.to_string()) {
        Ok(()) => eprintln!("\nshrunk, in {file}:\n{shrunk}"),
        Err(error) => eprintln!("\nshrunk ({file}: {error}):\n{shrunk}"),
    }
    match play(&shrunk) {
        Ok(_) => eprintln!(
            "in simulated time it breaks no invariant: the simulated provider differs from the daemon, the program from \
             the engine in here, or what happened depends on the moment"
        ),
        Err(why) => eprintln!("in simulated time as well: {why}"),
    }
}

fn print_counts(counts: &Counts) {
    for (what, count) in &counts.0 {
        println!("{count:>10}  {what}");
    }
}
