//! `tbengine doctor` where the environment alone says which backend there is.

use super::World;

#[test]
fn what_the_environment_configures_is_looked_at() {
    let world = World::new();
    let ended = world.bare(&["doctor"]).with_code(0);
    assert!(
        ended.stdout.contains("ok    backend daytona: Daytona at"),
        "{}",
        ended.stdout
    );
    // Whether there is a Docker is no matter then; where it is configured, it is.
    let docker = ("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let key = ("DAYTONA_API_KEY", &*world.key);
    let ended = world.home.run_with(&["doctor"], &[docker, key]);
    let ended = ended.with_code(6);
    assert!(
        ended.stdout.contains("ok    backend daytona"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_backend_can_be_named() {
    let world = World::new();
    let ended = world.tbengine(&["doctor"]).with_code(0);
    assert!(
        ended.stdout.contains("ok    backend daytona"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains("backend docker"), "{}", ended.stdout);
    let mut world = world;
    world.key = "dtn_unknown".into();
    let ended = world.tbengine(&["doctor"]).with_code(6);
    assert!(
        ended.stdout.contains("error backend daytona"),
        "{}",
        ended.stdout
    );
}
