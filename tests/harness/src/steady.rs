//! Text without what differs from run to run.

use regex::Regex;

/// What differs from run to run, taken out.
///
/// # Panics
/// Never: the patterns are right.
pub fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, name) in [
        (r"\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d", "[stamp]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[run]",
        ),
        (r"took \d+\.\d s", "took [duration]"),
        (
            r"created \d+s ago, less than",
            "created [age] ago, less than",
        ),
        (r#"took-ms": \d+"#, r#"took-ms": "[ms]""#),
        (r#""digest": "[0-9a-f]{64}""#, r#""digest": "[digest]""#),
        (
            r#""configuration": "[0-9a-f]{64}""#,
            r#""configuration": "[configuration]""#,
        ),
    ] {
        let pattern = Regex::new(pattern).expect("the pattern is right");
        text = pattern.replace_all(&text, name).into_owned();
    }
    text
}
