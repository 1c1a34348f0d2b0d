//! The rules for containers, networks and volumes: a unit goes as a whole, or stays.

use std::collections::HashSet;
use std::time::Duration;

use tbengine_policy::params::{ParamError, Params, keys};
use tbengine_policy::types::{
    Context, Failure, Force, Interest, Resource, RetryAction, Selection, State, Verdict,
};

use super::activity::Activity;
use super::profile::{Main, Preset, SERVICE};
use super::sandboxes::{HIDDEN, SandboxJudge};
use super::settings::PresetSettings;
use super::shared::SharedJudge;
use super::unit::{Unit, is_foreign, units};
use crate::reason::Reason;

/// A unit, and what becomes of it.
struct Judged<'a> {
    unit: Unit<'a>,
    activity: Activity<'a>,
    limit: Duration,
    goes: bool,
}

/// Judges the units of one benchmark, as its settings say.
#[derive(Clone, Debug)]
pub struct PresetJudge {
    settings: PresetSettings,
}

impl PresetJudge {
    /// With these settings.
    pub fn new(settings: PresetSettings) -> Self {
        Self { settings }
    }

    /// With the settings that these parameters say.
    ///
    /// # Errors
    /// Names the parameter that makes no sense.
    pub fn read(preset: Preset, params: &Params) -> Result<Self, ParamError> {
        PresetSettings::read(preset, params).map(Self::new)
    }

    /// What the rules read: which container is the main one, and which sandboxes are hidden.
    pub fn interest(&self) -> Interest {
        let labels = match self.settings.preset.main {
            Main::Service(_) => keys([SERVICE]),
            Main::NamedLikeUnit => Selection::Nothing,
        };
        let attrs = match self.settings.preset.in_clouds {
            true => keys([HIDDEN]),
            false => Selection::Nothing,
        };
        Interest::only(labels, attrs)
    }

    /// Advises after a failed attempt.
    pub fn retry(&self, failure: &Failure) -> RetryAction {
        self.settings.effort.retry(failure)
    }

    /// Judges the units of the benchmark, and what they share.
    pub fn decide(&self, context: &Context, resources: &[Resource]) -> Vec<Verdict> {
        let judged: Vec<Judged<'_>> = units(&self.settings.preset, context, resources)
            .into_iter()
            .map(|unit| self.judge_unit(context, unit, resources))
            .collect();

        let mut verdicts = Vec::new();
        let mut deleted = HashSet::new();
        let sandboxes = SandboxJudge::new(&self.settings, context);
        for one in &judged {
            self.judge_containers(context, one, &mut deleted, &mut verdicts);
            sandboxes.judge(&one.unit.sandboxes, &mut deleted, &mut verdicts);
        }
        // What is used comes after everything that uses it, in whatever unit.
        for one in &judged {
            self.judge_used(one, resources, &deleted, &mut verdicts);
        }
        SharedJudge::new(&self.settings, context).judge(resources, &deleted, &mut verdicts);
        verdicts
    }

    fn judge_unit<'a>(
        &self,
        context: &Context,
        unit: Unit<'a>,
        resources: &[Resource],
    ) -> Judged<'a> {
        let activity = Activity::of(&self.settings.preset, context, &unit, resources);
        let (limit, goes) = match activity {
            Activity::Ended(age) | Activity::Empty(age) | Activity::Headless(_, age) => (
                self.settings.dead_older_than,
                age > self.settings.dead_older_than,
            ),
            Activity::Runs(age) => (
                self.settings.running_older_than,
                age > self.settings.running_older_than,
            ),
            Activity::Unclear(_) => (Duration::ZERO, false),
        };
        Judged {
            unit,
            activity,
            limit,
            goes,
        }
    }

    fn judge_containers<'a>(
        &self,
        context: &Context,
        judged: &Judged<'a>,
        deleted: &mut HashSet<&'a str>,
        verdicts: &mut Vec<Verdict>,
    ) {
        for one in &judged.unit.containers {
            let is_known = one.is_dead() || one.is_running();
            if !is_known || is_foreign(&self.settings.preset, one) {
                continue;
            }
            let reason = Reason::new("").since(context, one).text("; ");
            let reason =
                judged
                    .activity
                    .explain(reason, &self.settings.preset, judged.limit, judged.goes);
            if judged.goes {
                deleted.insert(&one.id);
                // The daemon refuses to delete what was started again meanwhile.
                verdicts.push(
                    self.settings
                        .effort
                        .delete(one, reason.done(), Force::Never),
                );
            } else {
                verdicts.push(one.keep(reason.done()));
            }
        }
    }

    /// Networks and storage.
    fn judge_used(
        &self,
        judged: &Judged<'_>,
        resources: &[Resource],
        deleted: &HashSet<&str>,
        verdicts: &mut Vec<Verdict>,
    ) {
        for one in &judged.unit.used {
            if one.state != State::Present || is_foreign(&self.settings.preset, one) {
                continue;
            }
            let mut users = one.users(resources);
            let stays = users.find(|user| !deleted.contains(user.id.as_str()));
            let is_held = stays.is_some() || one.used_by_others > 0;
            let reason = Reason::new("");
            let verdict = match judged.goes && is_held {
                true => one.keep(reason.used_by(stays, one.used_by_others).done()),
                false => {
                    let reason = judged.activity.explain(
                        reason,
                        &self.settings.preset,
                        judged.limit,
                        judged.goes,
                    );
                    match judged.goes {
                        true => self
                            .settings
                            .effort
                            .delete(one, reason.done(), Force::Never),
                        false => one.keep(reason.done()),
                    }
                }
            };
            verdicts.push(verdict);
        }
    }
}

#[cfg(test)]
mod tests;
