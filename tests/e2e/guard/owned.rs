//! Whose resources are whose.

use tbengine_harness::eventually;

use super::{guard, making, on_docker, start};

#[test]
fn ten_guards_at_once_never_touch_each_other() {
    let (daemon, home) = on_docker();
    daemon.run_sleeper(&["--name", "before"]);
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
            let arguments = ["guard", "--settle-time", "200ms", "--", "sh", "-c"];
            let script = script(number);
            home.start(&[&arguments[..], &[&script]].concat())
        })
        .collect();
    for guard in guards {
        let output = guard.end();
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(output.stdout, "whole\n", "{output:?}");
        assert!(output.stderr.contains("3 deleted"), "{output:?}");
    }
    assert_eq!(daemon.containers(), ["before"]);
    assert_eq!(home.statuses(), ["ended"; 10]);
}

#[test]
fn what_nothing_proves_is_reported_and_stays_unless_the_operator_says_otherwise() {
    let (daemon, home) = on_docker();
    // The daemon is reached past the labels, as a container with the socket in it would.
    let past = format!(
        "docker -H {} run -d --name stray busybox sleep 100000 >/dev/null",
        daemon.host()
    );
    let kept = guard(&home, &[], &past);
    assert_eq!(kept.code, 0, "{kept:?}");
    assert!(kept.stderr.contains("(owner unknown)"), "{kept:?}");
    assert!(kept.stderr.contains("container stray"), "{kept:?}");
    assert_eq!(daemon.containers(), ["stray"]);

    // Clocks of others count as a second apart, so the first lease must be over for that long.
    let second = format!("sleep 2; {}", past.replace("stray", "second"));
    let owned = guard(&home, &["--own", "created-during-run"], &second);
    assert_eq!(owned.code, 0, "{owned:?}");
    assert_eq!(
        daemon.containers(),
        ["stray"],
        "what was there before stays"
    );
}

#[test]
fn what_a_neighbour_makes_stays_with_its_data_though_only_the_run_uses_it() {
    let (daemon, home) = on_docker();
    // The neighbour comes after the baseline, and without labels.
    let script = [
        "touch ready; while [ ! -e made ]; do sleep 0.1; done",
        "docker run -d --name ours --network net --volume data:/data busybox sleep 100000 >/dev/null",
        "docker run -d --name ours-too imported:v1 sleep 100000 >/dev/null",
    ]
    .join("; ");
    let guarded = start(&home, &[], &script);
    daemon.create_volume("data", &[]);
    daemon.create_network("net", &[]);
    let keep = ["run", "--rm", "--volume", "data:/d", "busybox"];
    daemon.docker(&[&keep[..], &["sh", "-c", "echo precious >/d/file"]].concat());
    daemon.create_image("imported:v1");
    std::fs::write(home.path("made"), "").unwrap();
    let ended = guarded.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("2 deleted"), "{ended:?}");
    // Nothing says whose they are, so that is reported.
    for name in ["volume data", "network net", "image imported:v1"] {
        assert!(ended.stderr.contains(name), "{name}: {ended:?}");
    }
    let read = daemon.docker(&[&keep[..], &["cat", "/d/file"]].concat());
    assert_eq!(read, "precious");
    let networks = daemon.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(networks.contains(&"net".into()), "{networks:?}");
    assert_eq!(daemon.names(&["images", "-q", "imported:v1"]).len(), 1);
}

#[test]
fn what_a_neighbour_makes_under_a_name_that_the_run_has_left_stays() {
    let (daemon, home) = on_docker();
    let script = [
        "docker volume create shared >/dev/null && docker volume rm shared >/dev/null",
        "docker network create net >/dev/null && docker network rm net >/dev/null",
        "touch ready; while [ ! -e made ]; do sleep 0.1; done",
    ]
    .join("; ");
    let guarded = start(&home, &[], &script);
    // The daemon's clock knows whole seconds only.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    daemon.create_volume("shared", &[]);
    daemon.create_network("net", &[]);
    std::fs::write(home.path("made"), "").unwrap();
    let ended = guarded.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(daemon.names(&["volume", "ls", "-q"]), ["shared"]);
    let networks = daemon.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(networks.contains(&"net".into()), "{networks:?}");
}

#[test]
fn what_another_state_directory_knows_of_stays() {
    let (daemon, home) = on_docker();
    let script = [
        "docker volume create stage1 >/dev/null",
        "docker run --name ended busybox true >/dev/null",
        "touch ready; sleep 1000",
    ]
    .join("; ");
    let guarded = start(&home, &[], &script);
    let elsewhere = home.path("elsewhere");
    let elsewhere = [("XDG_STATE_HOME", elsewhere.to_str().unwrap())];
    let all = ["run", "--policy", "aggressive", "--min-age", "0s", "--yes"];
    let now = [
        "--set",
        "dead-older-than=0s",
        "--set",
        "running-older-than=0s",
    ];
    let strangers = home.run_with(&[&all[..], &now].concat(), &elsewhere);
    assert_eq!(strangers.code, 0, "{strangers:?}");
    assert!(
        strangers.stdout.contains("0 deleted") || !strangers.stdout.contains("deleted"),
        "{strangers:?}"
    );
    assert_eq!(daemon.names(&["volume", "ls", "-q"]), ["stage1"]);
    assert_eq!(daemon.containers(), ["ended"]);
    let bound = home.run_with(
        &[&all[..], &now, &["--unknown-lease-age", "1ms"]].concat(),
        &elsewhere,
    );
    assert_eq!(bound.code, 0, "{bound:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new(), "{bound:?}");
    guarded.signal(rustix::process::Signal::TERM);
    guarded.end();
}

#[test]
fn created_during_the_run_proves_nothing_while_another_lease_is_live() {
    let (daemon, home) = on_docker();
    let other = start(&home, &[], "touch ready; sleep 1000");
    let past = format!(
        "docker -H {} run -d --name stray busybox sleep 100000 >/dev/null",
        daemon.host()
    );
    let output = guard(&home, &["--own", "created-during-run"], &past);
    assert!(output.stderr.contains("(owner unknown)"), "{output:?}");
    assert_eq!(daemon.containers(), ["stray"]);
    other.signal(rustix::process::Signal::TERM);
    other.end();
}

#[test]
fn trials_of_a_job_directory_name_their_units() {
    let (daemon, home) = on_docker();
    let compose = |project: &str, name: &str| {
        format!(
            "docker -H {} run -d --label com.docker.compose.project={project} --label com.docker.compose.service=main --label com.docker.compose.container-number=1 --name {name} busybox sleep 100000 >/dev/null",
            daemon.host()
        )
    };
    let trial = "mkdir -p jobs/now/Hello__DqmfGz2 && echo {} > jobs/now/Hello__DqmfGz2/config.json";
    let script = [
        trial,
        &compose("hello__dqmfgz2__env", "ours"),
        &compose("hello__abcdefg__env", "of-another-job"),
    ]
    .join("; ");
    let output = guard(&home, &["--job-dir", "jobs/now"], &script);
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(daemon.containers(), ["of-another-job"]);
    assert!(output.stderr.contains("(owner unknown)"), "{output:?}");
}

#[test]
fn a_protected_resource_stays_and_is_reported() {
    let (daemon, home) = on_docker();
    let script = making("kept").replace("--name", "--label tbengine.protect=true --name");
    let output = guard(&home, &[], &script);
    assert!(output.stderr.contains("protected-label"), "{output:?}");
    assert_eq!(daemon.containers(), ["kept"]);
}

#[test]
fn a_guard_under_a_guard_looks_after_its_own() {
    let (daemon, home) = on_docker();
    let program = env!("CARGO_BIN_EXE_tbengine");
    let inner = format!("{}; touch inner-ready; sleep 1000", making("inner")).replace('$', "\\$");
    let script = format!(
        "{program} guard --settle-time 100ms -- sh -c \"{inner}\" & {}; while [ ! -e inner-ready ]; do sleep 0.1; done; exit 0",
        making("outer")
    );
    let output = guard(&home, &[], &script);
    assert_eq!(output.code, 0, "{output:?}");
    eventually("both have cleaned up", || daemon.containers().is_empty());
    eventually("both have ended", || home.statuses() == ["ended"; 2]);
}

#[test]
fn everything_that_goes_through_docker_host_is_labelled() {
    let (daemon, home) = on_docker();
    daemon.create_volume("shared", &[]);
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
    let output = guard(&home, &[], &script.join(" && "));
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(output.stdout, "through\n1\n", "{output:?}");
    assert!(!output.stderr.contains("nothing proves"), "{output:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
    // What was there before stays, though the command used it.
    assert_eq!(daemon.names(&["volume", "ls", "-q"]), ["shared"]);
    assert_eq!(
        daemon.names(&["images", "--format", "{{.Repository}}"]),
        ["busybox"]
    );
    let networks = daemon.names(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.contains(&"net".into()), "{networks:?}");
}

#[test]
fn without_labels_of_our_own_the_command_reaches_the_daemon_itself() {
    let (daemon, home) = on_docker();
    let output = guard(&home, &["--no-docker-labels"], "echo $DOCKER_HOST");
    assert_eq!(output.stdout.trim(), daemon.host());
    let label = "docker run -d --label tbengine.run-id=$TBENGINE_RUN_ID --name ours busybox sleep 100000 >/dev/null";
    let output = guard(&home, &["--no-docker-labels"], label);
    assert!(output.stderr.contains("1 deleted"), "{output:?}");
    assert_eq!(daemon.containers(), Vec::<String>::new());
}
