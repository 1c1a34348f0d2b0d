//! The rules for images and snapshots. The trials of a task share them, so they go on request only.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::types::{Context, Force, Kind, Resource, State, Verdict};

use super::settings::PresetSettings;
use super::unit::is_of;
use crate::reason::Reason;

impl PresetSettings {
    /// Judges what many units share, where the operator asked for it.
    pub(crate) fn judge_shared(
        &self,
        context: &Context,
        resources: &[Resource],
        deleted: &HashSet<&str>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let is_asked_for = |one: &&Resource| match one.kind {
            Kind::Image => self.images && is_of(&self.preset, one),
            Kind::Snapshot => self.snapshots && is_of(&self.preset, one),
            _ => false,
        };
        for one in resources.iter().filter(is_asked_for) {
            if !matches!(one.state, State::Present | State::Failed) {
                continue;
            }
            let (goes, reason) = self.judge_one_shared(context, one, deleted);
            verdicts.push(match goes {
                true => self.effort.delete(one, reason, Force::Never),
                false => one.keep(reason),
            });
        }
    }

    fn judge_one_shared(
        &self,
        context: &Context,
        one: &Resource,
        deleted: &HashSet<&str>,
    ) -> (bool, String) {
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
        let Some(age) = since.and_then(|since| context.now.checked_sub(since)) else {
            return (
                false,
                reason.text(", but nothing says how old it is").done(),
            );
        };
        let (age, limit) = (Duration::from_millis(age), self.image_older_than);
        let reason = reason.text(word).time(age).text(" ago");
        if age > limit {
            (true, reason.older_than(limit).done())
        } else {
            (false, reason.not_yet(limit).done())
        }
    }
}
