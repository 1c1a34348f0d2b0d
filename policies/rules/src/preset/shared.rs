//! The rules for images and snapshots. The trials of a task share them, so they go on request only.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::types::{Context, Force, Kind, Resource, State, Verdict};

use super::settings::PresetSettings;
use super::unit::is_of;
use crate::reason::Reason;

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
        let is_asked_for = |one: &&Resource| match one.kind {
            Kind::Image => self.settings.images && is_of(&self.settings.preset, one),
            Kind::Snapshot => self.settings.snapshots && is_of(&self.settings.preset, one),
            _ => false,
        };
        for one in resources.iter().filter(is_asked_for) {
            if !matches!(one.state, State::Present | State::Failed) {
                continue;
            }
            let (goes, reason) = self.judge_one(one, deleted);
            verdicts.push(match goes {
                true => self.settings.effort.delete(one, reason, Force::Never),
                false => one.keep(reason),
            });
        }
    }

    fn judge_one(&self, one: &Resource, deleted: &HashSet<&str>) -> (bool, String) {
        let stays = |holder: &&String| !deleted.contains(holder.as_str());
        if let Some(holder) = one.holders.iter().find(stays) {
            let reason = Reason::new("used by ").text(holder).text(", which stays");
            return (false, reason.done());
        }
        let reason = Reason::new("unused ")
            .text(one.kind.word())
            .owner(" of ", one);
        let (since, word) = match one.last_activity.max(one.created) {
            last if last == one.created => (last, ", created "),
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
    use crate::samples::{HOUR, NOW};

    const DAY: u64 = 24 * HOUR;

    /// Something that many trials share, made so many days ago.
    fn shared(kind: Kind, days: u64, holders: &[&str]) -> Resource {
        member("shared", |one| {
            (one.kind, one.state, one.finished) = (kind, State::Present, None);
            one.created = Some(NOW - days * DAY);
            one.holders = holders
                .iter()
                .map(|name| format!("docker/container/{name}"))
                .collect();
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
        let says = |image: Resource| of_first(&[IMAGES, SNAPSHOTS], &[image, killed("gone", 60)]);
        assert_eq!(
            says(shared(Kind::Image, 8, &["gone", "stays"])),
            "keep: used by docker/container/stays, which stays"
        );
        assert!(says(shared(Kind::Image, 8, &["gone"])).starts_with("delete"));
        assert_eq!(
            says(shared(Kind::Image, 7, &[])),
            "keep: unused image of harbor, created 7d ago, not yet older than 7d"
        );
        let mut used = shared(Kind::Snapshot, 30, &[]);
        used.last_activity = Some(NOW - DAY);
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
