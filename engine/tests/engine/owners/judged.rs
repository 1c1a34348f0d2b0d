//! How the resources of an account are evaluated together.

use tbengine_engine::owners::{Learned, NoMemory, Owners, Remembered};

use crate::owners::support::{Host, Thing, judged, thing};

const PROJECT: &str = "com.docker.compose.project";
const FILES: (&str, &str) = (
    "com.docker.compose.project.config_files",
    "/v/harbor/environments/docker/docker-compose-build.yaml",
);
const TRIAL: (&str, &str) = (PROJECT, "hello__dqmfgz2__env");

fn owners() -> Owners {
    Owners::embedded().unwrap()
}

fn trial() -> Host {
    Host(vec![
        thing("network", "hello__dqmfgz2__env_default", &[TRIAL]),
        Thing {
            uses: vec![0, 2],
            ..thing("container", "hello__dqmfgz2__env-main-1", &[TRIAL, FILES])
        },
        thing("image", "hello__dqmfgz2__env-main:latest", &[TRIAL]),
        thing(
            "volume",
            "other__abcdefg__env_data",
            &[(PROJECT, "other__abcdefg__env")],
        ),
    ])
}

#[test]
fn what_containers_prove_holds_for_the_rest_of_their_unit() {
    assert_eq!(
        judged(&owners(), &trial(), &NoMemory),
        [
            "harbor/docker-network-or-volume",
            "harbor/docker-container",
            "harbor/docker-image",
            ""
        ]
    );
}

#[test]
fn a_unit_is_known_by_what_was_proven_before() {
    let mut host = trial();
    host.0.remove(1);
    assert_eq!(judged(&owners(), &host, &NoMemory), ["", "", ""]);

    let mut memory = Remembered::default();
    memory.add("host", Some("hello__dqmfgz2__env"), "harbor");
    let found = judged(&owners(), &host, &memory);
    assert_eq!(
        found,
        ["harbor/docker-network-or-volume", "harbor/docker-image", ""]
    );

    let mut of_another = Remembered::default();
    of_another.add("another host", Some("hello__dqmfgz2__env"), "harbor");
    assert_eq!(judged(&owners(), &host, &of_another), ["", "", ""]);
}

#[test]
fn what_is_proven_by_others_only_is_not_learned() {
    let owners = owners();
    let learned = owners.judge(&trial(), &NoMemory, &mut |_, _| {});
    let expected = Learned {
        unit: Some("hello__dqmfgz2__env".into()),
        owner: "harbor".into(),
    };
    assert_eq!(learned.into_iter().collect::<Vec<_>>(), [expected]);

    let mut host = trial();
    host.0.remove(1);
    let mut memory = Remembered::default();
    memory.add("host", Some("hello__dqmfgz2__env"), "harbor");
    assert!(owners.judge(&host, &memory, &mut |_, _| {}).is_empty());
}

#[test]
fn two_benchmarks_are_rivals_and_none_is_proven() {
    let both = thing("container", "sweb.eval.a.b", &[TRIAL, FILES]);
    let both = Thing {
        attrs: [("image", "sweb.eval.x86_64.a:latest")]
            .into_iter()
            .collect(),
        ..both
    };
    let network = thing("network", "n", &[TRIAL]);
    let host = Host(vec![both, network]);
    let found = judged(&owners(), &host, &NoMemory);
    assert_eq!(found, ["harbor or swe-bench", ""]);
}

#[test]
fn a_unit_of_which_members_are_of_several_is_nobodys() {
    let other = Thing {
        unit: Some(TRIAL.1),
        attrs: [("image", "sweb.eval.x86_64.a:latest")]
            .into_iter()
            .collect(),
        ..thing("container", "sweb.eval.a.b", &[])
    };
    let mut host = trial();
    host.0.push(other);
    let found = judged(&owners(), &host, &NoMemory);
    // The image has users, and all are Harbor's.
    assert_eq!(
        found,
        [
            "",
            "harbor/docker-container",
            "harbor/docker-image",
            "",
            "swe-bench/container"
        ]
    );
}

#[test]
fn all_users_have_to_be_proven() {
    let builder = |name| Thing {
        uses: vec![0],
        ..thing("container", name, &[])
    };
    let state = thing("volume", "buildx_buildkit_b0_state", &[]);
    let mut host = Host(vec![state, builder("buildx_buildkit_b0")]);
    let found = judged(&owners(), &host, &NoMemory);
    assert_eq!(found, ["buildx/state", "buildx/builder"]);

    // Without any, nothing is proven.
    let alone = Host(vec![host.0[0].clone()]);
    assert_eq!(judged(&owners(), &alone, &NoMemory), [""]);

    host.0.push(builder("looks-into-it"));
    let found = judged(&owners(), &host, &NoMemory);
    assert_eq!(found, ["", "buildx/builder", ""]);
}

#[test]
fn the_unit_of_the_backend_goes_before_that_of_the_rule() {
    let owners = owners();
    let unit_of = |thing: Thing| {
        let mut unit = None;
        owners.judge(&Host(vec![thing]), &NoMemory, &mut |_, proven| {
            unit = proven.proof.as_ref().and_then(|proof| proof.unit.clone());
        });
        unit
    };
    let container = thing("container", "x", &[TRIAL, FILES]);
    assert_eq!(unit_of(container.clone()).as_deref(), Some(TRIAL.1));
    let named = Thing {
        unit: Some("mine"),
        ..container
    };
    assert_eq!(unit_of(named).as_deref(), Some("mine"));
}

#[test]
fn the_simulated_provider_has_the_rules_of_those_that_it_stands_for() {
    let owners = owners();
    let rule = |owner: &str, rule: &str| {
        let rules = &owners.get(owner).unwrap().rules;
        rules.iter().find(|one| one.id == rule).unwrap()
    };
    let kept = rule("service", "restart-policy");
    assert!(kept.is_about("memory", "container", "compute"));
    let e2b = rule("harbor", "e2b");
    assert!(!e2b.is_about("memory", "sandbox", "compute"));
}

#[test]
fn a_rule_that_does_not_hold_says_what_is_missing() {
    let owners = owners();
    let container = thing("container", "x", &[TRIAL]);
    let explained = owners.explain(&Host(vec![container]), 0, &NoMemory);
    assert!(explained.proven.proof.is_none());
    let nearly: Vec<String> = explained
        .nearly()
        .map(|looked| {
            format!(
                "{}: {}",
                looked.name(),
                looked.missing().collect::<Vec<_>>().join("; ")
            )
        })
        .collect();
    assert_eq!(nearly.len(), 1, "{nearly:?}");
    assert!(
        nearly[0].starts_with(
            "harbor/docker-container: label com.docker.compose.project.config_files is like"
        ),
        "{nearly:?}"
    );
}
