//! The configuration file, variables and flags.

use tbengine_harness::{Ended, Home};

use crate::home;

/// Where a setting came from and what it is.
fn setting(host: &Home, args: &[&str], variables: &[(&str, &str)], key: &str) -> (String, String) {
    let args = [&["config", "show", "-O", "json"], args].concat();
    let json = host.run_with(&args, variables).with_code(0).json();
    let row = json
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == key)
        .unwrap();
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    let source = text("source");
    (text("value"), source.split(' ').next().unwrap().to_owned())
}

#[test]
fn a_flag_beats_a_variable_beats_the_file() {
    let host = home().memory("");
    let key = "safeguards.min-age";
    let is = |args: &[&str], variables: &[(&str, &str)], value: &str, source: &str| {
        assert_eq!(
            setting(&host, args, variables, key),
            (value.into(), source.into())
        );
    };
    is(&[], &[], "1m", "default");
    host.configure("[safeguards]\nmin-age = \"2m\"");
    is(&[], &[], "2m", "file");
    is(&[], &[("TBENGINE_MIN_AGE", "3m")], "3m", "variable");
    is(
        &["--min-age", "4m"],
        &[("TBENGINE_MIN_AGE", "3m")],
        "4m",
        "flag",
    );
}

#[test]
fn variables_stand_for_flags() {
    let host = home().memory("");
    host.run_with(&["plan"], &[("TBENGINE_MAX_DELETE", "1")])
        .with_code(3);
    host.run_with(&["plan"], &[("TBENGINE_EXIT_CODE", "yes")])
        .with_code(7);
    host.run_with(
        &["plan"],
        &[("TBENGINE_SET", "dead-older-than=90d;running-older-than=90d")],
    )
    .with_code(0);
    let json = host
        .run_with(
            &["list"],
            &[("TBENGINE_OUTPUT", "json"), ("TBENGINE_KIND", "volume")],
        )
        .json();
    assert!(
        json["resources"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["identity"]["kind"] == "volume")
    );
}

#[test]
fn a_mistyped_variable_is_reported() {
    home()
        .memory("")
        .run_with(&["plan"], &[("TBENGINE_MAX_DELET", "1")])
        .with_code(0)
        .says("warning: unknown variable TBENGINE_MAX_DELET; did you mean TBENGINE_MAX_DELETE?");
}

#[test]
fn unknown_keys_name_the_line_and_what_was_meant() {
    let host = home().memory("[safeguards]\nmin-ag = \"5m\"");
    host.run(&["list"])
        .with_code(2)
        .says("tbengine.toml:5: unknown key `min-ag`")
        .says("hint: did you mean `min-age`?");
    host.configure("sede = 1");
    host.run(&["list"])
        .with_code(2)
        .says("tbengine.toml:4: unknown key `sede`")
        .says("hint: did you mean `seed`?");
    host.configure("[backends.other]\nkind = \"memroy\"");
    host.run(&["list"])
        .with_code(2)
        .says("tbengine.toml:5:")
        .says("did you mean `memory`?");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let host = home().memory("");
    host.run(&["list", "--config", "gone.toml"])
        .with_code(2)
        .says("failed to read gone.toml");
    host.run_with(&["list"], &[("TBENGINE_CONFIG", ".")])
        .with_code(2)
        .says("failed to read .");
    host.write("broken.toml", "[safeguards\n");
    host.run(&["list", "--config", "broken.toml"])
        .with_code(2)
        .says("broken.toml:1:");
}

#[test]
fn the_file_of_the_directory_lies_on_top_of_the_users() {
    let host = home().memory("[safeguards]\nmin-age = \"7m\"\nmax-plan-age = \"20m\"");
    let min_age = "safeguards.min-age";
    let max_plan_age = "safeguards.max-plan-age";
    assert_eq!(setting(&host, &[], &[], min_age).0, "7m");
    host.write("tbengine.toml", "[safeguards]\nmin-age = \"9m\"");
    assert_eq!(setting(&host, &[], &[], min_age).0, "9m");
    // What it does not say is as the user has it.
    assert_eq!(setting(&host, &[], &[], max_plan_age).0, "20m");
    assert_eq!(setting(&host, &[], &[], "backends.memory.kind").0, "memory");
    let named = host.write("named.toml", "[safeguards]\nmin-age = \"8m\"");
    let named = named.to_str().unwrap();
    let variables = [("TBENGINE_CONFIG", named)];
    assert_eq!(setting(&host, &[], &variables, min_age).0, "8m");
    // A file that was named stands alone.
    assert_eq!(setting(&host, &[], &variables, max_plan_age).0, "1h");
    // In the directory of the user's own file there is no project.
    let mut there = host.command(&["list"]);
    there.current_dir(host.path(".config/tbengine"));
    host.configure("[safeguards]\nmin-age = \"0s\"");
    Ended::from(there.output().unwrap()).with_code(0);
}

/// A policy that proposes nothing is not what `aggressive` means, and neither is any other file.
#[test]
fn a_strangers_checkout_can_only_narrow() {
    let host = home().memory("");
    host.run(&["policy", "export", "aggressive", "--file", "evil.wasm"])
        .with_code(0);
    let where_it_may =
        "hint: put it into ~/.config/tbengine/tbengine.toml, or pass the file with --config";
    for (text, says) in [
        (
            "[policies.default]\npath = \"evil.wasm\"",
            "tbengine.toml:1: `default` is the name of a built-in policy",
        ),
        (
            "policy = \"evil\"\n[policies.evil]\npath = \"evil.wasm\"",
            "tbengine.toml:3: policy `evil` is a file without `sha256`",
        ),
        (
            "policy = \"./evil.wasm\"",
            "tbengine.toml:1: `./evil.wasm` may delete more than your own choice",
        ),
        (
            "[safeguards]\nmin-age = \"1ns\"",
            "tbengine.toml:2: `min-age` would lower the minimum age",
        ),
        (
            "[safeguards]\nmax-unknown-running = 1000",
            "tbengine.toml:2: `max-unknown-running` would allow more",
        ),
        (
            "[state]\ndir = \"elsewhere\"",
            "tbengine.toml:2: `dir` would move",
        ),
        (
            "[backends.docker]\nkind = \"memory\"",
            "tbengine.toml:2: `docker` is the name of a built-in backend",
        ),
        (
            "[backends.memory]\nkind = \"memory\"\nseed = 7",
            "tbengine.toml:1: your own file configures backend `memory`",
        ),
    ] {
        host.write("tbengine.toml", text);
        let ended = host
            .run(&["plan"])
            .with_code(2)
            .says(says)
            .says(where_it_may);
        assert_eq!(ended.stdout, "", "{text}");
    }
    // It may narrow.
    host.write("tbengine.toml", "[safeguards]\nmax-delete = 1");
    host.run(&["plan"]).with_code(3);
}

#[test]
fn files_that_others_can_write_are_refused_as_a_whole() {
    use std::os::unix::fs::PermissionsExt;
    let host = home().memory("policy = \"aggressive\"");
    let own = host.path(".config/tbengine/tbengine.toml");
    let project = host.write("tbengine.toml", "policy = \"default\"");
    for file in [own, project] {
        let mode =
            |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o666);
        let ended = host
            .run(&["config", "show"])
            .with_code(2)
            .says("others may write to this file (mode 666), so nothing in it counts")
            .says("chmod go-w");
        assert_eq!(ended.stdout, "");
        mode(0o600);
        host.run(&["config", "show"]).with_code(0);
    }
}

#[test]
fn endpoints_come_only_from_files_that_the_user_owns() {
    let docker = "[backends.d]\nkind = \"docker\"\nhost = \"unix:///nonexistent\"\n";
    let host = home().memory("");
    host.write("tbengine.toml", docker);
    host.run(&["list"])
        .with_code(2)
        .says("tbengine.toml:3: `host` decides where credentials are sent")
        .says("hint: ");
    std::fs::remove_file(host.path("tbengine.toml")).unwrap();
    host.write(".config/tbengine/tbengine.toml", docker);
    host.run(&["list"]).with_code(6);
}

#[test]
fn the_least_age_is_zero_only_where_the_operator_says_so() {
    let host = home().memory("");
    host.run(&["plan", "--min-age", "0s"]).with_code(0);
    host.run(&["plan", "--min-age", "-5m"])
        .with_code(2)
        .says("negative");
    host.run(&["plan", "--min-age", ""]).with_code(2);
    host.write("tbengine.toml", "[safeguards]\nmin-age = \"0s\"");
    host.run(&["plan"])
        .with_code(2)
        .says("would lower the minimum age");
}

#[test]
fn the_schema_is_json() {
    let json = home()
        .memory("")
        .run(&["config", "schema"])
        .with_code(0)
        .json();
    assert!(json["properties"]["backends"].is_object());
}
