//! The rules for images and snapshots. The trials of a task share them, so they go on request only.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::types::{Class, Context, Force, Resource, State, Verdict};

use super::settings::PresetSettings;
use super::unit::is_of;
use crate::reason::Reason;

/// The word of clouds for what their sandboxes start from.
const SNAPSHOT: &str = "snapshot";

/// Judges images and snapshots.
pub(crate) struct SharedJudge<'s> {
    settings: &'s PresetSettings,
    context: &'s Context,
}

impl<'s> SharedJudge<'s> {
    pub(crate) fn new(settings: &'s PresetSettings, context: &'s Context) -> Self {
        Self { settings, context }
    }

    /// Judges what many units share, where the operator asked for it.
    pub(crate) fn judge(
        &self,
        resources: &[Resource],
        deleted: &HashSet<&str>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let is_asked_for = |one: &&Resource| {
            // Both are what others start from; the parameters tell them apart as people do.
            let is_asked_for = match one.kind(self.context) {
                SNAPSHOT => self.settings.snapshots,
                _ => self.settings.images,
            };
            is_asked_for && one.class == Class::Image && is_of(&self.settings.preset, one)
        };
        for one in resources.iter().filter(is_asked_for) {
            if !matches!(one.state, State::Present | State::Failed) {
                continue;
            }
            let (goes, reason) = self.judge_one(one, resources, deleted);
            verdicts.push(match goes {
                true => self.settings.effort.delete(one, reason, Force::Never),
                false => one.keep(reason),
            });
        }
    }

    fn judge_one(
        &self,
        one: &Resource,
        resources: &[Resource],
        deleted: &HashSet<&str>,
    ) -> (bool, String) {
        let mut users = one.users(resources);
        let stays = users.find(|user| !deleted.contains(user.id.as_str()));
        if stays.is_some() || one.used_by_others > 0 {
            let reason = Reason::new("").used_by(stays, one.used_by_others);
            return (false, reason.done());
        }
        let reason = Reason::new("unused ")
            .text(one.kind(self.context))
            .owner(" of ", one);
        let (since, word) = match one.last_used.max(one.born()) {
            last if last == one.born() => (last, ", created "),
            last => (last, ", last used "),
        };
        let Some(age) = since.and_then(|since| self.context.now.checked_sub(since)) else {
            return (false, reason.text(", age unknown").done());
        };
        let (age, limit) = (Duration::from_millis(age), self.settings.image_older_than);
        let reason = reason.text(word).time(age).text(" ago");
        if age > limit {
            (true, reason.older_than(limit).done())
        } else {
            (false, reason.not_yet(limit).done())
        }
    }
}

#[cfg(test)]
mod tests {
    use tbengine_policy::types::Owner;

    use super::*;
    use crate::preset::profile::{HARBOR, TERMINAL_BENCH};
    use crate::preset::samples::{answers, killed, member, of_first, running};
    use crate::samples::{HOUR, Kind, NOW, container, used_by};

    const DAY: u64 = 24 * HOUR;

    /// Something that many trials share, made so many days ago.
    fn shared(kind: Kind, days: u64, dependents: &[&str]) -> Resource {
        member("shared", |one| {
            kind.put(one);
            (one.state, one.finished) = (State::Present, None);
            one.created = Some(NOW - days * DAY);
            let ids = dependents
                .iter()
                .map(|name| format!("docker/container/{name}"));
            used_by(one, &ids.collect::<Vec<_>>());
        })
    }

    const IMAGES: (&str, &str) = ("images", "true");
    const SNAPSHOTS: (&str, &str) = ("snapshots", "true");

    #[test]
    fn they_go_only_if_asked_for() {
        let (image, snapshot) = (shared(Kind::Image, 8, &[]), shared(Kind::Snapshot, 8, &[]));
        for one in [&image, &snapshot] {
            assert_eq!(of_first(&[], std::slice::from_ref(one)), "");
        }
        assert_eq!(
            of_first(&[IMAGES], std::slice::from_ref(&image)),
            "delete: unused image of harbor, created 8d ago, older than 7d"
        );
        assert_eq!(
            of_first(&[SNAPSHOTS], std::slice::from_ref(&snapshot)),
            "delete: unused snapshot of harbor, created 8d ago, older than 7d"
        );
        assert_eq!(of_first(&[SNAPSHOTS], &[image]), "");
        assert_eq!(of_first(&[IMAGES], &[snapshot]), "");
        let unproven = Resource {
            owner: Owner::Unknown,
            ..shared(Kind::Image, 8, &[])
        };
        assert_eq!(of_first(&[IMAGES], &[unproven]), "");
        let theirs = Resource {
            owner: Owner::Benchmark("terminal-bench".to_owned()),
            ..shared(Kind::Image, 8, &[])
        };
        assert_eq!(answers(TERMINAL_BENCH, &[IMAGES], &[theirs]).len(), 1);
        assert_eq!(answers(HARBOR, &[], &[running("main", 1)]).len(), 1);
    }

    #[test]
    fn what_is_used_or_was_lately_stays() {
        let says = |image: Resource| {
            of_first(
                &[IMAGES, SNAPSHOTS],
                &[image, killed("gone", 60), container("stays")],
            )
        };
        assert_eq!(
            says(shared(Kind::Image, 8, &["gone", "stays"])),
            "keep: used by docker/container/stays, which stays"
        );
        assert_eq!(
            says(shared(Kind::Image, 8, &["gone", "unseen", "too"])),
            "keep: used by 2 resources that are not evaluated with it"
        );
        assert!(says(shared(Kind::Image, 8, &["gone"])).starts_with("delete"));
        assert_eq!(
            says(shared(Kind::Image, 7, &[])),
            "keep: unused image of harbor, created 7d ago, not yet older than 7d"
        );
        let mut used = shared(Kind::Snapshot, 30, &[]);
        used.last_used = Some(NOW - DAY);
        assert_eq!(
            says(used),
            "keep: unused snapshot of harbor, last used 1d ago, not yet older than 7d"
        );
        let mut timeless = shared(Kind::Image, 8, &[]);
        timeless.created = None;
        assert_eq!(says(timeless), "keep: unused image of harbor, age unknown");
        let mut pending = shared(Kind::Snapshot, 8, &[]);
        pending.state = State::Pending;
        assert_eq!(says(pending), "");
    }
}
