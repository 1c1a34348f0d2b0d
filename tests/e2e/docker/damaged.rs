//! Containers that the daemon itself cannot read.

use std::fs;

use tbengine_dockerd::Dockerd;

use crate::on_docker;

const RUN: [&str; 6] = ["run", "--policy", "aggressive", "--min-age", "0s", "--yes"];

/// Removes the layer of a container, as a full disk or an unclean shutdown leaves it. The daemon cannot inspect it any
/// more, and still lists and deletes it.
fn damage(daemon: &Dockerd, id: &str) {
    let root = daemon.data_root();
    let driver = daemon.docker(&["info", "--format", "{{.Driver}}"]);
    let mount = root
        .join("image")
        .join(&driver)
        .join("layerdb/mounts")
        .join(id)
        .join("mount-id");
    let mount = fs::read_to_string(mount).expect("the container has a layer");
    let layers = match driver.as_str() {
        "vfs" => root.join("vfs/dir"),
        driver => root.join(driver),
    };
    fs::remove_dir_all(layers.join(mount.trim())).expect("its layer is where it says");
    let inspected = daemon.try_docker(&["inspect", id]);
    assert!(
        inspected.is_err(),
        "the daemon still reads it: {inspected:?}"
    );
}

#[test]
fn one_container_without_its_layer_costs_itself_only() {
    let (daemon, home) = on_docker();
    for name in ["one", "two"] {
        daemon.run_to_end(&["--name", name], 0);
    }
    let id = daemon.run_to_end(&["--name", "damaged"], 0);
    damage(&daemon, &id);
    let (ran, code) = home.json(&RUN);
    // What nobody claims stays, and that is said.
    assert_eq!(daemon.containers(), ["damaged"], "{ran:#}");
    assert_eq!(code, 6, "{ran:#}");
    assert!(ran["failures"].to_string().contains(&id), "{ran:#}");
}

#[test]
fn a_damaged_container_goes_where_it_is_claimed() {
    let (daemon, home) = on_docker();
    let label = ["--label", "team=evals"];
    let id = daemon.run_to_end(&[&label[..], &["--name", "damaged"]].concat(), 0);
    damage(&daemon, &id);
    let (ran, code) = home.json(&[&RUN[..], &label].concat());
    assert_eq!(code, 0, "{ran:#}");
    assert_eq!(daemon.containers(), Vec::<String>::new(), "{ran:#}");
}

#[test]
fn a_guard_begins_and_ends_beside_a_damaged_container() {
    let (daemon, home) = on_docker();
    let id = daemon.run_to_end(&["--name", "damaged"], 0);
    damage(&daemon, &id);
    home.run(&["guard", "--", "true"]).with_code(0);
    assert_eq!(daemon.containers(), ["damaged"]);
}
