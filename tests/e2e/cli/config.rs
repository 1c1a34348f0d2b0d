//! The configuration file, variables and flags.

use tbengine_harness::Home;

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
fn the_file_of_the_directory_comes_before_the_users() {
    let host = home().memory("");
    host.write("tbengine.toml", "[safeguards]\nmin-age = \"9m\"");
    assert_eq!(setting(&host, &[], &[], "safeguards.min-age").0, "9m");
    let named = host.write("named.toml", "[safeguards]\nmin-age = \"8m\"");
    let named = named.to_str().unwrap();
    assert_eq!(
        setting(
            &host,
            &[],
            &[("TBENGINE_CONFIG", named)],
            "safeguards.min-age"
        )
        .0,
        "8m"
    );
}

#[test]
fn endpoints_come_only_from_files_that_the_user_owns() {
    use std::os::unix::fs::PermissionsExt;
    let docker = "[backends.d]\nkind = \"docker\"\nhost = \"unix:///nonexistent\"\n";
    let host = home().memory("");
    host.write("tbengine.toml", docker);
    host.run(&["list"])
        .with_code(2)
        .says("tbengine.toml:3: `host` decides where credentials are sent")
        .says("hint: ");
    std::fs::remove_file(host.path("tbengine.toml")).unwrap();
    let user = host.write(".config/tbengine/tbengine.toml", docker);
    let mode =
        |mode| std::fs::set_permissions(&user, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o666);
    host.run(&["list"])
        .with_code(2)
        .says("others may write to this file")
        .says("chmod go-w");
    mode(0o600);
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
        .says("may not switch the minimum age off");
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
