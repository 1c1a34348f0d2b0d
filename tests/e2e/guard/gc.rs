//! Units that finish while the command runs.

use tbengine_harness::eventually;

use super::{on_docker, start};

/// A container of a compose project, made under the guard's lease.
fn member(project: &str, service: &str, name: &str, command: &str) -> String {
    format!(
        "docker run -d --label com.docker.compose.project={project} \
         --label com.docker.compose.service={service} --label com.docker.compose.container-number=1 --name {name} --network {project} busybox {command} >/dev/null"
    )
}

fn network(project: &str) -> String {
    format!(
        "docker network create --label com.docker.compose.project={project} {project} >/dev/null"
    )
}

#[test]
fn a_finished_unit_goes_early_with_its_network_and_the_others_stay() {
    let (daemon, home) = on_docker();
    daemon.run_sleeper(&["--name", "before"]);
    let script = [
        network("ended__aaaaaaa__env"),
        member("ended__aaaaaaa__env", "main", "ended-main", "true"),
        member("ended__aaaaaaa__env", "db", "ended-db", "sleep 100000"),
        network("busy__bbbbbbb__env"),
        member("busy__bbbbbbb__env", "main", "busy-main", "sleep 100000"),
        member("busy__bbbbbbb__env", "init", "busy-init", "true"),
        "mkdir -p jobs/Told__Ccccccc && echo {} > jobs/Told__Ccccccc/config.json".into(),
        network("told__ccccccc__env"),
        member(
            "told__ccccccc__env",
            "client",
            "told-client",
            "sleep 100000",
        ),
        "touch ready; while [ ! -e over ]; do sleep 0.1; done".into(),
        "echo {} > jobs/Told__Ccccccc/result.json; sleep 1000".into(),
    ]
    .join("; ");
    let guarded = start(
        &home,
        &[
            "--gc-interval",
            "300ms",
            "--gc-after",
            "0s",
            "--job-dir",
            "jobs",
        ],
        &script,
    );
    eventually("the first is gone", || {
        daemon.containers() == ["before", "busy-init", "busy-main", "told-client"]
    });
    let networks = || {
        daemon.names(&[
            "network",
            "ls",
            "--format",
            "{{.Name}}",
            "--filter",
            "label=com.docker.compose.project",
        ])
    };
    eventually("its network is gone", || {
        networks() == ["busy__bbbbbbb__env", "told__ccccccc__env"]
    });
    std::fs::write(home.path("over"), "").unwrap();
    eventually("the second is gone", || {
        daemon.containers() == ["before", "busy-init", "busy-main"]
    });
    eventually("its network is gone", || {
        networks() == ["busy__bbbbbbb__env"]
    });
    guarded.signal(rustix::process::Signal::TERM);
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 143, "{text}");
    assert_eq!(daemon.containers(), ["before"]);
}

#[test]
fn images_stay_for_the_siblings_that_start_from_them() {
    let (daemon, home) = on_docker();
    let image =
        "docker commit --change 'LABEL com.docker.compose.project=one' seed shared >/dev/null";
    let script = [
        "docker create --name seed busybox true >/dev/null".to_owned(),
        image.into(),
        "docker rm seed >/dev/null".into(),
        network("one"),
        member("one", "main", "first", "true"),
        "touch ready; while [ ! -e over ]; do sleep 0.1; done; docker run --rm --network none shared true && echo started".into(),
    ]
    .join("; ");
    let guarded = start(
        &home,
        &["--gc-interval", "300ms", "--gc-after", "0s"],
        &script,
    );
    eventually("the unit is gone", || daemon.containers().is_empty());
    assert_eq!(daemon.names(&["images", "-q", "shared"]).len(), 1);
    std::fs::write(home.path("over"), "").unwrap();
    let (code, text) = guarded.end().code_and_output();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("started"), "{text}");
    assert_eq!(
        daemon.names(&["images", "-q", "shared"]).len(),
        0,
        "at the end it goes with the rest"
    );
}
