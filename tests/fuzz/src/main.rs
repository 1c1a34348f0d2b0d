//! Fuzzes one target, or all of them.
//!
//! ```text
//! cargo run --release --workspace --bin fuzz -- [TARGET...] [--seconds 60] [--from NUMBER]
//! cargo run --release --workspace --bin fuzz -- TARGET --replay FILE
//! cargo run --release --workspace --bin fuzz -- [PROVIDER-session...] --all
//! ```
//! `--all` damages every value of the session of each provider in every way, each by itself.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it found, and fails if it found anything"
)]

use std::time::Duration;

use tbengine_fuzz::sessions::{provider, systematic};
use tbengine_fuzz::{found, fuzz, give, targets};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = arguments.iter().find(|argument| !is_known(argument)) {
        let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
        println!(
            "unknown argument `{unknown}`: fuzz [TARGET...] [--seconds N] [--from N] [--replay FILE] [--all]\n\
             targets: {}",
            names.join(", ")
        );
        std::process::exit(2);
    }
    let after = |word: &str| {
        let mut words = arguments.iter().skip_while(|argument| *argument != word);
        words.nth(1)
    };
    let number = |word: &str, otherwise: u64| {
        after(word).map_or(otherwise, |text| text.parse().expect("a number follows"))
    };
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !targets::ALL.iter().any(|target| wanted(target.name));
    // One line per finding, from here.
    std::panic::set_hook(Box::new(|_| {}));
    let broken = if wanted("--all") {
        every_damage(|name| all || wanted(name))
    } else if let Some(file) = after("--replay") {
        replay(file, |name| wanted(name))
    } else {
        let seconds = Duration::from_secs(number("--seconds", 60));
        some(seconds, number("--from", 0), |name| all || wanted(name))
    };
    if broken {
        std::process::exit(1);
    }
}

/// Whether an argument is a target, an option, or the value of one.
fn is_known(argument: &str) -> bool {
    let is_option = ["--seconds", "--from", "--replay", "--all"].contains(&argument);
    let is_target = targets::ALL.iter().any(|target| target.name == argument);
    let is_value = argument.parse::<u64>().is_ok() || std::path::Path::new(argument).is_file();
    is_option || is_target || is_value
}

fn some(time: Duration, from: u64, wanted: impl Fn(&str) -> bool) -> bool {
    let mut broken = false;
    for target in targets::ALL.iter().filter(|target| wanted(target.name)) {
        let fuzzed = fuzz(target, from, time);
        let name = target.name;
        let Some((number, input, what)) = fuzzed.broken else {
            println!(
                "{name}: {} inputs, {} of them taken for good ones; none broke it",
                fuzzed.inputs, fuzzed.good
            );
            continue;
        };
        broken = true;
        println!("{name}: input {number} broke it: {what}");
        if let Some(path) = found::keep(name, number, &input) {
            println!("  repeat it with: fuzz {name} --replay {}", path.display());
        }
        let beginning = String::from_utf8_lossy(&input[..input.len().min(400)]).into_owned();
        println!("  it begins: {}", beginning.escape_debug());
    }
    broken
}

fn replay(file: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let input = std::fs::read(file).expect("the input can be read");
    let mut broken = false;
    for target in targets::ALL.iter().filter(|target| wanted(target.name)) {
        let taken = give(&mut (target.start)(), &input);
        println!("{}: {taken:?}", target.name);
        broken |= taken.is_err();
    }
    broken
}

fn every_damage(wanted: impl Fn(&str) -> bool) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut broken = false;
    for provider in provider::ALL.iter().filter(|one| wanted(one.name)) {
        let held = runtime.block_on(systematic::all(provider, 0, 1, 1));
        let name = provider.name;
        println!(
            "{name}: {} damages, {} of them excused; {} broke it",
            held.tried,
            held.excused,
            held.broken.len()
        );
        for (number, (spot, what)) in held.broken.iter().enumerate() {
            broken = true;
            println!("  {spot}: {what}");
            if let Ok(input) = serde_json::to_vec(&[spot]) {
                found::keep(name, number as u64, &input);
            }
        }
    }
    broken
}
