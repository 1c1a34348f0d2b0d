//! Wrong command lines, help, completions.

use crate::home;

#[test]
fn wrong_command_lines_end_with_2() {
    let host = home().memory("");
    for args in [
        &["lsit"][..],
        &["run", "--forse"],
        &["list", "--kind", "pod"],
        &["list", "--state", "gone"],
        &["list", "--label", "=x"],
        &["list", "--label", ""],
        &["list", "--backend", ""],
        &["list", "--older-than", "soon"],
        &["list", "--older-than", "-1h"],
        &["list", "--output", "xml"],
        &["plan", "--set", "novalue"],
        &["plan", "--set", "a="],
        &["plan", "--max-delete", "120%"],
        &["plan", "--max-delete", "-1"],
        &["run", "--concurrency", "0"],
        &["run", "--retries", "-1"],
        &["run", "--retry-factor", "0.5"],
        &["run", "--retry-delay", "-1s"],
        &["run", "--stop-timeout", ""],
        &["plan", "--yes"],
        &["list", "-q", "-v"],
    ] {
        let ended = host.run(args).with_code(2);
        assert!(
            ended.stderr.starts_with("error: "),
            "{args:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn an_unknown_backend_is_an_error_with_a_suggestion() {
    home()
        .memory("")
        .run(&["list", "--backend", "dokcer"])
        .with_code(2)
        .says("no backend named `dokcer`")
        .says("hint: did you mean `docker`?");
}

#[test]
fn help_has_examples() {
    let host = home().memory("");
    for command in ["list", "plan", "run", "explain"] {
        let ended = host.run(&[command, "--help"]).with_code(0);
        assert!(ended.stdout.contains("Examples:"), "{command}");
    }
    assert!(
        host.run(&["--help"])
            .with_code(0)
            .stdout
            .contains("Exit codes:")
    );
}

#[test]
fn completions_are_there_for_every_shell_and_need_no_configuration() {
    let host = home().memory("nonsense =");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = host.run(&["completions", shell]).with_code(0).stdout;
        assert!(script.contains("older-than"), "{shell}");
    }
}

#[test]
fn quiet_leaves_only_errors() {
    let host = home().memory("");
    assert_eq!(host.run(&["list", "-q"]).with_code(0).stderr, "");
    assert!(
        host.run(&["list"])
            .with_code(0)
            .stderr
            .contains("40 resources")
    );
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let host = home().memory("");
    let has_color = |args: &[&str]| host.run(args).stdout.contains('\u{1b}');
    assert!(!has_color(&["plan"]));
    assert!(has_color(&["plan", "--color", "always"]));
    assert!(!has_color(&["plan", "--color", "never"]));
}
