//! Fuzzes one target, or all of them.
//!
//! `cargo run --release -p tbengine-fuzz -- [TARGET...] [--seconds 60] [--from NUMBER]`
#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it found, and fails if it found anything"
)]

use std::time::Duration;

use tbengine_fuzz::{fuzz, targets};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |word: &str, otherwise: u64| {
        let after = arguments
            .iter()
            .skip_while(|argument| *argument != word)
            .nth(1);
        after.map_or(otherwise, |text| text.parse().expect("a number follows"))
    };
    let (seconds, from) = (number("--seconds", 60), number("--from", 0));
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !targets::ALL.iter().any(|target| wanted(target.name));
    // One line per finding, from here.
    std::panic::set_hook(Box::new(|_| {}));
    let mut broken = false;
    for target in targets::ALL {
        if !all && !wanted(target.name) {
            continue;
        }
        let fuzzed = fuzz(&target, from, Duration::from_secs(seconds));
        match fuzzed.broken {
            None => println!(
                "{}: {} inputs, {} of them taken for good ones; none broke it",
                target.name, fuzzed.inputs, fuzzed.good
            ),
            Some((number, input, what)) => {
                broken = true;
                println!(
                    "{}: input {number} broke it: {what}\n  repeat it with: cargo run --release -p tbengine-fuzz -- {} --from {number} --seconds 0\n  it begins: {}",
                    target.name,
                    target.name,
                    String::from_utf8_lossy(&input[..input.len().min(400)]).escape_debug()
                );
            }
        }
    }
    if broken {
        std::process::exit(1);
    }
}
