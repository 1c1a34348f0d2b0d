//! The rules for each resource by itself.

use tbengine_policy::log;
use tbengine_policy::params::{ParamError, Params, keys};
use tbengine_policy::types::{
    Class, Context, Failure, Interest, Owner, Resource, RetryAction, State, Verdict,
};

use super::newest::newest;
use super::profile::Profile;
use super::settings::Settings;
use crate::kind::lives;
use crate::reason::Reason;

/// The attribute that the Docker backend sets to `true` on images without a name.
const DANGLING: &str = "dangling";

/// The attribute of the Docker backend that says when a container is started again by itself; missing if never.
const RESTART_POLICY: &str = "restart-policy";

/// What the rules say about one resource.
enum Judgement {
    Delete(String),
    Keep(String),
    /// Nothing that anyone would ask about.
    Silent,
}

use Judgement::{Delete, Keep, Silent};

/// Judges each resource by itself, as its settings say.
#[derive(Clone, Debug)]
pub struct Judge {
    settings: Settings,
}

impl Judge {
    /// With these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// With the settings that these parameters say.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub fn read(profile: Profile, params: &Params) -> Result<Self, ParamError> {
        Settings::read(profile, params).map(Self::new)
    }

    /// What the rules read: the labels that are filtered by, whether an image is dangling, and whether a container
    /// restarts by itself.
    pub fn interest(&self) -> Interest {
        Interest::only(
            keys(self.settings.scope.labels.keys()),
            keys([DANGLING, RESTART_POLICY]),
        )
    }

    /// Advises after a failed attempt.
    pub fn retry(&self, failure: &Failure) -> RetryAction {
        self.settings.effort.retry(failure)
    }

    /// Evaluates the resources: first those that run or ran, then those that they used.
    pub fn decide(&self, context: &Context, resources: &[Resource]) -> Vec<Verdict> {
        let Settings { scope, effort, .. } = &self.settings;
        for word in scope.unknown_kinds(context) {
            log::warn(&format!("kinds: no backend here has `{word}`"));
        }
        let spared = newest(scope, self.settings.keep_newest, context, resources);
        let mut verdicts = Vec::with_capacity(resources.len());
        let mut deleted = vec![false; resources.len()];

        for pass in [true, false] {
            for (place, one) in resources.iter().enumerate() {
                if lives(one) != pass || !scope.admits(context, one) {
                    continue;
                }
                let mut judgement = if pass {
                    self.judge_living(context, one)
                } else {
                    self.judge_used(context, one, resources, &deleted)
                };
                if let (Delete(_), true) = (&judgement, spared.contains(&place)) {
                    judgement = Keep(
                        Reason::new("among the newest ")
                            .number(self.settings.keep_newest)
                            .done(),
                    );
                }
                match judgement {
                    Delete(reason) => {
                        if self.settings.ended.archives(one) {
                            verdicts.push(effort.archive(one, reason));
                            continue;
                        }
                        deleted[place] = pass;
                        let when_dead = self.settings.profile.force_on_dead;
                        verdicts.push(effort.delete(one, reason, when_dead));
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
        if let (Owner::Other(owner) | Owner::Kept(owner), false, false) =
            (&one.owner, one.claimed, self.settings.profile.thorough)
        {
            return Keep(
                Reason::new(one.state.word())
                    .text(", but belongs to ")
                    .text(owner)
                    .done(),
            );
        }
        // In a cloud, what is stopped or archived is at rest, as a machine is overnight.
        if matches!(one.state, State::Stopped | State::Archived) && !is_ours(one) {
            let reason = Reason::new(one.state.word()).text(", and may be started again; ");
            return Keep(match &one.owner {
                Owner::Other(owner) | Owner::Kept(owner) => {
                    reason.text("belongs to ").text(owner).done()
                }
                _ => reason.text("owner unknown").done(),
            });
        }
        if self.settings.ended.keeps(one) {
            return Keep(Reason::new(one.state.word()).text(" already").done());
        }
        // A service that is to restart by itself and does not run was stopped by hand, to be started again.
        if let (Some(policy), false, false) = (
            one.attr(RESTART_POLICY),
            is_ours(one),
            self.settings.profile.thorough,
        ) {
            return Keep(
                Reason::new(one.state.word())
                    .text(", but its restart policy is ")
                    .text(policy)
                    .done(),
            );
        }
        let Some(age) = one.age(context) else {
            return Keep(
                Reason::new(one.state.word())
                    .text(" since an unknown time")
                    .done(),
            );
        };
        let reason = match (one.state, one.finished) {
            (State::Created, _) => Reason::new("never started, created "),
            (state, Some(_)) => Reason::new(state.word()).text(" "),
            (state, None) => Reason::new(state.word()).text(", created "),
        };
        let reason = reason.time(age).text(" ago");
        if age > self.settings.dead_older_than {
            Delete(reason.older_than(self.settings.dead_older_than).done())
        } else {
            Keep(reason.not_yet(self.settings.dead_older_than).done())
        }
    }

    fn judge_running(&self, context: &Context, one: &Resource) -> Judgement {
        let state = one.state.word();
        if !is_ours(one) {
            let reason = Reason::new(state);
            return Keep(match &one.owner {
                Owner::Other(owner) | Owner::Kept(owner) => {
                    reason.text(", and belongs to ").text(owner).done()
                }
                _ => reason.text(", owner unknown").done(),
            });
        }
        let Some(age) = one.age(context) else {
            return Keep(Reason::new(state).text(" since an unknown time").done());
        };
        let reason = Reason::new(state).text(", created ").time(age).text(" ago");
        if age > self.settings.running_older_than {
            Delete(
                reason
                    .older_than(self.settings.running_older_than)
                    .owner(", made by ", one)
                    .done(),
            )
        } else {
            Keep(reason.not_yet(self.settings.running_older_than).done())
        }
    }

    /// Networks, storage, images and caches: they go when nothing that stays uses them. `deleted` says what goes
    /// of those that may use them, by their places.
    fn judge_used(
        &self,
        context: &Context,
        one: &Resource,
        resources: &[Resource],
        deleted: &[bool],
    ) -> Judgement {
        // What else there is, like settings, may be needed although nothing uses it.
        let is_known = matches!(
            one.class,
            Class::Network | Class::Storage | Class::Image | Class::Cache
        );
        if !is_known || !matches!(one.state, State::Present | State::Failed) {
            return Silent;
        }
        let is_used = !one.used_by.is_empty() || one.used_by_others > 0;
        let dangling = one.class == Class::Image && one.attr(DANGLING) == Some("true");
        let unit_network =
            self.settings.profile.thorough && one.class == Class::Network && one.unit.is_some();
        if !is_ours(one) && !dangling && !unit_network {
            return match one.class {
                Class::Storage if !is_used => {
                    Keep("unused, but it may hold data; owner unknown".to_owned())
                }
                Class::Network if !is_used => Keep("unused, owner unknown".to_owned()),
                // Images, snapshots and what is in use are kept without anyone wondering.
                _ => Silent,
            };
        }
        let mut stays = one
            .used_by
            .iter()
            .filter(|user| !deleted.get(**user as usize).copied().unwrap_or_default());
        let stays = stays.next().and_then(|user| resources.get(*user as usize));
        if stays.is_some() || one.used_by_others > 0 {
            return Keep(Reason::new("").used_by(stays, one.used_by_others).done());
        }
        let what = if dangling { "dangling " } else { "unused " };
        let Some(age) = one.age(context) else {
            return Keep(
                Reason::new(what)
                    .text(one.kind(context))
                    .text(", age unknown")
                    .done(),
            );
        };
        let shared = !dangling && matches!(one.class, Class::Image | Class::Cache);
        let limit = if shared {
            self.settings.running_older_than
        } else {
            self.settings.dead_older_than
        };
        let mut reason = Reason::new(what).text(one.kind(context));
        if one.is_proven() {
            reason = reason.owner(" of ", one);
        }
        reason = reason.text(", created ").time(age).text(" ago");
        if age > limit {
            let reason = reason.older_than(limit);
            let reason = match is_used {
                true => reason.text("; its users are deleted too"),
                false => reason,
            };
            Delete(reason.done())
        } else {
            Keep(reason.not_yet(limit).done())
        }
    }
}

/// Whether facts or the operator say that it may go although it runs or may hold data.
fn is_ours(one: &Resource) -> bool {
    one.is_proven() || one.claimed
}

#[cfg(test)]
mod tests;
