//! The rules for cloud sandboxes. A session has one; each is evaluated by itself, but for those that double it.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::types::{Context, Force, Resource, State, Verdict};

use super::settings::PresetSettings;
use super::unit::is_of;
use crate::reason::Reason;

/// The attribute that the Daytona backend sets to `true` on what a deletion has only hidden.
pub(crate) const HIDDEN: &str = "hidden";

/// The newest of several sandboxes of one session that run.
enum Newest<'a> {
    /// There is one at most.
    Single,
    /// This one.
    Is(&'a Resource),
    /// Nothing says which of so many it is.
    Unclear(u64),
}

/// Judges cloud sandboxes.
pub(crate) struct SandboxJudge<'s> {
    settings: &'s PresetSettings,
    context: &'s Context,
}

impl<'s> SandboxJudge<'s> {
    pub(crate) fn new(settings: &'s PresetSettings, context: &'s Context) -> Self {
        Self { settings, context }
    }

    /// Judges the sandboxes of one session.
    pub(crate) fn judge<'a>(
        &self,
        session: &[&'a Resource],
        deleted: &mut HashSet<&'a str>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let made = || {
            session
                .iter()
                .copied()
                .filter(|one| is_of(&self.settings.preset, one))
        };
        let newest = newest(made());
        for one in made() {
            let (goes, reason) = match one.state {
                _ if one.is_dead() => self.judge_dead(one),
                State::Running | State::Paused | State::Restarting => {
                    let alone = self.judge_running(one);
                    match &newest {
                        _ if alone.0 => alone,
                        Newest::Single => alone,
                        Newest::Is(newest) if newest.id == one.id => alone,
                        Newest::Is(newest) => self.judge_double(one, newest),
                        Newest::Unclear(several) => (false, unclear(one, *several)),
                    }
                }
                // Being made or removed, or in a state that nobody knows: never touched.
                _ => continue,
            };
            if goes && self.settings.ended.archives(one) {
                verdicts.push(self.settings.effort.archive(one, reason));
            } else if goes {
                deleted.insert(&one.id);
                verdicts.push(self.settings.effort.delete(one, reason, Force::Never));
            } else {
                verdicts.push(one.keep(reason));
            }
        }
    }

    fn judge_dead(&self, one: &Resource) -> (bool, String) {
        let reason = Reason::new(one.state.word());
        if one.attr(HIDDEN) == Some("true") {
            let why = ", and hidden by a deletion; its provider removes it automatically";
            return (false, reason.text(why).done());
        }
        if self.settings.ended.keeps(one) {
            return (false, reason.text(" already").done());
        }
        let quiet = match one.finished {
            Some(finished) => self
                .context
                .now
                .checked_sub(finished)
                .map(Duration::from_millis),
            None => quiet_for(self.context, one),
        };
        let Some(quiet) = quiet else {
            return (false, reason.text(" since an unknown time").done());
        };
        let reason = reason.text(" and unchanged for ");
        once_quiet(reason, one, quiet, self.settings.dead_older_than)
    }

    /// Trials may not touch their sandbox for hours, and what runs in a sandbox can keep it active for
    /// ever. So both its age and its quiet count, and at twice the limit its age alone.
    fn judge_running(&self, one: &Resource) -> (bool, String) {
        let reason = Reason::new(one.state.word());
        let (Some(age), Some(quiet)) = (one.age(self.context), quiet_for(self.context, one)) else {
            return (false, reason.text(" since an unknown time").done());
        };
        let limit = self.settings.running_older_than;
        let reason = reason.text(", created ").time(age).text(" ago");
        if age <= limit {
            return (false, reason.not_yet(limit).done());
        }
        let reason = match one.last_used {
            Some(_) => reason.text(" and not active for ").time(quiet),
            None => reason,
        };
        if quiet > limit {
            let reason = match one.last_used {
                Some(_) => reason.longer_than(limit),
                None => reason.older_than(limit),
            };
            (true, reason.owner(", made by ", one).done())
        } else if age > limit.saturating_mul(2) {
            let reason = reason.text(" only, but older than twice ").time(limit);
            (true, reason.owner(", made by ", one).done())
        } else {
            (
                false,
                reason
                    .text(" only, and not yet older than twice ")
                    .time(limit)
                    .done(),
            )
        }
    }

    /// The benchmark works in the sandbox whose creation was reported last. One that is active
    /// nonetheless is in use, whatever the times of creation say.
    fn judge_double(&self, one: &Resource, newest: &Resource) -> (bool, String) {
        let limit = self.settings.duplicates_older_than;
        let reason = Reason::new(one.state.word())
            .text(", but `")
            .text(&newest.name);
        let later = newest
            .created
            .unwrap_or(0)
            .saturating_sub(one.created.unwrap_or(0));
        let reason = reason
            .text("` of the same session was created ")
            .time(Duration::from_millis(later))
            .text(" later");
        let (Some(age), Some(quiet)) = (newest.age(self.context), quiet_for(self.context, one))
        else {
            return (false, reason.text(" at an unknown time").done());
        };
        if age <= limit {
            let reason = reason.text(", only ").time(age).text(" ago").not_yet(limit);
            return (false, reason.done());
        }
        let reason = reason.text("; this one has not been active for ");
        once_quiet(reason, one, quiet, limit)
    }
}

/// It goes once it has been quiet for longer than the limit.
fn once_quiet(reason: Reason, one: &Resource, quiet: Duration, limit: Duration) -> (bool, String) {
    let (goes, reason) = (quiet > limit, reason.time(quiet));
    let reason = if goes {
        reason.longer_than(limit).owner(", made by ", one)
    } else {
        reason.not_yet_longer(limit)
    };
    (goes, reason.done())
}

fn unclear(one: &Resource, several: u64) -> String {
    Reason::new(one.state.word())
        .text(", one of ")
        .number(several)
        .text(" of its session, and the newest is unknown")
        .done()
}

/// The newest of those that run or are being made. It must be the newest by a time that all have.
fn newest<'a>(session: impl Iterator<Item = &'a Resource>) -> Newest<'a> {
    let mut live: Vec<_> = session.filter(|one| one.is_running()).collect();
    live.sort_by_key(|one| one.created);
    let several = live.len() as u64;
    let (Some(newest), Some(second)) = (live.pop(), live.last()) else {
        return Newest::Single;
    };
    let is_known = live.iter().all(|one| one.created.is_some());
    if is_known && second.created < newest.created {
        Newest::Is(newest)
    } else {
        Newest::Unclear(several)
    }
}

/// How long ago it was made or last used. `None` if nothing says, or says a time in the future.
fn quiet_for(context: &Context, one: &Resource) -> Option<Duration> {
    let last = one.created?.max(one.last_used.unwrap_or(0));
    context.now.checked_sub(last).map(Duration::from_millis)
}

#[cfg(test)]
mod tests;
