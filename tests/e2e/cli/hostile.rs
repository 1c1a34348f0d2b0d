//! Names that try to deceive who reads them.

use crate::home;

/// Whether a character could make a reader see something else than the text itself.
fn is_forbidden(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

#[test]
fn nothing_hostile_comes_out_in_any_format() {
    let host = home().memory("");
    // The simulated host has a container whose name clears the screen and fakes a row.
    for command in [
        &["list"][..],
        &["plan"],
        &["run", "-vv"],
        &["run", "--dry-run"],
        &["explain", "6a18c3dd9ca2"],
    ] {
        for format in ["table", "json", "jsonl", "csv"] {
            let ended = host.run(&[command, &["-O", format]].concat()).with_code(0);
            for text in [&ended.stdout, &ended.stderr] {
                assert!(
                    !text.contains(is_forbidden),
                    "{command:?} {format}: {text:?}"
                );
            }
            assert!(ended.stdout.contains("owned"), "{command:?} {format}");
        }
    }
}

#[test]
fn a_fake_row_is_no_row() {
    let host = home().memory("");
    let resources = host.run(&["list", "-O", "json"]).json()["resources"]
        .as_array()
        .unwrap()
        .len();
    for format in ["csv", "table"] {
        let rows = host.run(&["list", "-O", format]).stdout.lines().count();
        assert_eq!(rows, resources + 1, "{format}");
    }
}

#[test]
fn json_says_what_the_provider_said() {
    let json = home().memory("").run(&["list", "-O", "json"]).json();
    let names: Vec<_> = json["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"web\u{1b}[2J\u{1b}]0;owned\u{7}\nfake-row\u{202e}gnp"),
        "{names:?}"
    );
}

#[test]
fn a_saved_plan_is_safe_to_look_at() {
    let host = home().memory("");
    host.run(&["plan", "--save", "plan.json"]).with_code(0);
    assert!(!host.read("plan.json").contains(is_forbidden));
}

#[test]
fn a_name_on_the_command_line_is_shown_safely() {
    let ended = home()
        .memory("")
        .run(&["explain", "x\u{1b}[2J\u{202e}"])
        .with_code(2);
    assert!(!ended.stderr.contains(is_forbidden), "{:?}", ended.stderr);
}

#[test]
fn labels_of_a_megabyte_that_deceive_come_out_safely_everywhere() {
    let host = home().memory("resources = 8\nhostile-label = 1000000\n");
    let id = host.run(&["list", "-O", "json"]).json()["resources"][0]["identity"]["native"]
        .as_str()
        .unwrap()
        .to_owned();
    for command in [
        &["list"][..],
        &["plan"],
        &["run", "--dry-run"],
        &["explain", &id],
        &["run", "-vv"],
    ] {
        for format in ["table", "json", "jsonl", "csv"] {
            let ended = host.run(&[command, &["-O", format]].concat()).with_code(0);
            for text in [&ended.stdout, &ended.stderr] {
                let found = text.chars().find(|c| is_forbidden(*c));
                assert_eq!(found, None, "{command:?} {format}");
            }
        }
    }
    host.run(&["plan", "--save", "plan.json"]).with_code(0);
    assert!(!host.read("plan.json").contains(is_forbidden));
}
