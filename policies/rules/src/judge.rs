//! The rules.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::types::{
    Action, Context, DeleteOptions, Force, Kind, Owner, Resource, State, Verdict,
};

use crate::newest::newest;
use crate::reason::Reason;
use crate::settings::{DANGLING, Settings};

/// What the rules say about one resource.
enum Judgement {
    Delete(String),
    Keep(String),
    /// Nothing that anyone would ask about.
    Silent,
}

use Judgement::{Delete, Keep, Silent};

impl Settings {
    /// Judges the resources: first what has a life, then what it used.
    pub fn decide(&self, context: &Context, resources: &[Resource]) -> Vec<Verdict> {
        let spared = newest(self, resources);
        let mut verdicts = Vec::with_capacity(resources.len());
        let mut deleted: HashSet<&str> = HashSet::new();
        // The set costs more than the judging, and only what is used needs it.
        let any_held = resources
            .iter()
            .any(|one| !lives(one.kind) && !one.holders.is_empty());

        for pass in [true, false] {
            for (place, one) in resources.iter().enumerate() {
                if lives(one.kind) != pass || !self.considers(one) {
                    continue;
                }
                let mut judgement = if pass {
                    self.judge_living(context, one)
                } else {
                    self.judge_used(context, one, &deleted)
                };
                if let (Delete(_), true) = (&judgement, spared.contains(&place)) {
                    judgement = Keep(
                        Reason::new("among the newest ")
                            .number(self.keep_newest)
                            .done(),
                    );
                }
                match judgement {
                    Delete(reason) => {
                        if any_held && pass {
                            deleted.insert(&one.id);
                        }
                        verdicts.push(self.delete(one, reason));
                    }
                    Keep(reason) => verdicts.push(one.keep(reason)),
                    Silent => {}
                }
            }
        }
        verdicts
    }

    /// Containers and sandboxes.
    fn judge_living(&self, context: &Context, one: &Resource) -> Judgement {
        if one.is_dead() {
            return self.judge_dead(context, one);
        }
        match one.state {
            State::Running | State::Paused | State::Restarting => self.judge_running(context, one),
            // Being made or removed, or in a state that nobody knows: never touched.
            _ => Silent,
        }
    }

    fn judge_dead(&self, context: &Context, one: &Resource) -> Judgement {
        if let (Owner::Other(owner), false, false) =
            (&one.owner, one.claimed, self.profile.thorough)
        {
            return Keep(
                Reason::new(one.state.word())
                    .text(", but belongs to ")
                    .text(owner)
                    .done(),
            );
        }
        let Some(age) = one.age(context) else {
            return Keep(
                Reason::new(one.state.word())
                    .text(", but nothing says since when")
                    .done(),
            );
        };
        let reason = match (one.state, one.finished) {
            (State::Created, _) => Reason::new("never started, created "),
            (state, Some(_)) => Reason::new(state.word()).text(" "),
            (state, None) => Reason::new(state.word()).text(", created "),
        };
        let reason = reason.time(age).text(" ago");
        if age > self.dead_older_than {
            Delete(reason.older_than(self.dead_older_than).done())
        } else {
            Keep(reason.not_yet(self.dead_older_than).done())
        }
    }

    fn judge_running(&self, context: &Context, one: &Resource) -> Judgement {
        let state = one.state.word();
        if !is_ours(one) {
            let reason = Reason::new(state);
            return Keep(match &one.owner {
                Owner::Other(owner) => reason.text(", and belongs to ").text(owner).done(),
                _ => reason.text(", and nothing proves whose it is").done(),
            });
        }
        let Some(age) = one.age(context) else {
            return Keep(
                Reason::new(state)
                    .text(", but nothing says since when")
                    .done(),
            );
        };
        let reason = Reason::new(state).text(", created ").time(age).text(" ago");
        if age > self.running_older_than {
            Delete(
                reason
                    .older_than(self.running_older_than)
                    .owner(", made by ", one)
                    .done(),
            )
        } else {
            Keep(reason.not_yet(self.running_older_than).done())
        }
    }

    /// Networks, volumes, images and snapshots: they go when nothing that stays uses them.
    fn judge_used(&self, context: &Context, one: &Resource, deleted: &HashSet<&str>) -> Judgement {
        // What has no name in this version of the interface is not understood, so it is kept.
        if one.kind == Kind::Other || !matches!(one.state, State::Present | State::Failed) {
            return Silent;
        }
        let dangling = one.kind == Kind::Image && one.attr(DANGLING) == Some("true");
        let unit_network = self.profile.thorough && one.kind == Kind::Network && one.unit.is_some();
        if !is_ours(one) && !dangling && !unit_network {
            return match one.kind {
                Kind::Volume if one.holders.is_empty() => {
                    Keep("unused, but it may hold data and nothing proves whose it is".to_owned())
                }
                Kind::Network if one.holders.is_empty() => {
                    Keep("unused, but nothing proves whose it is".to_owned())
                }
                // Images, snapshots and what is in use are kept without anyone wondering.
                _ => Silent,
            };
        }
        if let Some(holder) = one
            .holders
            .iter()
            .find(|holder| !deleted.contains(holder.as_str()))
        {
            return Keep(
                Reason::new("used by ")
                    .text(holder)
                    .text(", which stays")
                    .done(),
            );
        }
        let what = if dangling { "dangling " } else { "unused " };
        let Some(age) = one.age(context) else {
            return Keep(
                Reason::new(what)
                    .text(one.kind.word())
                    .text(", but nothing says how old it is")
                    .done(),
            );
        };
        let shared = !dangling && matches!(one.kind, Kind::Image | Kind::Snapshot);
        let limit = if shared {
            self.running_older_than
        } else {
            self.dead_older_than
        };
        let mut reason = Reason::new(what).text(one.kind.word());
        if one.is_proven() {
            reason = reason.owner(" of ", one);
        }
        reason = reason.text(", created ").time(age).text(" ago");
        if age > limit {
            let reason = reason.older_than(limit);
            let reason = if one.holders.is_empty() {
                reason
            } else {
                reason.text("; what used it goes too")
            };
            Delete(reason.done())
        } else {
            Keep(reason.not_yet(limit).done())
        }
    }

    fn delete(&self, one: &Resource, reason: String) -> Verdict {
        let (force, grace) = if !one.is_running() {
            (self.profile.force_on_dead, self.stop_timeout)
        } else if self.force {
            (Force::Always, Some(Duration::ZERO))
        } else {
            (Force::Always, self.stop_timeout)
        };
        Verdict {
            id: one.id.clone(),
            action: Action::Delete(DeleteOptions {
                reason,
                force,
                grace_ms: grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)),
                priority: 0,
            }),
        }
    }
}

/// Whether a kind runs and ends by itself.
fn lives(kind: Kind) -> bool {
    matches!(kind, Kind::Container | Kind::Sandbox)
}

/// Whether facts or the operator say that it may go although it runs or may hold data.
fn is_ours(one: &Resource) -> bool {
    one.is_proven() || one.claimed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{AGGRESSIVE, DEFAULT, Profile};
    use crate::samples::{HOUR, NOW, container, context, settings};

    fn judge(
        profile: Profile,
        given: &[(&str, &str)],
        resources: &[Resource],
    ) -> Vec<(String, String)> {
        let verdicts = settings(profile, given)
            .unwrap()
            .decide(&context(), resources);
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
            (one.kind, one.state, one.finished) = (kind, State::Present, None);
            one.id = format!("docker/{}/x", kind.word());
            change(one);
        })
    }

    fn harbor() -> Owner {
        Owner::Benchmark("harbor".to_owned())
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
            assert_eq!(goes, state.is_dead(), "{}", state.word());
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
    fn an_unknown_or_future_time_keeps() {
        for profile in [DEFAULT, AGGRESSIVE] {
            let unknown = with(|one| (one.created, one.finished) = (None, None));
            assert_eq!(
                says(profile, unknown),
                "keep: exited, but nothing says since when"
            );
            let future = with(|one| one.finished = Some(NOW + 1));
            assert_eq!(
                says(profile, future),
                "keep: exited, but nothing says since when"
            );
            let running =
                with(|one| (one.state, one.created, one.owner) = (State::Running, None, harbor()));
            assert_eq!(
                says(profile, running),
                "keep: running, but nothing says since when"
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
                let one =
                    with(|one| (one.state, one.owner, one.created) = (state, harbor(), Some(0)));
                assert_eq!(says(profile, one), "", "{}", state.word());
            }
            assert_eq!(
                says(profile, used(Kind::Other, |one| one.owner = harbor())),
                ""
            );
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
                "keep: running, and nothing proves whose it is"
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
        let others = |claimed| {
            with(|one| (one.owner, one.claimed) = (Owner::Other("k8s".to_owned()), claimed))
        };
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
                "keep: unused, but it may hold data and nothing proves whose it is"
            );
            // In use: nobody wonders why it stays.
            assert_eq!(
                says(profile, volume(|one| one.holders = vec!["c".to_owned()])),
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
            "keep: unused, but nothing proves whose it is"
        );
        assert_eq!(
            says(AGGRESSIVE, network),
            "delete: unused network, created 3h ago"
        );
        let loner = used(Kind::Network, |_| {});
        assert_eq!(
            says(AGGRESSIVE, loner),
            "keep: unused, but nothing proves whose it is"
        );
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
    fn what_is_used_waits_for_its_users() {
        let network = |holders: &[&str]| {
            used(Kind::Network, |one| {
                one.owner = harbor();
                one.holders = holders
                    .iter()
                    .map(|name| format!("docker/container/{name}"))
                    .collect();
            })
        };
        let (gone, mut stays) = (container("gone"), container("stays"));
        stays.finished = Some(NOW);
        let verdict = |holders: &[&str]| {
            let resources = [network(holders), gone.clone(), stays.clone()];
            let mut verdicts = judge(DEFAULT, &[], &resources);
            verdicts.retain(|(name, _)| name == "x");
            verdicts.pop().unwrap().1
        };
        assert_eq!(
            verdict(&["gone"]),
            "delete: unused network of harbor, created 3h ago, older than 1h; what used it goes too"
        );
        assert_eq!(
            verdict(&["gone", "stays"]),
            "keep: used by docker/container/stays, which stays"
        );
        assert_eq!(
            verdict(&["unseen"]),
            "keep: used by docker/container/unseen, which stays"
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
}
