//! The verdict on each kind of resource.

use tbengine_policy::types::Action;

use super::*;
use crate::each::profile::{AGGRESSIVE, DEFAULT};
use crate::each::samples::settings;
use crate::samples::{HOUR, Kind, NOW, container, context, linked, used_by};

fn judge(
    profile: Profile,
    given: &[(&str, &str)],
    resources: &[Resource],
) -> Vec<(String, String)> {
    let judge = Judge::new(settings(profile, given).unwrap());
    let verdicts = judge.decide(&context(), &linked(resources));
    let text = |action: Action| match action {
        Action::Keep(reason) => format!("keep: {reason}"),
        Action::Stop(options) => format!("stop: {}", options.reason),
        Action::Delete(options) => format!("delete: {}", options.reason),
        Action::Archive(options) => format!("archive: {}", options.reason),
    };
    let name = |id: String| id.rsplit('/').next().unwrap().to_owned();
    verdicts
        .into_iter()
        .map(|verdict| (name(verdict.id), text(verdict.action)))
        .collect()
}

/// What a policy says about one resource, or an empty text.
fn says(profile: Profile, resource: Resource) -> String {
    judge(profile, &[], &[resource])
        .pop()
        .map(|(_, text)| text)
        .unwrap_or_default()
}

fn with(change: impl FnOnce(&mut Resource)) -> Resource {
    let mut resource = container("c");
    change(&mut resource);
    resource
}

/// Something without a life, created three hours ago.
fn used(kind: Kind, change: impl FnOnce(&mut Resource)) -> Resource {
    with(|one| {
        kind.put(one);
        (one.state, one.finished) = (State::Present, None);
        one.id = format!("docker/{}/x", kind.word());
        change(one);
    })
}

fn harbor() -> Owner {
    Owner::Benchmark("harbor".to_owned())
}

/// A sandbox that ended two hours ago in this state, of unknown owner.
fn at_rest(state: State, change: impl FnOnce(&mut Resource)) -> Resource {
    with(|one| {
        Kind::Sandbox.put(one);
        (one.state, one.exit_code) = (state, None);
        change(one);
    })
}

#[test]
fn what_is_at_rest_in_a_cloud_stays_unless_it_is_ours() {
    for profile in [DEFAULT, AGGRESSIVE] {
        for state in [State::Stopped, State::Archived] {
            let name = state.word();
            assert_eq!(
                says(profile, at_rest(state, |_| {})),
                format!("keep: {name}, and may be started again; owner unknown")
            );
            let ours: [fn(&mut Resource); 2] =
                [|one| one.owner = harbor(), |one| one.claimed = true];
            for ours in ours {
                let said = says(profile, at_rest(state, ours));
                assert!(
                    said.starts_with(&format!("delete: {name} 2h ago")),
                    "{said}"
                );
            }
        }
        // Nothing starts these again.
        for state in [State::Failed, State::Exited] {
            assert!(says(profile, at_rest(state, |_| {})).starts_with("delete"));
        }
    }
}

#[test]
fn what_has_ended_is_archived_instead_if_wanted() {
    let said = |state, given: &[(&str, &str)]| {
        let one = at_rest(state, |one| one.owner = harbor());
        let mut said = judge(DEFAULT, given, &[one]);
        said.pop().map(|(_, text)| text).unwrap_or_default()
    };
    let archive = &[("ended", "archive")];
    assert_eq!(
        said(State::Stopped, archive),
        "archive: stopped 2h ago, older than 1h"
    );
    assert_eq!(said(State::Archived, archive), "keep: archived already");
    // What failed cannot be archived, and containers cannot either.
    assert!(said(State::Failed, archive).starts_with("delete"));
    assert!(said(State::Exited, archive).starts_with("delete"));
    assert!(said(State::Stopped, &[("ended", "delete")]).starts_with("delete"));
    let young = &[("ended", "archive"), ("dead-older-than", "36000000")];
    assert!(said(State::Stopped, young).starts_with("keep"));
    let error = settings(DEFAULT, &[("ended", "freeze")]).unwrap_err();
    assert_eq!(error.param, "ended");
}

#[test]
fn what_ended_goes_when_it_is_old_enough() {
    assert_eq!(
        says(DEFAULT, container("c")),
        "delete: exited 2h ago, older than 1h"
    );
    assert_eq!(says(AGGRESSIVE, container("c")), "delete: exited 2h ago");
    let fresh = |one: &mut Resource| one.finished = Some(NOW - HOUR);
    assert_eq!(
        says(DEFAULT, with(fresh)),
        "keep: exited 1h ago, not yet older than 1h"
    );
    assert_eq!(
        says(DEFAULT, with(|one| one.finished = None)),
        "delete: exited, created 3h ago, older than 1h"
    );
    for state in State::ALL {
        let goes = says(DEFAULT, with(|one| one.state = state)).starts_with("delete");
        let rests = matches!(state, State::Stopped | State::Archived);
        assert_eq!(goes, state.is_dead() && !rests, "{}", state.word());
    }
}

#[test]
fn a_container_that_never_started_counts_from_its_creation() {
    // A time of ending left over from nowhere does not make it older.
    let created = with(|one| {
        (one.state, one.created, one.finished) = (State::Created, Some(NOW), Some(0));
    });
    assert_eq!(
        says(DEFAULT, created),
        "keep: never started, created 0s ago, not yet older than 1h"
    );
}

#[test]
fn a_service_that_was_stopped_by_hand_stays_unless_one_is_thorough() {
    for policy in ["always", "unless-stopped", "on-failure"] {
        let restarts = |change: &dyn Fn(&mut Resource)| {
            with(|one| {
                one.attrs = vec![("restart-policy".to_owned(), policy.to_owned())];
                change(one);
            })
        };
        let stopped = restarts(&|_| {});
        assert_eq!(
            says(DEFAULT, stopped.clone()),
            format!("keep: exited, but its restart policy is {policy}")
        );
        assert!(says(AGGRESSIVE, stopped).starts_with("delete: "));
        // A benchmark's, or the operator's own.
        let proven = restarts(&|one| one.owner = harbor());
        assert!(says(DEFAULT, proven).starts_with("delete: "));
        let claimed = restarts(&|one| one.claimed = true);
        assert!(says(DEFAULT, claimed).starts_with("delete: "));
    }
}

#[test]
fn an_unknown_or_future_time_keeps() {
    for profile in [DEFAULT, AGGRESSIVE] {
        let unknown = with(|one| (one.created, one.finished) = (None, None));
        assert_eq!(says(profile, unknown), "keep: exited since an unknown time");
        let future = with(|one| one.finished = Some(NOW + 1));
        assert_eq!(says(profile, future), "keep: exited since an unknown time");
        let running =
            with(|one| (one.state, one.created, one.owner) = (State::Running, None, harbor()));
        assert_eq!(
            says(profile, running),
            "keep: running since an unknown time"
        );
    }
}

#[test]
fn what_is_being_made_or_removed_or_unknown_is_never_touched() {
    for profile in [DEFAULT, AGGRESSIVE] {
        for state in [
            State::Pending,
            State::Removing,
            State::Unknown,
            State::Present,
        ] {
            let one = with(|one| (one.state, one.owner, one.created) = (state, harbor(), Some(0)));
            assert_eq!(says(profile, one), "", "{}", state.word());
        }
        // Settings may be needed although nothing uses them, and what is of no class is not understood.
        for kind in [Kind::Other, Kind::Profile] {
            assert_eq!(says(profile, used(kind, |one| one.owner = harbor())), "");
        }
    }
}

#[test]
fn what_runs_goes_only_if_its_owner_is_proven_or_the_operator_claims_it() {
    let running = |owner: Owner, claimed| {
        with(|one| {
            (one.state, one.created) = (State::Running, Some(NOW - 30 * HOUR));
            (one.owner, one.claimed) = (owner, claimed);
        })
    };
    for profile in [DEFAULT, AGGRESSIVE] {
        assert_eq!(
            says(profile, running(Owner::Unknown, false)),
            "keep: running, owner unknown"
        );
        let other = Owner::Other("gitlab".to_owned());
        assert_eq!(
            says(profile, running(other, false)),
            "keep: running, and belongs to gitlab"
        );
    }
    let delete = "delete: running, created 1d 6h ago, older than 1d";
    assert_eq!(
        says(DEFAULT, running(harbor(), false)),
        format!("{delete}, made by harbor")
    );
    let run = Owner::Run("r7".to_owned());
    assert_eq!(
        says(DEFAULT, running(run, false)),
        format!("{delete}, made by run r7")
    );
    assert_eq!(
        says(DEFAULT, running(Owner::Unknown, true)),
        format!("{delete}, claimed by a label in the scope")
    );
    let paused = with(|one| {
        (one.state, one.owner, one.created) = (State::Paused, harbor(), Some(NOW - 5 * HOUR));
    });
    assert_eq!(
        says(DEFAULT, paused.clone()),
        "keep: paused, created 5h ago, not yet older than 1d"
    );
    assert_eq!(
        says(AGGRESSIVE, paused),
        "delete: paused, created 5h ago, older than 4h, made by harbor"
    );
}

#[test]
fn what_belongs_to_someone_else_is_left_to_them() {
    let others =
        |claimed| with(|one| (one.owner, one.claimed) = (Owner::Other("k8s".to_owned()), claimed));
    assert_eq!(
        says(DEFAULT, others(false)),
        "keep: exited, but belongs to k8s"
    );
    assert_eq!(
        says(DEFAULT, others(true)),
        "delete: exited 2h ago, older than 1h"
    );
    assert_eq!(says(AGGRESSIVE, others(false)), "delete: exited 2h ago");
}

#[test]
fn volumes_go_only_if_their_owner_is_proven() {
    let volume = |change: fn(&mut Resource)| used(Kind::Volume, change);
    for profile in [DEFAULT, AGGRESSIVE] {
        assert_eq!(
            says(profile, volume(|_| {})),
            "keep: unused, but it may hold data; owner unknown"
        );
        // In use: nobody wonders why it stays.
        assert_eq!(
            says(profile, volume(|one| used_by(one, &["c".to_owned()]))),
            ""
        );
    }
    assert_eq!(
        says(
            DEFAULT,
            volume(|one| one.owner = Owner::Benchmark("harbor".to_owned()))
        ),
        "delete: unused volume of harbor, created 3h ago, older than 1h"
    );
    assert_eq!(
        says(DEFAULT, volume(|one| one.claimed = true)),
        "delete: unused volume, created 3h ago, older than 1h"
    );
}

#[test]
fn an_unused_network_of_any_unit_goes_only_if_one_is_thorough() {
    let network = used(Kind::Network, |one| one.unit = Some("project".to_owned()));
    assert_eq!(
        says(DEFAULT, network.clone()),
        "keep: unused, owner unknown"
    );
    assert_eq!(
        says(AGGRESSIVE, network),
        "delete: unused network, created 3h ago"
    );
    let loner = used(Kind::Network, |_| {});
    assert_eq!(says(AGGRESSIVE, loner), "keep: unused, owner unknown");
}

#[test]
fn images_go_if_dangling_or_made_by_a_benchmark_long_ago() {
    let image = |change: fn(&mut Resource)| used(Kind::Image, change);
    assert_eq!(says(AGGRESSIVE, image(|_| {})), "");
    let dangling = image(|one| one.attrs = vec![("dangling".to_owned(), "true".to_owned())]);
    assert_eq!(
        says(DEFAULT, dangling),
        "delete: dangling image, created 3h ago, older than 1h"
    );
    let named = image(|one| one.attrs = vec![("dangling".to_owned(), "false".to_owned())]);
    assert_eq!(says(DEFAULT, named), "");
    let built = |hours: u64| {
        used(Kind::Image, |one| {
            (one.owner, one.created) = (harbor(), Some(NOW - hours * HOUR));
        })
    };
    assert_eq!(
        says(DEFAULT, built(3)),
        "keep: unused image of harbor, created 3h ago, not yet older than 1d"
    );
    assert!(says(DEFAULT, built(25)).starts_with("delete: "));
    assert!(says(AGGRESSIVE, built(5)).starts_with("delete: "));
}

#[test]
fn caches_go_only_on_request_like_images() {
    let cache = |hours: u64, claimed: bool| {
        used(Kind::BuildCache, |one| {
            (one.created, one.claimed) = (Some(NOW - hours * HOUR), claimed);
        })
    };
    assert_eq!(says(AGGRESSIVE, cache(99, false)), "");
    assert_eq!(
        says(DEFAULT, cache(25, true)),
        "delete: unused build-cache, created 1d 1h ago, older than 1d"
    );
    assert!(says(DEFAULT, cache(23, true)).starts_with("keep: "));
}

#[test]
fn the_age_of_what_arrived_later_counts_from_then() {
    let mut image = used(Kind::Image, |one| one.created = Some(0));
    image.attrs = vec![("dangling".to_owned(), "true".to_owned())];
    image.arrived = Some(NOW - HOUR / 2);
    assert_eq!(
        says(DEFAULT, image),
        "keep: dangling image, created 30m ago, not yet older than 1h"
    );
    let mut volume = used(Kind::Volume, |one| {
        (one.created, one.claimed) = (None, true);
    });
    volume.arrived = Some(NOW - 2 * HOUR);
    assert_eq!(
        says(DEFAULT, volume),
        "delete: unused volume, created 2h ago, older than 1h"
    );
}

#[test]
fn what_is_used_waits_for_its_users() {
    let network = |dependents: &[&str]| {
        used(Kind::Network, |one| {
            one.owner = harbor();
            let ids = dependents
                .iter()
                .map(|name| format!("docker/container/{name}"));
            used_by(one, &ids.collect::<Vec<_>>());
        })
    };
    let (gone, mut stays) = (container("gone"), container("stays"));
    stays.finished = Some(NOW);
    let verdict = |dependents: &[&str]| {
        let resources = [network(dependents), gone.clone(), stays.clone()];
        let mut verdicts = judge(DEFAULT, &[], &resources);
        verdicts.retain(|(name, _)| name == "x");
        verdicts.pop().unwrap().1
    };
    assert_eq!(
        verdict(&["gone"]),
        "delete: unused network of harbor, created 3h ago, older than 1h; its users are deleted too"
    );
    assert_eq!(
        verdict(&["gone", "stays"]),
        "keep: used by docker/container/stays, which stays"
    );
    assert_eq!(
        verdict(&["unseen"]),
        "keep: used by a resource that is not evaluated with it"
    );
}

#[test]
fn the_newest_of_each_unit_are_spared() {
    let one = |name: &str, hours: u64, unit: Option<&str>| {
        let mut one = container(name);
        one.created = Some(NOW - hours * HOUR);
        one.unit = unit.map(str::to_owned);
        one
    };
    let resources = [
        one("a-old", 9, Some("a")),
        one("a-new", 5, Some("a")),
        one("b", 99, Some("b")),
        one("old", 8, None),
        one("new", 7, None),
        one("also-new", 7, None),
    ];
    let goes = |given: &[(&str, &str)]| -> Vec<String> {
        judge(DEFAULT, given, &resources)
            .into_iter()
            .filter(|(_, text)| text.starts_with("delete"))
            .map(|(name, _)| name)
            .collect()
    };
    assert_eq!(goes(&[]).len(), 6);
    // Of two equally old ones the id decides, so that two runs agree.
    assert_eq!(goes(&[("keep-newest", "1")]), ["a-old", "old", "also-new"]);
    assert_eq!(goes(&[("keep-newest", "2")]), ["old"]);
    assert_eq!(goes(&[("keep-newest", "18446744073709551615")]), [""; 0]);
    let kept = judge(DEFAULT, &[("keep-newest", "1")], &resources);
    assert_eq!(kept[1].1, "keep: among the newest 1");
}

#[test]
fn scope_parameters_leave_the_rest_without_a_verdict() {
    let resources = [
        container("c"),
        used(Kind::Network, |one| one.owner = harbor()),
    ];
    assert_eq!(judge(DEFAULT, &[("kinds", "network")], &resources).len(), 1);
    assert_eq!(
        judge(DEFAULT, &[("states", "exited")], &resources)[0].0,
        "c"
    );
    assert_eq!(judge(DEFAULT, &[("labels", "x")], &resources), []);
}
