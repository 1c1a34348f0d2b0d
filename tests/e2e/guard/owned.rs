//! Whose resources are whose.

use std::process::Stdio;

use crate::guard::host::{Host, making, wait_until};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn ten_guards_at_once_never_touch_each_other() {
    let host = Host::new();
    host.daemon.run_sleeper(&["--name", "before"]);
    let script = |number: usize| {
        let names: Vec<String> = (0..3).map(|part| format!("g{number}-{part}")).collect();
        let make: Vec<String> = names.iter().map(|name| making(name)).collect();
        // The later ones still run while the first ones are swept.
        format!(
            "{}; sleep 0.{number}; docker inspect {} >/dev/null && echo whole",
            make.join("; "),
            names.join(" ")
        )
    };
    let guards: Vec<_> = (0..10)
        .map(|number| {
            let arguments = ["guard", "--second-look", "200ms", "--", "sh", "-c"];
            let script = script(number);
            let mut command = host.command(&[&arguments[..], &[&script]].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for guard in guards {
        let output = guard.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "whole\n",
            "{output:?}"
        );
        assert!(stderr(&output).contains("3 deleted"), "{output:?}");
    }
    assert_eq!(host.containers(), ["before"]);
    assert_eq!(host.standings(), ["ended"; 10]);
}

#[test]
fn what_nothing_proves_is_reported_and_stays_unless_the_operator_says_otherwise() {
    let host = Host::new();
    // The daemon is reached past the labels, as a container with the socket in it would.
    let past = format!(
        "docker -H {} run -d --name stray busybox sleep 100000 >/dev/null",
        host.daemon.host()
    );
    let kept = host.guard(&[], &past);
    assert_eq!(kept.status.code(), Some(0), "{kept:?}");
    assert!(stderr(&kept).contains("nothing proves by whom"), "{kept:?}");
    assert!(stderr(&kept).contains("container stray"), "{kept:?}");
    assert_eq!(host.containers(), ["stray"]);

    // Clocks of others count as a second apart, so the first lease must be over for that long.
    let second = format!("sleep 2; {}", past.replace("stray", "second"));
    let owned = host.guard(&["--own", "created-during-run"], &second);
    assert_eq!(owned.status.code(), Some(0), "{owned:?}");
    assert_eq!(host.containers(), ["stray"], "what was there before stays");
}

#[test]
fn created_during_the_run_proves_nothing_while_another_lease_is_live() {
    let host = Host::new();
    let other = host.start(&[], "touch ready; sleep 1000");
    let past = format!(
        "docker -H {} run -d --name stray busybox sleep 100000 >/dev/null",
        host.daemon.host()
    );
    let output = host.guard(&["--own", "created-during-run"], &past);
    assert!(
        stderr(&output).contains("nothing proves by whom"),
        "{output:?}"
    );
    assert_eq!(host.containers(), ["stray"]);
    other.signal(rustix::process::Signal::TERM);
    other.end();
}

#[test]
fn trials_of_a_job_directory_name_their_units() {
    let host = Host::new();
    let compose = |project: &str, name: &str| {
        format!(
            "docker -H {} run -d --label com.docker.compose.project={project} --label com.docker.compose.service=main --label com.docker.compose.container-number=1 --name {name} busybox sleep 100000 >/dev/null",
            host.daemon.host()
        )
    };
    let trial = "mkdir -p jobs/now/Hello__DqmfGz2 && echo {} > jobs/now/Hello__DqmfGz2/config.json";
    let script = [
        trial,
        &compose("hello__dqmfgz2__env", "ours"),
        &compose("hello__abcdefg__env", "of-another-job"),
    ]
    .join("; ");
    let output = host.guard(&["--job-dir", "jobs/now"], &script);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(host.containers(), ["of-another-job"]);
    assert!(
        stderr(&output).contains("nothing proves by whom"),
        "{output:?}"
    );
}

#[test]
fn a_protected_resource_stays_and_is_told() {
    let host = Host::new();
    let script = making("kept").replace("--name", "--label tbengine.protect=true --name");
    let output = host.guard(&[], &script);
    assert!(stderr(&output).contains("protected-label"), "{output:?}");
    assert_eq!(host.containers(), ["kept"]);
}

#[test]
fn a_guard_under_a_guard_looks_after_its_own() {
    let host = Host::new();
    let program = env!("CARGO_BIN_EXE_tbengine");
    let inner = format!("{}; touch inner-ready; sleep 1000", making("inner")).replace('$', "\\$");
    let script = format!(
        "{program} guard --second-look 100ms -- sh -c \"{inner}\" & {}; while [ ! -e inner-ready ]; do sleep 0.1; done; exit 0",
        making("outer")
    );
    let output = host.guard(&[], &script);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    wait_until("both have cleaned up", || host.containers().is_empty());
    wait_until("both have ended", || host.standings() == ["ended"; 2]);
}

#[test]
fn everything_that_goes_through_docker_host_is_labelled() {
    let host = Host::new();
    host.daemon.create_volume("shared", &[]);
    let script = [
        "docker network create net >/dev/null",
        "docker volume create vol >/dev/null",
        "docker run -d --name one --network net --volume named:/n --volume shared:/s --volume /anonymous busybox sleep 100000 >/dev/null",
        "docker exec one true",
        "docker run --rm busybox echo through",
        "docker rm -f one >/dev/null",
        "docker commit $(docker create busybox true) made >/dev/null",
        "docker ps -a --filter label=tbengine.run-id=$TBENGINE_RUN_ID -q | wc -l",
    ];
    let output = host.guard(&[], &script.join(" && "));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "through\n1\n",
        "{output:?}"
    );
    assert!(!stderr(&output).contains("nothing proves"), "{output:?}");
    assert_eq!(host.containers(), Vec::<String>::new());
    // What was there before stays, though the command used it.
    assert_eq!(host.names(&["volume", "ls", "-q"]), ["shared"]);
    assert_eq!(
        host.names(&["images", "--format", "{{.Repository}}"]),
        ["busybox"]
    );
    let networks = host.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains(&"net".into()), "{networks:?}");
}

#[test]
fn without_labels_of_our_own_the_command_reaches_the_daemon_itself() {
    let host = Host::new();
    let output = host.guard(&["--no-docker-labels"], "echo $DOCKER_HOST");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        host.daemon.host()
    );
    let label = "docker run -d --label tbengine.run-id=$TBENGINE_RUN_ID --name ours busybox sleep 100000 >/dev/null";
    let output = host.guard(&["--no-docker-labels"], label);
    assert!(stderr(&output).contains("1 deleted"), "{output:?}");
    assert_eq!(host.containers(), Vec::<String>::new());
}
