//! `tbengine list`.

use tbengine_harness::steady;

use crate::home;

#[test]
fn the_table_has_the_promised_columns() {
    let ended = home()
        .memory("")
        .run(&["list", "--kind", "container,volume"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
}

#[test]
fn json_has_the_whole_resource_with_its_full_id() {
    let ended = home()
        .memory("")
        .run(&["list", "--label", "tbengine.protect", "--output", "json"])
        .with_code(0);
    insta::assert_snapshot!(steady(&ended.stdout));
}

#[test]
fn the_scope_narrows() {
    let host = home().memory("");
    let number = |args: &[&str]| {
        let args = [&["list", "--output", "json"], args].concat();
        let ended = host.run(&args).with_code(0);
        ended.json()["resources"].as_array().unwrap().len()
    };
    let all = number(&[]);
    assert_eq!(all, 40);
    let containers = number(&["--kind", "container"]);
    let exited = number(&["--kind", "container", "--state", "exited"]);
    let old = number(&[
        "--kind",
        "container",
        "--state",
        "exited",
        "--older-than",
        "2d",
    ]);
    assert!(0 < old && old < exited && exited < containers && containers < all);
    assert_eq!(number(&["--label", "no.such=label"]), 0);
    assert_eq!(number(&["--backend", "memory", "--backend", "memory"]), all);
}

#[test]
fn every_format_lists_the_same() {
    let host = home().memory("");
    let json = host.run(&["list", "-O", "json"]).json();
    let ids: Vec<_> = json["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    let lines = host.run(&["list", "-O", "jsonl"]).lines();
    assert!(
        lines
            .iter()
            .map(|one| one["id"].as_str().unwrap())
            .eq(ids.iter().copied())
    );
    let csv = host.run(&["list", "-O", "csv"]).stdout;
    assert!(csv.starts_with(
        "id,backend,kind,name,state,exit-code,created,finished,owner,unit,disk-bytes\n"
    ));
    let from_csv: Vec<_> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(from_csv, ids);
}

#[test]
fn memory_is_never_picked_by_itself() {
    let host = home().memory("");
    host.write(".config/tbengine/tbengine.toml", "");
    // Docker is the default; here nothing answers.
    let docker = ("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    host.run_with(&["list"], &[docker])
        .with_code(6)
        .says("error: backend `docker` could not be listed")
        .says("hint: ");
    let named = host.run(&["list", "--backend", "memory"]).with_code(0);
    assert!(named.stdout.contains("postgres"));
}
