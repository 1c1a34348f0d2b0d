//! Units that are over while the command runs.

use crate::guard::host::{Host, wait_until};

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
fn a_unit_that_is_over_goes_early_with_its_network_and_the_others_stay() {
    let host = Host::new();
    host.daemon.run_sleeper(&["--name", "before"]);
    let script = [
        network("ended__aaaaaaa__env"),
        member("ended__aaaaaaa__env", "main", "ended-main", "true"),
        member("ended__aaaaaaa__env", "db", "ended-db", "sleep 100000"),
        network("busy__bbbbbbb__env"),
        member("busy__bbbbbbb__env", "main", "busy-main", "sleep 100000"),
        member("busy__bbbbbbb__env", "init", "busy-init", "true"),
        "mkdir -p jobs/Told__Ccccccc && echo {} > jobs/Told__Ccccccc/config.json".into(),
        network("told__ccccccc__env"),
        member("told__ccccccc__env", "main", "told-main", "sleep 100000"),
        "touch ready; while [ ! -e over ]; do sleep 0.1; done".into(),
        "echo {} > jobs/Told__Ccccccc/result.json; sleep 1000".into(),
    ]
    .join("; ");
    let guarded = host.start(
        &[
            "--tidy-every",
            "300ms",
            "--tidy-after",
            "0s",
            "--job-dir",
            "jobs",
        ],
        &script,
    );
    wait_until("the first is gone", || {
        host.containers() == ["before", "busy-init", "busy-main", "told-main"]
    });
    let networks = || {
        host.names(&[
            "network",
            "ls",
            "--format",
            "{{.Name}}",
            "--filter",
            "label=com.docker.compose.project",
        ])
    };
    wait_until("its network is gone", || {
        networks() == ["busy__bbbbbbb__env", "told__ccccccc__env"]
    });
    std::fs::write(host.home.path().join("over"), "").unwrap();
    wait_until("the second is gone", || {
        host.containers() == ["before", "busy-init", "busy-main"]
    });
    wait_until("its network is gone", || {
        networks() == ["busy__bbbbbbb__env"]
    });
    guarded.signal(rustix::process::Signal::TERM);
    let (code, text) = guarded.end();
    assert_eq!(code, Some(143), "{text}");
    assert_eq!(host.containers(), ["before"]);
}

#[test]
fn images_stay_for_the_siblings_that_start_from_them() {
    let host = Host::new();
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
    let guarded = host.start(&["--tidy-every", "300ms", "--tidy-after", "0s"], &script);
    wait_until("the unit is gone", || host.containers().is_empty());
    assert_eq!(host.names(&["images", "-q", "shared"]).len(), 1);
    std::fs::write(host.home.path().join("over"), "").unwrap();
    let (code, text) = guarded.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("started"), "{text}");
    assert_eq!(
        host.names(&["images", "-q", "shared"]).len(),
        0,
        "at the end it goes with the rest"
    );
}
