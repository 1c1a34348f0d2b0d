//! Files that are read, and are none.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::home;

#[test]
fn pipes_and_devices_are_refused_wherever_a_file_is_read() {
    let host = home().memory("");
    let pipe = host.path("pipe.json");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    std::fs::create_dir(host.path("tests")).unwrap();
    let recorded = host.path("tests/host.json");
    for place in [&*pipe, Path::new("/dev/zero")] {
        std::fs::remove_file(&recorded).ok();
        std::os::unix::fs::symlink(place, &recorded).unwrap();
        let place = place.to_str().unwrap();
        let in_directory = host.path("tbengine.toml");
        for (command, is_project) in [
            (&["list", "--config", place][..], false),
            (&["list"], true),
            (&["plan", "--policy", place], false),
            (&["policy", "inspect", place], false),
            (&["policy", "pack", place], false),
            (&["run", "--plan", place], false),
            (&["policy", "test", "default", "tests"], false),
            (
                &["policy", "diff", "default", "default", "--inventory", place],
                false,
            ),
            (&["plugin", "inspect", place], false),
        ] {
            if is_project {
                std::os::unix::fs::symlink(place, &in_directory).unwrap();
            }
            let mut running = host.start(command);
            assert!(running.ended().is_some(), "{command:?}");
            let ended = running.end().with_code(2);
            std::fs::remove_file(&in_directory).ok();
            assert!(
                ended.stderr.contains("not a regular file"),
                "{command:?}: {}",
                ended.stderr
            );
        }
    }
}

/// Compiled code runs as it lies in the cache, so what others can put there is not used.
#[test]
fn a_cache_of_others_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = home().memory("");
    let cache = host.path("cache");
    let own = cache.join("tbengine/wasm");
    let host = host.var("XDG_CACHE_HOME", &cache);
    let entries = || std::fs::read_dir(&own).map_or(0, Iterator::count);
    std::fs::create_dir_all(&own).unwrap();
    for shared in [&own, &cache] {
        let mode =
            |bits| std::fs::set_permissions(shared, std::fs::Permissions::from_mode(bits)).unwrap();
        mode(0o777);
        host.run(&["plan"]).with_code(0);
        assert_eq!(entries(), 0, "{}", shared.display());
        let doctor = host.run(&["doctor", "-O", "json"]).stdout;
        assert!(doctor.contains("can be written by others"), "{doctor}");
        mode(0o700);
    }
    if rustix::process::geteuid().is_root() {
        for others in [&own, &cache] {
            std::os::unix::fs::chown(others, Some(12345), None).unwrap();
            host.run(&["plan"]).with_code(0);
            assert_eq!(entries(), 0, "{}", others.display());
            std::os::unix::fs::chown(others, Some(0), None).unwrap();
        }
    }
    std::fs::remove_dir_all(&own).unwrap();
    std::os::unix::fs::symlink(host.path("elsewhere"), &own).unwrap();
    std::fs::create_dir(host.path("elsewhere")).unwrap();
    host.run(&["plan"]).with_code(0);
    assert_eq!(entries(), 0);
    std::fs::remove_file(&own).unwrap();
    host.run(&["plan"]).with_code(0);
    assert_ne!(entries(), 0);
}

#[test]
fn a_recording_that_anybody_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = home().memory("");
    std::fs::create_dir(host.path("tests")).unwrap();
    host.run(&["list", "--record", "tests/host.json"])
        .with_code(0);
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(host.path("tests/host.json"), mode).unwrap();
    let diff = ["policy", "diff", "default", "default", "--inventory"];
    for command in [
        &["policy", "test", "default", "tests", "--update"][..],
        &[&diff[..], &["tests/host.json"]].concat(),
    ] {
        host.run(command)
            .with_code(2)
            .says("others may write to this file (mode 666)");
    }
}

/// An interpreter is not what a plugin does: its script is.
#[test]
fn a_script_of_a_plugin_that_others_can_write_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = home().memory("");
    let script = host.write(
        "script.sh",
        &format!("touch {}\n", host.path("ran").display()),
    );
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    host.configure(&format!(
        "[plugins.mine]\nprogram = \"{}\"\nsha256 = \"any\"\nargs = [\"{}\"]",
        shell.display(),
        script.display()
    ));
    let mode =
        |bits| std::fs::set_permissions(&script, std::fs::Permissions::from_mode(bits)).unwrap();
    mode(0o666);
    host.run(&["plugin", "list"])
        .with_code(2)
        .says("others may write to")
        .says("script.sh");
    assert!(!host.path("ran").exists());
    mode(0o644);
    // It is no plugin, but it is run.
    host.run(&["plugin", "list"]).with_code(2);
    assert!(host.path("ran").exists());
}
